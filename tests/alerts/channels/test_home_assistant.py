"""What Home Assistant is told, by the words of its documents."""

from __future__ import annotations

import json
import os
import re

import pytest
import yaml
from conftest import ROOT

from face_classifier.alerts.channels.mqtt.home_assistant import (
    EVENT_TYPES,
    Topics,
    camera_device,
    payload,
    person_device,
)

HOSTILE = ["김/#+", "a/b", "+", "#", "$SYS", "../x", "", " ", "x" * 1000, "Łódź\n", os.fsdecode(b"caf\xe9"), "\0"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["camera", "person"])
def test_no_name_reaches_a_topic_or_an_id(name: str, kind: str):
    topics = Topics()
    what = camera_device(topics, name, pictures=True) if kind == "camera" else person_device(topics, name)
    device = topics.device(kind, name)
    assert re.fullmatch("[a-zA-Z0-9_-]+", device), "Home Assistant takes no other signs in an object id"
    assert topics.config(device) == f"homeassistant/device/{device}/config"
    told = json.loads(payload(what))  # which is UTF-8 and JSON
    for component in told["cmps"].values():
        for key, value in component.items():
            if key.endswith("_topic"):
                assert re.fullmatch("face-classifier(/[a-z0-9]+)+", value)
            if key == "unique_id":
                assert re.fullmatch("[a-z0-9_]+", value)


def test_a_camera_is_a_device_with_an_event_an_image_a_connection_and_a_count():
    topics = Topics()
    told = camera_device(topics, "대문", pictures=True)
    assert {"dev", "o", "cmps"} <= told.keys()
    assert told["dev"]["name"] == "대문"
    assert told["dev"]["ids"] == [topics.device("camera", "대문")]
    assert told["o"]["name"] == "face-classifier"
    parts = told["cmps"]
    assert {key: part["p"] for key, part in parts.items()} == {
        "face": "event",
        "image": "image",
        "connectivity": "binary_sensor",
        "unknown": "sensor",
    }
    assert parts["face"]["event_types"] == ["recognized", "unknown", "new_person"]
    assert parts["image"]["content_type"] == "image/jpeg"
    assert parts["connectivity"]["device_class"] == "connectivity"
    assert len({part["unique_id"] for part in parts.values()}) == 4


def test_what_may_open_a_door_never_becomes_unavailable():
    topics = Topics()
    camera, person = camera_device(topics, "door", pictures=True), person_device(topics, "Anna")
    for part in (camera["cmps"]["face"], camera["cmps"]["unknown"], *person["cmps"].values()):
        assert not any(key.startswith(("avail", "payload_avail", "expire")) for key in part)
    assert not any(key.startswith("avail") for key in (*camera, *person)), "it would hold for all parts"
    for key in ("image", "connectivity"):
        assert camera["cmps"][key]["availability_topic"] == "face-classifier/status"


def test_a_person_is_a_time_and_a_place():
    parts = person_device(Topics(), "Anna")["cmps"]
    assert parts["last_seen"]["device_class"] == "timestamp"
    assert {part["p"] for part in parts.values()} == {"sensor"}


def test_pictures_that_may_not_be_shown_have_no_topic_and_take_the_entity_away():
    assert camera_device(Topics(), "door", pictures=False)["cmps"]["image"] == {"p": "image"}


def test_programs_with_other_prefixes_share_nothing():
    one, other = Topics("face-classifier"), Topics("garden/cctv")
    assert one.device("camera", "door") != other.device("camera", "door")
    for topic in (one.config(one.device("camera", "door")), one.of("camera", "door", "connectivity")):
        assert one.device_at(topic) == one.device("camera", "door")
        assert other.device_at(topic) is None


def test_two_spellings_of_an_accent_are_one_device_and_a_person_is_no_camera():
    topics = Topics()
    assert topics.device("person", "Jose\u0301") == topics.device("person", "José")
    assert topics.number("person", "door") != topics.number("camera", "door")


def test_the_automation_that_is_shipped_acts_on_no_event_that_is_old_or_comes_back():
    rules = yaml.safe_load((ROOT / "configs" / "home-assistant-automation.yaml").read_text("utf-8"))
    names = {part["name"] for part in camera_device(Topics(), "door", pictures=True)["cmps"].values()}
    assert {"Face", "Best view"} <= names, "Home Assistant makes event.door_face and image.door_best_view of them"
    assert len(rules) == 2
    for rule in rules:
        (trigger,), (condition,) = rule["triggers"], rule["conditions"]
        assert (trigger["trigger"], trigger["entity_id"]) == ("state", "event.door_face")
        assert trigger["not_from"] == ["unavailable", "unknown"]
        assert "event.age < 10" in condition["value_template"]
        assert "(now() - as_datetime(event.time)).total_seconds() | abs < 10" in condition["value_template"]
        tested = set(re.findall(r"event\.([a-z_]+)", condition["value_template"]))
        assert tested <= {"event_type", "named", "person", "time", "age"}
        assert {*re.findall(r'"([a-z_]+)"', condition["value_template"])} & {*EVENT_TYPES.values()}
