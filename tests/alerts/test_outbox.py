"""What was told stands in a file, which names nobody once it is told."""

from __future__ import annotations

import os
import sqlite3
import stat
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alerts.receivers import event

from face_classifier.alerts.channels.base import Alert
from face_classifier.alerts.decide import Memory, Sent
from face_classifier.alerts.outbox import ALL, Missed, Outbox, Outcome
from face_classifier.events.event import Event

PICTURE = b"\xff\xd8" + b"a face of Anna " * 3000  # larger than a page of SQLite


def sent(one: Event, channel: str = "phone", picture: bytes | None = None) -> Sent:
    return Sent(channel, Alert(one.id, replace(one, picture=None), "family", picture))


@pytest.fixture
def told() -> list[str]:
    return []


def open_outbox(folder: Path, told: list[str]) -> Outbox:
    return Outbox(folder, told.append)


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path, told: list[str]):
    one = event(person="caf\udce9", zones=("porch",), first=datetime.now(timezone.utc), distance=0.31, visit=6, track=7)
    first = open_outbox(tmp_path, told)
    assert len(first.keep([sent(one, picture=PICTURE)], Memory())) == 1
    first.close()
    second = open_outbox(tmp_path, told)
    (again,) = second.pending()
    assert again.channel == "phone"
    assert (again.alert.id, again.alert.rule, again.alert.picture) == ("7:person", "family", PICTURE)
    assert replace(again.alert.event, decided=0.0) == replace(one, decided=0.0)
    assert abs(again.alert.event.decided - one.decided) < 0.5
    second.close()
    assert not told


def test_an_alert_is_kept_once_a_channel(tmp_path: Path, told: list[str]):
    outbox = open_outbox(tmp_path, told)
    one = event()
    assert len(outbox.keep([sent(one), sent(one, "log")], Memory())) == 2
    assert outbox.keep([sent(one)], Memory()) == []
    outbox.finish([Outcome("phone", one.id, "delivered"), Outcome("log", one.id, "given up")], {})
    assert outbox.keep([sent(one), sent(one, "log")], Memory()) == []
    assert outbox.pending() == []
    outbox.close()


@pytest.mark.parametrize("word", ["delivered", "given up"])
def test_once_it_is_told_or_given_up_no_byte_names_anybody(tmp_path: Path, told: list[str], word: str):
    outbox = open_outbox(tmp_path, told)
    people = [event(f"{number}:person", text="Anna at door", face_name="face-of-Anna") for number in range(50)]
    outbox.keep([sent(one, picture=PICTURE) for one in people], Memory())
    assert b"Anna" in bytes_of(tmp_path)
    outbox.finish([Outcome("phone", one.id, word) for one in people[:-1]], {})
    assert b"Anna" in bytes_of(tmp_path)
    outbox.finish([Outcome("phone", people[-1].id, word)], {})
    assert b"Anna" not in bytes_of(tmp_path)
    outbox.close()
    assert b"Anna" not in bytes_of(tmp_path)


def test_what_is_remembered_comes_back(tmp_path: Path, told: list[str]):
    now = datetime.now(timezone.utc)
    outbox = open_outbox(tmp_path, told)
    memory = outbox.memory()
    memory.lost.add("door")
    memory.cooling["family", "digest"] = now
    outbox.keep([], memory)
    outbox.finish([], {"phone": Missed(3, now - timedelta(minutes=5), now), "log": None})
    outbox.close()
    outbox = open_outbox(tmp_path, told)
    assert outbox.memory() == memory
    assert outbox.missed() == {"phone": Missed(3, now - timedelta(minutes=5), now)}
    outbox.finish([], {"phone": None})
    assert outbox.missed() == {}
    outbox.close()


def test_snoozes_are_seen_by_another_process_and_end(tmp_path: Path, told: list[str]):
    daemon, command = open_outbox(tmp_path, told), open_outbox(tmp_path, told)
    later = datetime.now(timezone.utc) + timedelta(hours=1)
    assert not daemon.has_changed()
    command.snooze("family", later)
    command.snooze(ALL, later)
    assert daemon.has_changed()
    assert not daemon.has_changed()
    assert daemon.snoozes() == {"family": later, ALL: later}
    command.snooze("family", None)
    assert daemon.snoozes() == {ALL: later}
    command.snooze("family", datetime.now(timezone.utc) - timedelta(seconds=1))
    assert daemon.snoozes() == {ALL: later}
    command.snooze("family", later)
    command.snooze(ALL, None)
    assert daemon.snoozes() == {}
    for outbox in (daemon, command):
        outbox.close()


