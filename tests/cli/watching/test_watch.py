"""The daemon as users start it, on cameras of the network; the recipes of the README rehearse with a video."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from conftest import ROOT, Ended
from prometheus_client.parser import text_string_to_metric_families

from face_classifier.core.types import Image
from face_classifier.daemon.wishes import IN_TIME

SECRET = "pa55-w0rd"

# A camera in a process of its own, which shows and does what its standard input says.
CAMERA = """
import sys
import cv2
sys.path[:0] = sys.argv[1:2]
from servers.streams import HttpCamera
shown = ["empty"]
def picture(number):
    image = cv2.imread(f"{sys.argv[2]}/{shown[0]}.png")
    image[:8, :8] = number % 2 * 255
    return image
with HttpCamera(picture=picture) as camera:
    print(camera.port, flush=True)
    for line in sys.stdin:
        what, word = line.split()
        if what == "show":
            shown[0] = word
        else:
            camera.become(word)
"""


class Camera:
    """An HTTP camera in another process."""

    def __init__(self, pictures: Path) -> None:
        line = [sys.executable, "-c", CAMERA, str(ROOT / "tests"), str(pictures)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.mode = "good"
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def show(self, picture: str) -> None:
        self._say(f"show {picture}")

    def become(self, mode: str) -> None:
        if mode != self.mode:  # each change cuts the connections
            self.mode = mode
            self._say(f"become {mode}")

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def pictures(closeups: dict[str, Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What cameras may show."""
    folder = tmp_path_factory.mktemp("pictures")
    empty: Image = np.full((360, 480, 3), 90, np.uint8)
    for name in ("empty", "obama", "biden"):
        shown = empty.copy()
        if name != "empty":
            shown[60:300, 120:360] = closeups[f"{name}.jpg"]
        assert cv2.imwrite(str(folder / f"{name}.png"), shown)
    return folder


