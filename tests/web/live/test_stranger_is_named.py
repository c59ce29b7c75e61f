"""From the door to the phone and back: a stranger is seen, named on the phone, and called by that name next time."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from alerts.mosquitto import Mosquitto, Reader
from conftest import need_tool
from servers.streams import RtspServer, missing_gstreamer
from servers.watched import until, watched

from face_classifier.core.types import Image

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

RATE = 10  # frames a second
HERE, AWAY = 3, 5  # seconds for which the stranger is before the door, and is gone
TIMES = 8  # that the stranger comes
GAP = 2  # seconds after which a visit is over
NEXT = 30.0  # seconds until the stranger surely came again, on a machine that is busy


@pytest.fixture
def door(closeups: dict[str, Image], tmp_path: Path) -> Iterator[RtspServer]:
    """A camera of the network, before which somebody comes and goes."""
    if why := missing_gstreamer():
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    film = tmp_path / "door.mp4"
    line = f"-f rawvideo -pix_fmt bgr24 -s 640x480 -r {RATE} -i - -c:v libx264 -preset ultrafast -tune zerolatency"
    words = [need_tool("ffmpeg", "ffmpeg"), "-v", "error", *line.split(), "-g", "10", "-pix_fmt", "yuv420p", str(film)]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as ffmpeg:
        assert ffmpeg.stdin
        for number in range(TIMES * (HERE + AWAY) * RATE):
            ffmpeg.stdin.write(picture(closeups["obama.jpg"], number).tobytes())
        ffmpeg.stdin.close()
        assert ffmpeg.wait() == 0
    sent = f"filesrc location={film} ! qtdemux ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96"
    with RtspServer({"/door": sent}) as server:
        yield server


def picture(face: Image, number: int) -> Image:
    """What is before the door in a frame."""
    image = np.full((480, 640, 3), 110, np.uint8)
    image[:16, :16] = number % 2 * 255  # the picture never stands still
    if number % ((HERE + AWAY) * RATE) < HERE * RATE:
        left = 140 + number % 8
        image[80:400, left : left + 320] = cv2.resize(face, (320, 320))
    return image


def test_a_stranger_at_the_door_is_named_on_the_phone_and_the_alert_says_the_name_next_time(
    door: RtspServer, tmp_path: Path, context_of: Callable[..., BrowserContext]
):
    need_tool("mosquitto", "mosquitto")
    with Mosquitto(tmp_path) as broker, Reader(broker.port) as home:
        settings: dict[str, Any] = {
            "visits": {"gap": GAP},
            "channels": {"home": {"type": "mqtt", "host": "127.0.0.1", "port": broker.port}},
            "alerts": {"rules": [{"name": "all", "on": ["person", "new_person"], "channels": ["home"]}]},
        }
        with watched(tmp_path / "result", {"door": {"url": door.address("/door")}}, **settings) as house:
            first = until(lambda: told(home), "the alert tells of a stranger", NEXT)[0]
            assert (first["kind"], first["camera"]) == ("new_person", "door")
            phone = context_of(390, 844, has_touch=True, is_mobile=True).new_page()
            phone.goto(house.address)
            phone.locator("main").get_by_role("link", name=first["person"]).first.tap()
            phone.get_by_role("button", name="Give a name").tap()
            phone.get_by_role("textbox", name="Name").fill("조 아저씨")
            phone.keyboard.press("Enter")
            until(lambda: (tmp_path / "result" / "조 아저씨").is_dir(), "the folder has the name")
            before = len(told(home))
            latest = until(lambda: told(home)[before:], "the stranger comes again", NEXT)[-1]
            assert (latest["kind"], latest["person"], latest["camera"]) == ("person", "조 아저씨", "door")
            assert "조 아저씨" in phone.locator("h1").inner_text()
            phone.close()


def told(home: Reader) -> list[dict[str, Any]]:
    """The alerts that came to the house."""
    return [json.loads(message.payload) for message in home.on("/face")]
