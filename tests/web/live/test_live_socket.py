"""The socket of a tab, by a real daemon that rehearses with the demo's clip."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import httpx
import numpy as np
import pytest
from conftest import Listener
from servers.asking import run
from servers.pages import settings_of
from servers.watched import SECONDS, Cameras, Watched, until, watched
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from face_classifier.core.config import tokens
from face_classifier.core.config.parts.page import Web
from face_classifier.curate import ask
from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.app import make_app
from face_classifier.web.doors import who
from face_classifier.web.live.live import telling
from face_classifier.web.live.socket import happens
from face_classifier.web.served import served
from face_classifier.web.site import Site

GREY = np.full((360, 480, 3), 90, np.uint8)


@pytest.fixture
def cameras() -> Cameras:
    return Cameras()


class House(NamedTuple):
    """A page whose cameras show what the test says."""

    site: Site
    app: Any
    address: str


@pytest.fixture
def house(cameras: Cameras, result: Path) -> Iterator[House]:
    settings = settings_of(result)
    with Reader(result) as reader:
        site = Site(lambda: settings, refuse, reader, cameras.status, cameras)
        app = make_app(site)
        with telling(site), served(app, "127.0.0.1", 0) as port:
            yield House(site, app, f"http://127.0.0.1:{port}")


def refuse(_name: str, _arguments: dict[str, Any]) -> Any:
    raise AssertionError


@pytest.fixture
def rehearsal(demo_clip: Path, tmp_path: Path) -> Iterator[Watched]:
    """A daemon with two cameras, one of which shows no strangers, and only its right half."""
    door = {"url": str(demo_clip), "repeat": True}
    garden = {**door, "masks": [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]], "known_only": True}
    with watched(tmp_path / "result", {"door": door, "garden": garden}) as house:
        yield house
        until(lambda: not at_work(house), "nothing is at work for tabs")


class Tab:
    """A tab, as a browser would be one."""

    def __init__(self, house: House | Watched, since: int | None = None) -> None:
        asked = "" if since is None else f"?since={since}"
        address = f"ws{house.address.removeprefix('http')}/api/v1/ws{asked}"
        self._stack = ExitStack()
        self.socket: ClientConnection = self._stack.enter_context(
            connect(address, open_timeout=SECONDS, ping_interval=None)
        )
        self.hello = self.event("hello")

    def __enter__(self) -> Tab:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def say(self, **what: Any) -> None:
        self.socket.send(json.dumps(what))

    def event(self, *kinds: str) -> dict[str, Any]:
        """The next text of these kinds."""
        end = time.monotonic() + SECONDS
        while True:
            message = self.socket.recv(max(0.0, end - time.monotonic()))
            if isinstance(message, str) and (told := json.loads(message))["type"] in kinds:
                return dict(told)

    def revision(self) -> int:
        """That of the gallery, which is told at once, or as soon as it is known."""
        return int((self.hello if "revision" in self.hello else self.event("revision"))["revision"])

    def tile(self, camera: str) -> tuple[dict[str, Any], np.ndarray]:
        """The next picture of a camera: what is told of it, and the picture."""
        end = time.monotonic() + SECONDS
        while True:
            message = self.socket.recv(max(0.0, end - time.monotonic()))
            if isinstance(message, str):
                continue
            (length,) = struct.unpack_from(">H", message)
            header = json.loads(message[2 : 2 + length])
            if header["camera"] == camera:
                image = cv2.imdecode(np.frombuffer(message[2 + length :], np.uint8), cv2.IMREAD_COLOR)
                assert image is not None
                return header, image


def at_work(house: House | Watched) -> list[str]:
    """What goes on for tabs: threads, and tasks of the server."""
    found = [thread.name for thread in threading.enumerate() if thread.name.startswith("live ")]
    live = house.app.state.live
    return [*found, *("tab" for _ in live.hub._wakes)]


def test_a_tab_is_told_at_first_how_the_cameras_are(house: House, cameras: Cameras):
    cameras.show("door", GREY)
    with Tab(house) as tab:
        assert [(camera["camera"], camera["status"]) for camera in tab.hello["cameras"]] == [("door", "good")]


def test_a_tab_is_told_who_comes_and_what_it_missed(house: House):
    with Tab(house) as tab:
        tab.revision()
        seq = house.site.hub.seq
        house.site.hub.publish("visit", {"person": "Anna"})
        assert tab.event("visit") == {"seq": seq + 1, "type": "visit", "person": "Anna"}
    house.site.hub.publish("visit", {"person": "Ben"})
    with Tab(house, since=seq) as tab:
        assert [tab.event("visit")["person"] for _ in range(2)] == ["Anna", "Ben"]
    with Tab(house, since=seq - 1000) as tab:
        assert tab.event("resync")["seq"] >= seq + 2


def test_a_tab_is_told_when_the_gallery_has_moved(house: House, result: Path):
    with Tab(house) as tab:
        before = tab.revision()
        assert before == house.site.reader.now().revision
        ask.carry_out(settings_of(result), "rename", {"person": "person_01", "name": "Anna"}, Listener())
        assert tab.event("revision")["revision"] > before


def test_a_slow_tab_is_told_to_fetch_its_page_anew_rather_than_a_part_of_what_it_missed(house: House):
    with Tab(house) as tab:
        tab.revision()
        hub = house.site.hub
        filler = "x" * 200_000  # of which the buffers between hold some fifty
        for _ in range(600):
            hub.publish("visit", {"filler": filler})
        told = tab.event("resync")
        while told["seq"] < hub.seq:  # it was told so early that there is more, or it lost something again
            told = tab.event("resync", "visit")
        hub.publish("visit", {"person": "Anna"})
        assert tab.event("visit")["person"] == "Anna"


@pytest.mark.parametrize("nonsense", ["[]", "{", '{"look": "door"}', '{"look": ["x"], "size": "huge"}', b"\0"])
def test_a_tab_that_talks_nonsense_has_to_go(house: House, nonsense: str | bytes):
    with Tab(house) as tab:
        tab.socket.send(nonsense)
        with pytest.raises(ConnectionClosed) as closed:
            tab.event("which never comes")
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1008


@pytest.mark.parametrize("turns", range(5))
def test_who_waits_is_stopped_also_at_the_moment_of_an_event(turns: int):
    async def stopped() -> bool:
        event = asyncio.Event()
        waiting = asyncio.create_task(happens(event, SECONDS))
        await asyncio.sleep(0)
        event.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        was_over = waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])
        return was_over or waiting.cancelled()

    assert run(stopped())


def test_silence_is_told_from_an_event():
    async def heard() -> tuple[bool, bool]:
        event = asyncio.Event()
        is_silent = not await happens(event, 0.01)
        event.set()
        return is_silent, await happens(event, SECONDS)

    assert run(heard()) == (True, True)


class Guest(NamedTuple):
    """A program with a token, which somebody may take away."""

    address: str  # 127.0.0.1:45678
    token: dict[str, str]
    take_away: Callable[[], None]


@pytest.fixture
def guest(cameras: Cameras, result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guest]:
    monkeypatch.setattr(who, "KNOWN", 0.1)
    file = tmp_path / "tokens"
    word = tokens.add(str(file), "phone", ["live"])
    settings = settings_of(result).but(web=Web(tokens_file=str(file)))
    cameras.show("door", GREY)
    with Reader(result) as reader:
        app = make_app(Site(lambda: settings, refuse, reader, cameras.status, cameras))
        with served(app, "127.0.0.1", 0) as port:
            yield Guest(f"127.0.0.1:{port}", {"Authorization": f"Bearer {word}"}, lambda: file.write_text("") and None)


def test_a_tab_whose_token_is_taken_away_is_told_nothing_more(guest: Guest, cameras: Cameras):
    with connect(f"ws://{guest.address}/api/v1/ws", additional_headers=guest.token) as tab:
        tab.send(json.dumps({"look": ["door"]}))
        while isinstance(tab.recv(SECONDS), str):
            pass
        guest.take_away()

        def is_closed() -> bool:
            cameras.show("door", GREY)
            try:
                tab.recv(0.1)
            except ConnectionClosed as closed:
                return closed.rcvd is not None and closed.rcvd.code == 1008
            except TimeoutError:
                pass
            return False

        until(is_closed, "the tab is closed")


def test_a_stream_whose_token_is_taken_away_ends(guest: Guest, cameras: Cameras):
    address = f"http://{guest.address}/cameras/door/stream.mjpg"
    with httpx.stream("GET", address, headers=guest.token, timeout=SECONDS) as answer:
        parts = answer.iter_bytes()
        assert b"image/jpeg" in next(parts)
        guest.take_away()

        def is_over() -> bool:
            cameras.show("door", GREY)
            return next(parts, None) is None

        until(is_over, "the stream ends")


def test_tabs_that_close_leave_no_thread_and_no_task(house: House, cameras: Cameras):
    cameras.show("door", GREY)
    tabs = [Tab(house) for _ in range(8)]
    for tab in tabs:
        tab.say(look=["door"])
    for tab in tabs:
        tab.tile("door")
    assert at_work(house).count("tab") == 8
    assert house.app.state.live.tiles.drawn == 1
    for number, tab in enumerate(tabs):
        if number % 2:
            tab.socket.socket.shutdown(socket.SHUT_RDWR)  # as a phone that is out of reach
        tab.__exit__()
    until(lambda: not at_work(house), "nothing is at work for tabs")


def test_a_tab_sees_what_cameras_see_without_what_is_masked(rehearsal: Watched):
    with Tab(rehearsal) as tab:
        tab.say(look=["door", "garden"])
        header, door = tab.tile("door")
        assert header["size"] == "small"
        assert 0 <= header["age"] < 8
        assert door[:, : door.shape[1] // 3].mean() > 20
        assert tab.tile("garden")[1][:, : door.shape[1] // 3].mean() < 3
        assert tab.tile("door")[1].shape == door.shape  # it goes on
        assert tab.event("visit")["person"] in ("person_01", "person_02")


def test_a_pause_closes_the_stream_and_is_over_when_the_user_says_so(rehearsal: Watched):
    looking = rehearsal.daemon.looking
    with Tab(rehearsal) as tab, httpx.Client(base_url=rehearsal.address) as client:
        tab.say(look=["door"])
        tab.tile("door")
        assert client.post("/api/v1/cameras/door/pause").status_code == 200
        while (told := tab.event("camera"))["status"] != "paused":
            assert told["status"] in ("starting", "good")  # before
        assert (rehearsal.status("door"), looking.scene("door")) == ("paused", None)
        assert client.get("/api/v1/cameras/door/snapshot.jpg").status_code == 503
        assert rehearsal.status("garden") != "paused"
        client.post("/api/v1/cameras/door/resume")
        assert until(lambda: looking.shoot("door"), "there is a picture")[:2] == b"\xff\xd8"
        assert client.get("/api/v1/cameras/door/snapshot.jpg").headers["content-type"] == "image/jpeg"
        assert client.post("/api/v1/cameras/cellar/pause").status_code == 404


def test_a_pause_outlasts_a_configuration_that_is_read_anew(rehearsal: Watched):
    rehearsal.daemon.looking.pause("door")
    until(lambda: rehearsal.status("door") == "paused", "the camera is paused")
    before = rehearsal.site.settings()
    door = before.cameras["door"].model_copy(update={"seconds": 0.5})
    rehearsal.daemon._take(before.but(cameras={**before.cameras, "door": door}))
    until(lambda: rehearsal.status("door") == "paused", "the camera is paused as before")
    rehearsal.daemon.looking.resume("door")
    until(lambda: rehearsal.daemon.looking.scene("door"), "the camera watches again")


def test_home_assistant_gets_a_stream_that_ends_with_it(rehearsal: Watched):
    with (
        httpx.Client(base_url=rehearsal.address, timeout=SECONDS) as client,
        client.stream("GET", "/cameras/garden/stream.mjpg") as answer,
    ):
        assert answer.headers["content-type"].startswith("multipart/x-mixed-replace")
        taken = b""
        for part in answer.iter_bytes():
            taken += part
            if taken.count(b"--picture\r\nContent-Type: image/jpeg") >= 3:
                break
