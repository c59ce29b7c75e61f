"""Which rule asks for which event."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from alerts.receivers import event

from face_classifier.alerts.rules import Rules
from face_classifier.core.config.parts.alerts import Rule

NOON = datetime(2026, 11, 27, 12).astimezone()  # a Friday, by the local clock


def asks(happened: Any, now: datetime = NOON, **keys: Any) -> bool:
    rule = Rule.model_validate({"name": "rule", "on": [happened.kind], "channels": ["phone"], **keys})
    return bool(Rules([rule]).matches(happened, now))


def test_a_rule_asks_for_its_kinds_alone():
    rule = Rule.model_validate({"name": "strangers", "on": ["unknown", "new_person"], "channels": ["phone", "log"]})
    matches = [Rules([rule]).matches(event(kind=kind), NOON) for kind in ("unknown", "new_person", "person", "summary")]
    assert [len(match) for match in matches] == [1, 1, 0, 0]
    assert matches[0][0].channels == ("phone", "log")


@pytest.mark.parametrize("name", ["Anna", "ANNA", "anna"])
def test_people_are_chosen_by_name(name: str):
    assert asks(event(), people=[name])
    assert not asks(event(), not_people=[name])
    assert not asks(event(person="Ben"), people=[name])
    assert asks(event(person="Ben"), not_people=[name])


def test_a_name_in_two_spellings_of_its_accents_is_one():
    assert asks(event(person="Ang\u00e8le"), people=["Ange\u0300le"])


def test_an_unknown_face_is_none_of_the_named_people():
    assert not asks(event(kind="unknown"), people=["Anna"])
    assert asks(event(kind="unknown"), not_people=["Anna"])


def test_cameras_and_zones_are_chosen():
    assert asks(event(zones=("porch", "path")), zones=["path"], cameras=["door"])
    assert not asks(event(zones=("porch",)), zones=["path"])
    assert not asks(event(), zones=["path"])
    assert not asks(event(), cameras=["garage"])


def test_conditions_on_people_and_zones_are_not_asked_of_cameras():
    lost = event(kind="camera_lost")
    assert asks(lost, people=["Anna"], zones=["porch"])
    assert not asks(lost, cameras=["garage"])


def test_the_summary_has_its_own_time_and_no_camera():
    assert asks(event(kind="summary", camera=""), cameras=["door"], hours=["01:00-02:00"])


@pytest.mark.parametrize(
    ("hour", "days", "is_asked"),
    [(23, ["fri"], True), (1, ["thu"], True), (1, ["fri"], False), (12, [], False), (23, ["sat"], False)],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(hour: int, days: list[str], is_asked: bool):
    assert asks(event(), NOON.replace(hour=hour), hours=["22:00-06:00"], days=days) == is_asked
