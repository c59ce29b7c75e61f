"""An alert as channels get it."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone

import pytest

from face_classifier.alerts.channels import base
from face_classifier.alerts.channels.base import Alert
from face_classifier.events.event import Event

NOON = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)


def test_a_record_tells_what_happened_and_how_long_ago_but_no_picture():
    event = Event("7:person", "person", NOON, time.monotonic() - 3, "door", "김철수", visit=6, track=7, first=NOON)
    alert = Alert(event.id, event, "family", b"\xff\xd8picture")
    record = json.loads(json.dumps(alert.record()))
    assert record["id"] == "7:person"
    assert record["person"] == "김철수"
    assert (record["visit"], record["track"]) == (6, 7)
    assert datetime.fromisoformat(record["time"]) == datetime.fromisoformat(record["first"]) == NOON
    assert 3 <= record["age"] < 4
    assert "picture" not in record


def test_an_age_counts_what_the_machine_slept(monkeypatch: pytest.MonkeyPatch):
    alert = Alert("7:person", Event("7:person", "person", NOON, time.monotonic(), "door"))
    slept = alert.slept
    monkeypatch.setattr(base, "asleep", lambda: slept + 3600)
    assert 3600 <= alert.age() < 3601


def test_an_age_is_never_negative():
    event = Event("7:person", "person", NOON, time.monotonic() + 60, "door")
    assert Alert(event.id, event).age() == 0
