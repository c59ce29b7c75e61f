"""Whoever is forgotten goes from what alerts have left, too: the outbox, files of alerts and pictures beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alerts.receivers import event
from conftest import Ended, Gallery

from face_classifier.alerts.channels.base import Alert
from face_classifier.alerts.channels.file import Lines
from face_classifier.alerts.decide import Memory, Sent
from face_classifier.alerts.outbox import Outbox, Outcome
from face_classifier.core.config.load import load
from face_classifier.gallery.past.back import LOG
from face_classifier.gallery.store import Store
from face_classifier.pipeline.guests import uses_of

Command = Callable[..., Ended]


@pytest.fixture
def house(gallery: Gallery) -> Path:
    """Anna, of whom there are two faces, and Ben with one; called so here, whoever the photographs show."""
    gallery.see("obama.jpg", "obama2.jpg", "biden.jpg")
    (gallery.folder / "person_01").rename(gallery.folder / "Anna")
    (gallery.folder / "unknowns").rename(gallery.folder / "Ben")
    gallery.look()
    return gallery.folder


def stems(house: Path, person: str) -> list[str]:
    return sorted(path.stem for path in (house / person).iterdir())


@pytest.fixture
def log(house: Path, tmp_path: Path) -> Path:
    """A file of alerts of which the gallery knows, with a picture of each."""
    path = tmp_path / "alerts.jsonl"
    channel = Lines(path)
    anna, ben = stems(house, "Anna")[0], stems(house, "Ben")[0]
    for one in (
        event("anna", face_name=anna),
        event("before she had a name", "unknown", face_name=anna, text="Somebody unknown at door"),
        event("ben", person="Ben", face_name=ben, text="Ben at door"),
        event("taken for her", face_name=ben),
        event("summary", "summary", text="Anna came once, Ben came twice"),
        event("lost", "camera_lost", text="The camera door is lost"),
    ):
        channel.send(Alert(one.id, one, "all", b"jpeg"))
    with Store(house, writing=True) as store:
        store.past.note_use(LOG, path)
    return path


def test_lines_and_pictures_of_a_person_go_and_other_lines_lose_the_name(
    house: Path, log: Path, command: Command
) -> None:
    answer = json.loads(command("forget", "Anna", "--result", house, "--json").out)
    assert answer["lines"] == 4
    assert answer["left"] == []
    left = {line["id"]: line for line in map(json.loads, log.read_text().splitlines())}
    assert list(left) == ["ben", "taken for her", "summary", "lost"]
    assert "Anna" not in log.read_text()
    assert (left["ben"]["person"], left["ben"]["text"]) == ("Ben", "Ben at door")
    pictures = sorted(path.stem for path in log.with_name("alerts.jsonl.pictures").glob("door/*"))
    assert pictures == ["ben", "lost", "summary", "taken_for_her"]


def test_a_picture_that_a_line_names_elsewhere_is_left_alone(house: Path, log: Path, command: Command) -> None:
    precious = log.with_name("precious.jpg")
    precious.write_bytes(b"")
    face = stems(house, "Anna")[0]
    for place in (
        "precious.jpg",
        "alerts.jsonl.pictures/../precious.jpg",
        "alerts.jsonl.pictures/door/../../precious.jpg",
        str(precious),
    ):
        line = {"face": face, "person": "Anna", "picture": place}
        log.write_text(log.read_text() + json.dumps(line) + "\n")
    command("forget", "Anna", "--result", house)
    assert precious.exists()
    assert "precious" not in log.read_text()


def test_what_was_to_be_told_of_a_person_goes_and_what_is_too_old_anyway(house: Path, command: Command) -> None:
    outbox = Outbox(house, pytest.fail)
    old = event("old", person="person_09", text="person_09 at door")
    old = replace(old, decided=old.decided - timedelta(minutes=11).total_seconds())
    summary = event("sum", "summary", text="Anna came once")
    others = event("ben", person="Ben", text="Ben at door")
    kept = [Sent("phone", Alert(one.id, one, "all", b"jpeg of")) for one in (event("anna"), old, summary, others)]
    outbox.keep(kept, Memory())
    (house / "alerts.sqlite.damaged").write_bytes(b"Anna")
    answer = json.loads(command("forget", "Anna", "--result", house, "--json").out)
    assert answer["left"] == []
    assert [sent.alert.id for sent in outbox.pending()] == ["ben"]
    outbox.close()
    rest = b"".join(path.read_bytes() for path in house.glob("alerts.sqlite*"))
    assert b"Ben" in rest
    assert b"Anna" not in rest
    assert b"person_09" not in rest


def test_without_alerts_forgetting_makes_no_file_of_them(house: Path, command: Command) -> None:
    assert command("forget", "Anna", "--result", house).code == 0
    assert not (house / "alerts.sqlite").exists()


def test_files_of_alerts_are_known_to_the_gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "house.yaml").write_text("channels: {log: {type: file, path: alerts.jsonl}, here: {type: print}}")
    assert uses_of(load({}, "house.yaml")) == [(LOG, str(tmp_path / "alerts.jsonl"))]


def test_where_alerts_went_is_told_by_the_names_of_channels(house: Path, command: Command) -> None:
    outbox = Outbox(house, pytest.fail)
    alert = Alert("anna", event("anna"), "all", b"jpeg of")
    outbox.keep([Sent(channel, alert) for channel in ("home", "hook", "phone")], Memory())
    outbox.finish([Outcome("hook", "anna", "delivered"), Outcome("home", "anna", "delivered")], {})
    outbox.finish([Outcome("phone", "anna", "given up")], {})
    outbox.close()
    assert json.loads(command("forget", "Anna", "--result", house, "--json").out)["left"] == [
        "alerts of the last 30 days, of whomever, went to home, hook; what such a channel sent elsewhere stays there: "
        "remove it there"
    ]