def test_forgetting_a_person_gives_up_what_was_to_be_told(tmp_path: Path, told: list[str]):
    outbox = open_outbox(tmp_path, told)
    ben = event("ben", person="Ben", text="Ben at door", face_name="20261127_120000.000-0")
    outbox.keep([sent(event("1"), picture=PICTURE), sent(event("2"), "log"), sent(ben)], Memory())
    assert outbox.forget("anna") == 2
    assert outbox.forgotten() == {("phone", "1"), ("log", "2")}
    assert [one.alert.id for one in outbox.pending()] == ["ben"]
    assert b"Anna" not in bytes_of(tmp_path)
    assert outbox.forget("result/Ben/20261127_120000.000-0.png") == 1
    assert b"Ben" not in bytes_of(tmp_path)
    assert outbox.keep([sent(event("1"))], Memory()) == []
    outbox.close()


def test_the_file_is_for_its_owner_alone(tmp_path: Path, told: list[str]):
    before = os.umask(0)
    try:
        open_outbox(tmp_path, told).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "alerts.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_set_aside_and_told(tmp_path: Path, told: list[str], content: bytes):
    (tmp_path / "alerts.sqlite").write_bytes(content)
    outbox = open_outbox(tmp_path, told)
    assert len(outbox.keep([sent(event())], Memory())) == 1
    assert len(outbox.pending()) == 1
    assert (tmp_path / "alerts.sqlite.damaged").read_bytes() == content
    assert len(told) == 1
    assert "alerts.sqlite was damaged and is now alerts.sqlite.damaged" in told[0]
    outbox.forget("Anna")
    assert not (tmp_path / "alerts.sqlite.damaged").exists()
    outbox.close()


def test_a_file_of_another_program_is_set_aside(tmp_path: Path, told: list[str]):
    other = sqlite3.connect(tmp_path / "alerts.sqlite")
    other.executescript("CREATE TABLE other (x); PRAGMA user_version = 1")
    other.close()
    outbox = open_outbox(tmp_path, told)
    assert len(outbox.keep([sent(event())], Memory())) == 1
    assert len(told) == 1
    outbox.close()


def test_a_file_that_is_damaged_meanwhile_is_set_aside_and_alerts_go_on(tmp_path: Path, told: list[str]):
    outbox = open_outbox(tmp_path, told)
    outbox.keep([sent(event("1"))], Memory())
    with (tmp_path / "alerts.sqlite").open("r+b") as file:
        file.write(b"\xff" * 20_000)
    assert [one.alert.id for one in outbox.keep([sent(event("2"))], Memory())] == ["2"]
    assert outbox.memory().lost == set()
    assert len(told) == 1
    outbox.close()


def test_a_file_that_was_removed_meanwhile_is_made_anew(tmp_path: Path, told: list[str]):
    outbox = open_outbox(tmp_path, told)
    outbox.keep([sent(event("1"))], Memory())
    (tmp_path / "alerts.sqlite").unlink()
    assert [one.alert.id for one in outbox.keep([sent(event("2"))], Memory())] == ["2"]
    assert (tmp_path / "alerts.sqlite").exists()
    outbox.close()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path, told: list[str]):
    (tmp_path / "mine").write_bytes(b"")
    (tmp_path / "result").mkdir()
    (tmp_path / "result" / "alerts.sqlite").symlink_to(tmp_path / "mine")
    outbox = open_outbox(tmp_path / "result", told)
    assert len(outbox.keep([sent(event())], Memory())) == 1
    outbox.close()
    assert (tmp_path / "mine").read_bytes() == b""
    assert len(told) == 1


def test_a_file_that_another_program_holds_delays_but_loses_nothing(tmp_path: Path, told: list[str]):
    outbox = open_outbox(tmp_path, told)
    other = sqlite3.connect(tmp_path / "alerts.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert [one.alert.id for one in outbox.keep([sent(event("1"))], Memory())] == ["1"]
    assert len(told) == 1
    assert "cannot be used just now" in told[0]
    other.execute("ROLLBACK")
    other.close()
    assert [one.alert.id for one in outbox.keep([sent(event("2"))], Memory())] == ["2"]
    assert [one.alert.id for one in outbox.pending()] == ["2"]
    outbox.close()


def test_a_missing_folder_costs_no_alert(tmp_path: Path, told: list[str]):
    outbox = open_outbox(tmp_path / "gone", told)
    assert len(outbox.keep([sent(event())], Memory())) == 1
    assert len(told) == 1
    outbox.close()


def test_ids_are_remembered_for_a_month(tmp_path: Path, told: list[str]):
    outbox = open_outbox(tmp_path, told)
    old = replace(event("old"), decided=event().decided - 31 * 86_400)
    outbox.keep([sent(old), sent(event("new"))], Memory())
    outbox.finish([Outcome("phone", "old", "delivered"), Outcome("phone", "new", "delivered")], {})
    assert len(outbox.keep([sent(old), sent(event("new"))], Memory())) == 1
    outbox.close()
