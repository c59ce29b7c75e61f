"""The daemon with a real broker and a bot: who comes is told to both, and the owner asks it from afar."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from alerts.mosquitto import Mosquitto, Reader
from alerts.telegram_server import OTHER, OWNER, TOKEN, Server, bot_api
from cli.watching.test_watch import Camera, House, came, pictures, wait_until  # noqa: F401 (a fixture)
from conftest import need_tool

from face_classifier.daemon.wishes import IN_TIME


class Told(NamedTuple):
    """A daemon that watches a door and a garden, with those whom it tells."""

    house: House
    reader: Reader
    api: Server


@pytest.fixture
def told(pictures: Path, tmp_path: Path) -> Iterator[Told]:  # noqa: F811
    need_tool("mosquitto", "mosquitto")
    folder = tmp_path
    (folder / "token").write_text(TOKEN)
    with (
        Camera(pictures) as door,
        Camera(pictures) as garden,
        Mosquitto(folder) as broker,
        Reader(broker.port) as reader,
        bot_api() as api,
    ):
        house = House(folder, door, garden)
        configuration = house.configuration()
        configuration["channels"] |= {
            "home": {"type": "mqtt", "host": "127.0.0.1", "port": broker.port, "pictures": True},
            "bot": {"type": "telegram", "server": api.url, "token_file": str(folder / "token"), "chats": [OWNER]},
        }
        rule = {"name": "people", "on": ["person", "new_person"], "channels": ["bot"], "picture": True}
        configuration["alerts"]["rules"].append(rule)
        with house.watched(configuration):
            wait_until(lambda: house.camera("garden")["status"] == "good" and api.asked, folder)
            yield Told(house, reader, api)
            house.process.send_signal(signal.SIGTERM)
            assert house.process.wait(IN_TIME + 1) == 0, house.log()
        wait_until(lambda: reader.on("face-classifier/status")[-1].payload == b"offline", folder)


def _devices(reader: Reader) -> dict[str, Any]:
    """What is announced now, by name."""
    latest = {message.topic: message.payload for message in reader.on("/config")}
    found = [json.loads(payload) for payload in latest.values() if payload]
    return {device["dev"]["name"]: device["cmps"] for device in found}


def _image(content: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def test_home_assistant_learns_of_cameras_and_people_and_the_owner_asks_and_renames_by_the_bot(told: Told):
    _home_assistant_learns_of_the_cameras_and_of_who_comes(told.house, told.reader)
    _the_owner_asks_and_renames_by_the_bot(told)


def _home_assistant_learns_of_the_cameras_and_of_who_comes(house: House, reader: Reader) -> None:
    wait_until(lambda: {"door", "garden"} <= _devices(reader).keys(), house.folder)
    topic = _devices(reader)["door"]["connectivity"]["state_topic"]
    assert reader.on(topic)[-1].payload == b"ON"
    before = len(reader.on("/face"))
    alert = came(house, "obama")
    wait_until(lambda: len(reader.on("/face")) > before, house.folder)
    event = json.loads(reader.on("/face")[before].payload)
    assert (event["camera"], event["person"], event["visit"]) == ("door", alert["person"], alert["visit"])
    assert event["age"] < 5
    assert _image(reader.on("/image")[-1].payload).size
    house.garden.become("refused")
    topic = _devices(reader)["garden"]["connectivity"]["state_topic"]
    wait_until(lambda: reader.on(topic)[-1].payload == b"OFF", house.folder)
    house.garden.become("good")
    wait_until(lambda: reader.on(topic)[-1].payload == b"ON", house.folder)


def _the_owner_asks_and_renames_by_the_bot(told: Told) -> None:
    house, api = told.house, told.api
    before = len(api.sent)
    time.sleep(3.5)  # until the visit before is over
    person = came(house, "biden")["person"]
    alert = api.wait(before + 1)[before]
    assert (alert.method, alert.chat) == ("sendPhoto", OWNER)
    assert _image(alert.pictures[0]).size
    assert person in alert.text
    api.write("/list", OTHER)
    listed = api.ask("/list")[0]
    assert person in listed.text
    assert api.ask(f"/rename {person} “조 바이든”")[0].text.startswith(f"{person} is called 조 바이든 now")
    assert (house.result / "조 바이든").is_dir()
    wait_until(lambda: "조 바이든" in _devices(told.reader), house.folder, 15)
    seen = _devices(told.reader)["조 바이든"]["last_seen"]["state_topic"]
    assert json.loads(told.reader.on(seen)[-1].payload)["where"] == "door"
    (shot,) = api.ask("/shot door")
    assert _image(shot.pictures[0]).shape == (360, 480, 3)
    lines = api.ask("/status")[0].text.splitlines()
    assert lines[0].startswith("door: good for ")
    assert lines[-1] == "1 messages of other chats were ignored"
    assert TOKEN not in house.log()
