"""The page of a daemon, asked over HTTP."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from face_classifier.alerts.worker import ChannelState
from face_classifier.core.config.settings import Settings
from face_classifier.core.errors import UserError
from face_classifier.curate.ask import CarriedOut
from face_classifier.daemon.status import STUCK, CameraStatus, GalleryStatus, Status, Times
from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.app import make_app
from face_classifier.web.served import served
from face_classifier.web.site import Site

DOOR = CameraStatus("door", "good", 60.0, "", False, 0.1, 500, 3, 40, 2, 1, 0.05)
LOST = replace(DOOR, name="garden", status="lost", reason="it refuses the connection", last_frame=None)
THOUGHTS = Times(3, 4.5)
GALLERY = GalleryStatus("result", 0.2, 2, 30, 4, 1_000_000, THOUGHTS)
TOLD = Times(5, 1.5, (0.5, 1.0), (4, 5))
WELL = Status(
    pid=1,
    uptime=100.0,
    gallery=GALLERY,
    cameras=(DOOR, LOST),
    channels=(ChannelState("terminal", "print", "good", "", 5, 1, 2),),
    told=TOLD,
    memory=200_000_000,
    restart=(),
)


NOBODY = Reader(Path("nowhere"))


def refuse(_command: str, _arguments: dict[str, object]) -> CarriedOut:
    raise AssertionError("health changes nothing")


class Page:
    """A page that tells of any status."""

    def __init__(self) -> None:
        self.status = WELL
        self.port = 0

    def ask(self, path: str, host: str | None = None, accept: str = "") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Host": host} if host else {}
        try:
            connection.request("GET", path, headers={**headers, "Accept": accept})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def serving() -> Iterator[Page]:
    page = Page()
    with served(make_app(Site(Settings, refuse, NOBODY, lambda: page.status)), "127.0.0.1", 0) as page.port:
        yield page


@pytest.fixture
def page(serving: Page) -> Page:
    serving.status = WELL
    return serving


def test_a_daemon_whose_threads_all_turn_is_alive(page: Page):
    assert page.ask("/healthz") == (200, '{"live":true,"stuck":[]}')


@pytest.mark.parametrize(
    ("status", "stuck"),
    [
        (replace(WELL, gallery=replace(GALLERY, answered=STUCK + 1)), "the owner of the gallery"),
        (replace(WELL, cameras=(replace(DOOR, turned=STUCK + 1), LOST)), "the loop of camera door"),
    ],
)
def test_a_thread_that_stands_still_is_told_so_that_a_supervisor_restarts(page: Page, status: Status, stuck: str):
    page.status = status
    assert page.ask("/healthz") == (503, json.dumps({"live": False, "stuck": [stuck]}, separators=(",", ":")))
    assert page.ask("/readyz")[0] == 503


def test_one_lost_camera_makes_nobody_restart_the_others(page: Page):
    assert page.ask("/healthz")[0] == 200
    code, text = page.ask("/readyz")
    told = json.loads(text)
    assert code == 200
    assert [(camera["name"], camera["status"]) for camera in told["cameras"]] == [("door", "good"), ("garden", "lost")]
    assert told["channels"][0]["queued"] == 2


def test_a_daemon_all_of_whose_cameras_are_lost_is_alive_but_not_ready(page: Page):
    page.status = replace(WELL, cameras=(LOST,))
    assert page.ask("/healthz")[0] == 200
    assert page.ask("/readyz")[0] == 503


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_prometheus_is_told_figures_by_cameras_and_channels(page: Page, accept: str):
    code, text = page.ask("/metrics", accept=accept)
    assert code == 200
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["face_classifier_frames_analysed_total", "door"] == 500
    assert found["face_classifier_frames_dropped_total", "door"] == 3
    assert found["face_classifier_faces_seen_total", "door"] == 40
    assert found["face_classifier_camera_up", "door"] == 1
    assert found["face_classifier_camera_up", "garden"] == 0
    assert found["face_classifier_camera_last_frame_seconds", "door"] == 0.1
    assert ("face_classifier_camera_last_frame_seconds", "garden") not in found
    assert found["face_classifier_camera_reconnects_total", "door"] == 1
    assert found["face_classifier_alerts_missed_total", "terminal"] == 1
    assert found["face_classifier_alerts_queued", "terminal"] == 2
    assert found["face_classifier_alert_delay_seconds_bucket", "0.5"] == 4
    assert found["face_classifier_alert_delay_seconds_count",] == 5
    assert found["face_classifier_second_thoughts_seconds_sum",] == 4.5
    assert found["face_classifier_resident_memory_bytes",] == 200_000_000


def test_figures_name_nobody(page: Page):
    labels = set(re.findall(r'(\w+)="', page.ask("/metrics")[1]))
    assert labels == {"camera", "channel", "kind", "le"}


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("localhost:{port}", 200),
        ("127.0.0.1:{port}", 200),
        ("[::1]:{port}", 200),
        ("evil.example:{port}", 400),
        ("127.0.0.1.evil.example", 400),
        ("", 400),
    ],
)
def test_a_page_on_the_internet_whose_name_leads_here_reads_nothing(page: Page, host: str, code: int):
    told = page.ask("/readyz", host=host.format(port=page.port) or " ")
    assert told[0] == code
    assert ("cameras" in told[1]) == (code == 200)


def test_a_port_that_is_in_use_is_told_in_a_sentence(page: Page):
    told = rf"the page cannot be served at 127.0.0.1:{page.port} \(.*in use\)"
    with (
        pytest.raises(UserError, match=told),
        served(make_app(Site(Settings, refuse, NOBODY, lambda: WELL)), "127.0.0.1", page.port),
    ):
        pass


def test_a_page_that_is_asked_for_meanwhile_ends_soon():
    with served(make_app(Site(Settings, refuse, NOBODY, lambda: WELL)), "127.0.0.1", 0) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.connect()  # and says nothing
    connection.close()
