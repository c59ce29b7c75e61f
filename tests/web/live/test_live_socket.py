"""The socket of a tab, by a real daemon that rehearses with the demo's clip."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from servers.watched import SECONDS, Watched, until, watched
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect


def rehearsal(clip: Path, folder: Path) -> AbstractContextManager[Watched]:
    """A daemon with two cameras, one of which shows no strangers, and only its right half."""
    door = {"url": str(clip), "repeat": True}
    garden = {**door, "masks": [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]], "known_only": True}
    return watched(folder / "result", {"door": door, "garden": garden})


def shows_pictures(house: Watched) -> bool:
    """Whether all its threads have begun, too."""
    return all(camera.status == "good" and camera.analysed >= 5 for camera in house.daemon.status().cameras)


@pytest.fixture(scope="module")
def running(demo_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with rehearsal(demo_clip, tmp_path_factory.mktemp("house")) as house:
        until(lambda: shows_pictures(house), "both cameras show pictures")
        yield house


@pytest.fixture
def house(running: Watched) -> Iterator[Watched]:
    yield running
    until(lambda: not at_work(running), "nothing is at work for tabs")


class Tab:
    """A tab, as a browser would be one."""

    def __init__(self, house: Watched, since: int | None = None) -> None:
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

    def event(self, kind: str) -> dict[str, Any]:
        """The next text of a kind."""
        while True:
            message = self.socket.recv(SECONDS)
            if isinstance(message, str) and (told := json.loads(message))["type"] == kind:
                return dict(told)

    def tile(self, camera: str) -> tuple[dict[str, Any], np.ndarray]:
        """The next picture of a camera: what is told of it, and the picture."""
        while True:
            message = self.socket.recv(SECONDS)
            if isinstance(message, str):
                continue
            (length,) = struct.unpack_from(">H", message)
            header = json.loads(message[2 : 2 + length])
            if header["camera"] == camera:
                image = cv2.imdecode(np.frombuffer(message[2 + length :], np.uint8), cv2.IMREAD_COLOR)
                assert image is not None
                return header, image


def at_work(house: Watched) -> list[str]:
    """What goes on for tabs: threads, and tasks of the server."""
    found = [thread.name for thread in threading.enumerate() if thread.name.startswith("live ")]
    live = house.app.state.live
    return [*found, *("tab" for _ in live.hub._wakes)]


def test_a_tab_is_told_at_first_how_the_cameras_are(house: Watched):
    with Tab(house) as tab:
        told = {camera["camera"]: camera["status"] for camera in tab.hello["cameras"]}
    assert told == {"door": "good", "garden": "good"}


def test_a_tab_sees_what_cameras_see_without_what_is_masked(house: Watched):
    with Tab(house) as tab:
        tab.say(look=["door", "garden"])
        header, door = tab.tile("door")
        assert header["size"] == "small"
        assert 0 <= header["age"] < 2
        assert door[:, : door.shape[1] // 3].mean() > 20
        assert tab.tile("garden")[1][:, : door.shape[1] // 3].mean() < 3
        assert tab.tile("door")[1].shape == door.shape  # it goes on


def test_a_tab_is_told_who_comes_and_what_it_missed(house: Watched):
    with Tab(house) as tab:
        seq = tab.hello["seq"]
        house.site.hub.publish("visit", {"person": "Anna"})
        assert tab.event("visit") == {"seq": seq + 1, "type": "visit", "person": "Anna"}
    house.site.hub.publish("visit", {"person": "Ben"})
    with Tab(house, since=seq) as tab:
        assert [tab.event("visit")["person"] for _ in range(2)] == ["Anna", "Ben"]
    with Tab(house, since=seq - 1000) as tab:
        assert tab.event("resync")["seq"] >= seq + 2


def test_a_pause_closes_the_stream_and_is_told_and_over_when_the_user_says_so(demo_clip: Path, tmp_path: Path):
    with rehearsal(demo_clip, tmp_path) as house, Tab(house) as tab, httpx.Client(base_url=house.address) as client:
        tab.say(look=["door"])
        tab.tile("door")
        assert client.post("/api/v1/cameras/door/pause").status_code == 200
        while (told := tab.event("camera"))["status"] != "paused":
            assert told["status"] in ("starting", "good")  # before
        assert house.status("door") == "paused"
        assert house.status("garden") == "good"
        assert client.get("/api/v1/cameras/door/snapshot.jpg").status_code == 503
        assert house.daemon.looking.scene("door") is None
        client.post("/api/v1/cameras/door/resume")
        until(lambda: house.status("door") == "good", "the camera shows pictures again")
        shot = until(lambda: house.daemon.looking.shoot("door"), "there is a picture")
        assert client.get("/api/v1/cameras/door/snapshot.jpg").content[:2] == shot[:2] == b"\xff\xd8"
        assert client.post("/api/v1/cameras/cellar/pause").status_code == 404


def test_home_assistant_gets_a_stream_that_ends_with_it(house: Watched):
    with (
        httpx.Client(base_url=house.address, timeout=SECONDS) as client,
        client.stream("GET", "/cameras/garden/stream.mjpg") as answer,
    ):
        assert answer.headers["content-type"].startswith("multipart/x-mixed-replace")
        taken = b""
        for part in answer.iter_bytes():
            taken += part
            if taken.count(b"--picture\r\nContent-Type: image/jpeg") >= 3:
                break


@pytest.mark.parametrize("nonsense", ["[]", "{", '{"look": "door"}', '{"look": ["x"], "size": "huge"}', b"\0"])
def test_a_tab_that_talks_nonsense_has_to_go(house: Watched, nonsense: str | bytes):
    with Tab(house) as tab:
        tab.socket.send(nonsense)
        with pytest.raises(ConnectionClosed) as closed:
            tab.event("which never comes")
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1008


def test_tabs_that_close_leave_no_thread_and_no_task(house: Watched):
    tabs = [Tab(house) for _ in range(8)]
    for tab in tabs:
        tab.say(look=["door", "garden"])
    for tab in tabs:
        tab.tile("door")
    assert at_work(house).count("tab") == 8
    for number, tab in enumerate(tabs):
        if number % 2:
            tab.socket.socket.shutdown(socket.SHUT_RDWR)  # as a phone that is out of reach
        tab.__exit__()
