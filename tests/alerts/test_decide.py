"""What of all that rules ask for is told: once, not too often, and not for a moment's loss."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from alerts.receivers import event

from face_classifier.alerts.decide import Decider, Memory, Sent
from face_classifier.core.config.parts.alerts import Alerts

START = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
ALL = ["person", "new_person", "unknown", "camera_lost", "camera_back", "summary"]


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def config(*rules: dict[str, Any], **keys: Any) -> Alerts:
    made = [{"name": f"rule {number}", "on": ALL, "channels": ["phone"], **rule} for number, rule in enumerate(rules)]
    return Alerts.model_validate({"rules": made or [{"name": "all", "on": ALL, "channels": ["phone"]}], **keys})


def ids(sent: list[Sent]) -> list[str]:
    return [one.alert.id for one in sent]


def test_an_event_goes_to_each_channel_once_with_the_picture_where_a_rule_lets_it_out():
    rules = {"channels": ["phone", "log"]}, {"channels": ["phone"], "picture": True}
    decider = Decider(config(*rules), Memory())
    sent = decider.decide(event(picture=b"jpeg"), START)
    assert [(one.channel, one.alert.rule, one.alert.picture) for one in sent] == [
        ("phone", "rule 0", b"jpeg"),
        ("log", "rule 0", None),
    ]
    assert all(one.alert.event.picture is None for one in sent)


def test_a_person_is_not_told_again_while_the_rule_cools():
    decider = Decider(config({"cooldown": "10 min"}), Memory())
    assert ids(decider.decide(event("1"), START)) == ["1"]
    assert ids(decider.decide(event("2"), after(599))) == []
    assert ids(decider.decide(event("3", person="Ben"), after(599))) == ["3"]
    assert ids(decider.decide(event("4"), after(600))) == ["4"]


def test_unknown_people_cool_by_camera_and_cameras_never():
    decider = Decider(config({"cooldown": 60}, blip=0), Memory())
    told = [decider.decide(event(str(n), "unknown", camera), START) for n, camera in enumerate(["a", "a", "b"])]
    assert [len(sent) for sent in told] == [1, 0, 1]
    kinds = ["camera_lost", "camera_back"] * 2
    lost = [decider.decide(event(f"lost {n}", kind, "a"), after(n)) for n, kind in enumerate(kinds)]
    assert [len(sent) for sent in lost] == [1, 1, 1, 1]


def test_a_rule_that_cools_leaves_another_one_alone():
    decider = Decider(config({"cooldown": 60}, {"channels": ["log"]}), Memory())
    assert [one.channel for one in decider.decide(event("1"), START)] == ["phone", "log"]
    assert [one.channel for one in decider.decide(event("2"), after(1))] == ["log"]


def test_a_cooldown_of_a_clock_that_was_wrong_is_none():
    decider = Decider(config({"cooldown": 60}), memory := Memory())
    decider.decide(event("1"), after(86_400))
    assert ids(Decider(config({"cooldown": 60}), memory).decide(event("2"), START)) == ["2"]


def test_what_is_remembered_names_nobody():
    decider = Decider(config({"cooldown": 60}), memory := Memory())
    decider.decide(event("1"), START)
    assert len(memory.cooling) == 1
    assert "anna" not in repr(memory).lower()


def test_snoozed_rules_are_silent():
    silent = {"rule 0"}
    decider = Decider(config({}, {"channels": ["log"]}), Memory(), silent.__contains__)
    assert [one.channel for one in decider.decide(event("1"), START)] == ["log"]
    silent.add("rule 1")
    assert decider.decide(event("2"), START) == []
    assert decider.snoozed == 1


@pytest.mark.parametrize("seconds", [0.5, 29.9])
def test_a_camera_that_is_lost_for_a_moment_is_not_told(seconds: float):
    decider = Decider(config(blip=30), Memory())
    assert decider.decide(event("1", "camera_lost"), START) == []
    assert decider.decide(event("2", "camera_back"), after(seconds)) == []
    assert decider.due(after(1000)) == []


def test_a_camera_that_stays_lost_is_told_once_and_so_is_its_return():
    decider = Decider(config(blip=30), Memory())
    decider.decide(event("1", "camera_lost"), START)
    decider.decide(event("2", "camera_lost"), after(10))
    assert decider.next_due() == after(30)
    assert decider.due(after(29)) == []
    assert ids(decider.due(after(30))) == ["1"]
    assert ids(decider.decide(event("3", "camera_lost"), after(50)) + decider.due(after(90))) == []
    assert ids(decider.decide(event("4", "camera_back"), after(100))) == ["4"]
    assert ids(decider.decide(event("5", "camera_back"), after(101))) == []


def test_a_loss_that_was_told_before_a_restart_is_not_told_again_but_its_end_is():
    Decider(config(blip=0), memory := Memory()).decide(event("1", "camera_lost"), START)
    decider = Decider(config(blip=0), memory)
    assert decider.decide(event("2", "camera_lost"), after(100)) == []
    assert ids(decider.decide(event("3", "camera_back"), after(200))) == ["3"]


def test_what_is_over_the_ceiling_is_counted_and_told_once():
    decider = Decider(config({"channels": ["phone"]}, {"channels": ["log"]}, per_minute=3), Memory())
    told = [decider.decide(event(str(n), "unknown" if n % 2 else "person"), after(n)) for n in range(10)]
    assert [len(sent) for sent in told] == [2, 2, 2, 0, 0, 0, 0, 0, 0, 0]
    assert decider.next_due() == after(63)
    notes = decider.due(after(63))
    assert [one.channel for one in notes] == ["phone", "log"]
    assert notes[0].alert.event.text == (
        "7 more alerts were held back, since 3 a minute are told: 4 of unknown people, 3 of people"
    )
    assert decider.due(after(200)) == []
    assert ids(decider.decide(event("next"), after(200))) == ["next", "next"]


def test_what_is_over_the_ceiling_is_told_at_the_end_at_the_latest():
    decider = Decider(config(per_minute=1), Memory())
    decider.decide(event("1"), START)
    decider.decide(event("2"), START)
    assert len(decider.due(after(1), last=True)) == 1


def test_an_event_over_the_ceiling_starts_no_cooldown():
    decider = Decider(config({"cooldown": 3600}, per_minute=1), Memory())
    decider.decide(event("1", person="Ben"), START)
    assert decider.decide(event("2"), after(1)) == []
    assert ids(decider.decide(event("3"), after(61))) == ["3"]


def test_other_rules_hold_from_now_on():
    decider = Decider(config({"cooldown": 60}), memory := Memory())
    decider.decide(event("1"), START)
    decider.configure(config({"name": "new", "channels": ["log"]}))
    assert not memory.cooling
    assert [one.channel for one in decider.decide(event("2"), after(1))] == ["log"]