@contextmanager
def watching(*arguments: object, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """`watch` in another process, whose log and lines go to files."""
    line = [sys.executable, "-m", "face_classifier", "watch", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "DOOR_PASSWORD": SECRET}
    with (
        (cwd / "log").open("a") as log,
        (cwd / "lines").open("a") as lines,
        subprocess.Popen(line, stdout=lines, stderr=log, text=True, cwd=cwd, env=environment) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def wait_until(condition: Callable[[], Any], folder: Path, seconds: float = 60) -> Any:
    """Wait for what is true in the end."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, (folder / "log").read_text()
        time.sleep(0.05)
    return found


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class House:
    """A daemon that watches a door and a garden, and what it tells."""

    def __init__(self, folder: Path, door: Camera, garden: Camera) -> None:
        self.folder, self.door, self.garden = folder, door, garden
        self.port = free_port()
        self.result = folder / "result"
        self.process: subprocess.Popen[str]

    def configuration(self, **changed: Any) -> dict[str, Any]:
        address = f"http://127.0.0.1:{self.door.port}/stream"
        return {
            "result": "result",
            "seconds": 0.2,
            "log": "json",
            "cameras": {
                "door": {"url": address, "user": "admin", "password_env": "DOOR_PASSWORD"},
                "garden": {"url": f"http://127.0.0.1:{self.garden.port}/stream", "silence": 2},
            },
            "visits": {"gap": 3, "unknown_after": 1},
            "channels": {"terminal": {"type": "print"}, "log": {"type": "file", "path": "alerts.jsonl"}},
            "alerts": {
                "per_minute": 1000,
                "blip": 0,
                "rules": [
                    {
                        "name": "all",
                        "on": ["person", "new_person", "unknown", "camera_lost", "camera_back"],
                        "channels": ["terminal", "log"],
                    }
                ],
            },
            "web": {"listen": f"127.0.0.1:{self.port}"},
        } | changed

    def configure(self, configuration: dict[str, Any]) -> Path:
        path = self.folder / "cctv.yaml"
        path.write_text(yaml.safe_dump(configuration, sort_keys=False))
        return path

    @contextmanager
    def watched(self, configuration: dict[str, Any] | None = None) -> Iterator[House]:
        path = self.configure(configuration or self.configuration())
        with watching("--config", path, cwd=self.folder) as self.process:
            wait_until(lambda: '"started"' in self.log(), self.folder)
            yield self

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def alerts(self) -> list[dict[str, Any]]:
        path = self.folder / "alerts.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def ask(self, page: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", page)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def camera(self, name: str) -> dict[str, Any]:
        cameras = json.loads(self.ask("/readyz")[1])["cameras"]
        return next((camera for camera in cameras if camera["name"] == name), {"status": "gone"})

    def reload(self, configuration: dict[str, Any]) -> dict[str, Any]:
        """Returns the line of the log about it."""
        self.configure(configuration)
        before = len(self.of_log("reload"))
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(self.of_log("reload")) > before, self.folder)
        return self.of_log("reload")[-1]

    def of_log(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log().splitlines()]
        return [line for line in lines if line["event"] == event]


@pytest.fixture(scope="module")
def running(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One daemon for all tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("house")
    with Camera(pictures) as door, Camera(pictures) as garden, House(folder, door, garden).watched() as house:
        wait_until(lambda: house.camera("garden")["status"] == "good", folder)
        yield house
        house.process.send_signal(signal.SIGTERM)
        assert house.process.wait(IN_TIME + 1) == 0, house.log()


@pytest.fixture
def house(running: House) -> Iterator[House]:
    yield running
    running.door.show("empty")
    running.garden.become("good")
    wait_until(lambda: running.camera("garden")["status"] == "good", running.folder)
    if "yard" in running.ask("/readyz")[1]:
        running.reload(running.configuration())


def came(house: House, picture: str) -> dict[str, Any]:
    """The alert about somebody who comes to the door now."""
    before = len(house.alerts())
    house.door.show(picture)
    new = lambda: [alert for alert in house.alerts()[before:] if alert["kind"] in ("person", "new_person")]  # noqa: E731
    alert: dict[str, Any] = wait_until(new, house.folder)[0]
    house.door.show("empty")
    return alert


def test_who_comes_is_told_soon_and_printed(house: House):
    alert = came(house, "obama")
    assert (alert["camera"], alert["rule"]) == ("door", "all")
    assert alert["age"] < 5  # within a second where the machine is not busy (benchmarks/watch.md)
    assert any(alert["text"] in line for line in (house.folder / "lines").read_text().splitlines())
    assert (house.result / str(alert["person"])).is_dir()


def test_a_name_that_the_user_gives_meanwhile_is_told_but_never_logged(house: House):
    person = came(house, "biden")["person"]
    if person != "Joe B.":
        (house.result / person).rename(house.result / "Joe B.")
    time.sleep(3.5)  # until that visit is over
    assert came(house, "biden")["person"] == "Joe B."
    assert "Joe" not in house.log()
    assert house.of_log("person")[-1]["track"] is not None


def test_status_tells_how_cameras_and_channels_do(house: House, command: Callable[..., Ended]):
    ended = command("status", "--result", house.result, "--json")
    told = json.loads(ended.out)
    assert ended.code == 0
    assert (told["pid"], told["live"], told["ready"]) == (house.process.pid, True, True)
    assert [(camera["name"], camera["status"]) for camera in told["cameras"]] == [("door", "good"), ("garden", "good")]
    assert [channel["type"] for channel in told["channels"]] == ["print", "file"]
    table = command("status", "--result", house.result).out
    assert re.search(r"^door +good ", table, re.MULTILINE)
    assert re.search(r"^terminal +print +good ", table, re.MULTILINE)


def test_nobody_who_watches_has_no_status(tmp_path: Path, command: Callable[..., Ended]):
    ended = command("status", "--result", tmp_path)
    assert (ended.code, f"no program watches cameras into {tmp_path}" in ended.err) == (1, True)


def test_the_page_of_health_has_figures_that_count_on(house: House):
    def frames() -> float:
        families = text_string_to_metric_families(house.ask("/metrics")[1])
        samples = [sample for family in families for sample in family.samples]
        return next(
            one.value
            for one in samples
            if (one.name, one.labels.get("camera")) == ("face_classifier_frames_analysed_total", "door")
        )

    assert house.ask("/healthz") == (200, '{"live":true,"stuck":[]}')
    before = frames()
    wait_until(lambda: frames() >= before + 5, house.folder)


def test_a_camera_that_is_lost_is_told_once_and_back_while_the_other_goes_on(house: House):
    before, lost = len(house.alerts()), house.camera("garden")["lost"]
    house.garden.become("refused")
    wait_until(lambda: house.camera("garden")["status"] == "lost", house.folder, 10)
    assert house.ask("/healthz")[0] == house.ask("/readyz")[0] == 200
    frames = house.camera("door")["analysed"]
    wait_until(lambda: house.camera("door")["analysed"] >= frames + 10, house.folder, 10)
    house.garden.become("good")
    wait_until(lambda: house.camera("garden")["status"] == "good", house.folder, 10)
    assert house.camera("garden")["lost"] == lost + 1
    kinds = lambda: [alert["kind"] for alert in house.alerts()[before:] if alert["camera"] == "garden"]  # noqa: E731
    wait_until(lambda: kinds() == ["camera_lost", "camera_back"], house.folder)


def test_a_reload_begins_what_is_new_and_lets_the_others_go_on(house: House):
    before = house.camera("door")["analysed"]
    wanted = house.configuration()
    wanted["cameras"]["yard"] = {"url": f"http://127.0.0.1:{house.garden.port}/stream?2"}
    assert "new: yard" in house.reload(wanted)["text"]
    wait_until(lambda: house.camera("yard")["status"] == "good", house.folder)
    assert house.camera("door")["analysed"] > before  # it was not begun anew, else it would count from 0
    assert "gone: yard" in house.reload(house.configuration())["text"]
    assert house.camera("yard")["status"] == "gone"


def test_a_configuration_with_a_fault_changes_nothing_and_is_told(house: House):
    before = house.camera("door")["analysed"]
    wanted = house.configuration()
    wanted["cameras"]["door"]["frozen"] = "never"
    told = house.reload(wanted)
    assert told["level"] == "warning"
    assert re.search(r"the configuration stays as it was: .*frozen in .*cctv.yaml, line", told["text"])
    assert house.camera("door")["analysed"] >= before


def test_what_only_a_restart_brings_into_force_is_told(house: House):
    told = house.reload(house.configuration(visits={"gap": 4, "unknown_after": 1}))
    assert told["restart"] == ["visits"]
    assert json.loads(house.ask("/readyz")[1])["restart"] == ["visits"]
    assert house.reload(house.configuration())["restart"] == []


def test_a_camera_waits_for_its_hours_and_is_not_lost(house: House):
    lost = len(house.of_log("camera_lost"))
    later = datetime.now() + timedelta(hours=2)
    wanted = house.configuration()
    wanted["cameras"]["garden"]["hours"] = [f"{later:%H:%M}-{later + timedelta(hours=1):%H:%M}"]
    house.reload(wanted)
    wait_until(lambda: house.camera("garden")["status"] == "waiting", house.folder)
    assert house.camera("garden")["reason"] == "waits for its hours"
    assert house.ask("/healthz")[0] == 200
    house.reload(house.configuration())
    wait_until(lambda: house.camera("garden")["status"] == "good", house.folder)
    assert len(house.of_log("camera_lost")) == lost


def test_signals_that_come_while_it_reloads_are_all_taken(house: House):
    before = len(house.of_log("reload"))
    for _ in range(5):
        house.process.send_signal(signal.SIGHUP)
        time.sleep(0.02)
    wait_until(lambda: len(house.of_log("reload")) > before, house.folder)
    assert house.camera("door")["status"] == "good"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells descriptors and threads so")
def test_losses_and_reloads_leave_no_descriptor_thread_or_child_behind(house: House):
    def counts() -> tuple[int, int, int]:
        proc = Path(f"/proc/{house.process.pid}")
        children = (proc / "task" / str(house.process.pid) / "children").read_text().split()
        return len(list((proc / "fd").iterdir())), len(list((proc / "task").iterdir())), len(children)

    def settled() -> tuple[int, int, int]:
        wait_until(lambda: house.camera("garden")["status"] == "good", house.folder)
        time.sleep(1.5)
        return counts()

    wanted = house.configuration()
    wanted["cameras"]["yard"] = {"url": f"http://127.0.0.1:{house.garden.port}/stream?2"}

    def trouble() -> None:
        house.reload(wanted)
        house.garden.become("refused")
        wait_until(lambda: house.camera("garden")["status"] == "lost", house.folder)
        house.garden.become("good")
        house.reload(house.configuration())

    trouble()
    before = settled()
    for _ in range(3):
        trouble()
    after = settled()
    assert all(now <= then + 1 for now, then in zip(after, before, strict=True)), (before, after)


def test_no_password_is_in_the_log_the_page_or_the_result(house: House):
    assert SECRET not in house.log()
    assert SECRET not in house.ask("/readyz")[1] + house.ask("/metrics")[1]
    assert not any(SECRET.encode() in path.read_bytes() for path in house.result.rglob("*") if path.is_file())


def test_that_the_time_of_stop_is_over_is_told_and_no_file(pictures: Path, tmp_path: Path):
    with Camera(pictures) as door:
        address = f"http://127.0.0.1:{door.port}/stream"
        with watching(address, "--stop", "1", "--json", "--result", "result", cwd=tmp_path) as process:
            assert process.wait(60) == 0
    told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["text"] for line in told if line["event"] == "stopping"] == ["the time of --stop is over"]
    assert [line["text"] for line in told if line["event"] == "camera"][-1] == "the time of --stop is over"


def test_a_killed_daemon_tells_nothing_twice_and_one_in_which_all_hangs_stops_in_time(pictures: Path, tmp_path: Path):
    with Camera(pictures) as door, Camera(pictures) as garden, socket.create_server(("127.0.0.1", 0)) as hole:
        house = House(tmp_path, door, garden)
        wanted = house.configuration(visits={"gap": 60, "unknown_after": 1})
        address = f"http://127.0.0.1:{hole.getsockname()[1]}/"  # accepts, and never answers
        wanted["channels"]["hole"] = {"type": "webhook", "url": address, "private": True}
        wanted["alerts"]["rules"][0]["channels"].append("hole")
        people = lambda: [alert for alert in house.alerts() if alert["person"]]  # noqa: E731
        door.show("obama")
        with house.watched(wanted):
            wait_until(people, tmp_path)
            time.sleep(1.5)  # what passes is written a second late at most
            house.process.kill()
            house.process.wait()
        told = people()
        (tmp_path / "log").write_text("")
        garden.become("drip")
        with house.watched(wanted):
            wait_until(lambda: house.camera("door")["faces"] >= 10, tmp_path)
            assert people() == told
            asked = time.monotonic()
            house.process.send_signal(signal.SIGTERM)
            assert house.process.wait(20) == 0, house.log()
            assert time.monotonic() - asked < IN_TIME + 3
        # On a busy machine the channel that never answers may have been told meanwhile.
        assert not [line for line in house.of_log("problem") if "hole" not in line["text"]], house.log()
        assert (house.result / "face_encodings").is_file()  # the views are as the folders are
        assert list(house.result.glob("montage.*.png"))


def test_a_gallery_that_another_process_owns_is_left_alone(house: House, demo_clip: Path, tmp_path: Path):
    with watching(demo_clip, "--result", house.result, cwd=tmp_path) as process:
        assert process.wait(30) == 75
    assert f"in use by process {house.process.pid}" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "no camera is named"),
        (["clipp.mp4"], "clipp.mp4 is not a file"),
        (["ftp://cam/x"], "ftp://cam/x is not a camera"),
        (["0", "--display"], "watch shows no window"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(words: list[str], told: str, command: Callable[..., Ended]):
    ended = command("watch", *words)
    assert (ended.code, told in ended.err) == (2, True), ended.err


def test_a_variable_of_a_password_that_is_not_set_is_told_at_the_start(tmp_path: Path):
    door = {"url": "rtsp://127.0.0.1:9/", "user": "admin", "password_env": "PASSWORD_OF_NO_DOOR"}
    (tmp_path / "house.yaml").write_text(json.dumps({"cameras": {"door": door}, "web": {"listen": "off"}}))
    sentence = "the password of a camera is to be in the variable PASSWORD_OF_NO_DOOR, which is not set; set it"
    with watching("--config", "house.yaml", cwd=tmp_path):
        assert wait_until(lambda: sentence in (tmp_path / "log").read_text(), tmp_path)
