"""The channels that need no account: the terminal and a file."""

from __future__ import annotations

import json
import os
import stat
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from alerts.receivers import event

from face_classifier.alerts.channels.base import Alert, ChannelError
from face_classifier.alerts.channels.file import Lines
from face_classifier.alerts.channels.printed import Printed


def alert(id: str = "7:person", picture: bytes | None = None, **fields: object) -> Alert:
    return Alert(id, event(**fields), "family", picture)


def test_an_alert_is_a_line_with_local_time(capsys: pytest.CaptureFixture[str]):
    one = alert()
    Printed().send(one)
    assert capsys.readouterr().out == f"{one.event.time.astimezone():%Y-%m-%d %H:%M:%S} Anna at door\n"


def test_the_summary_of_a_day_has_a_line_a_person(capsys: pytest.CaptureFixture[str]):
    Printed().send(Alert("summary-1", event("summary-1", "summary", text="Friday: 2 persons\nAnna: once\nBen: once")))
    first, *others = capsys.readouterr().out.splitlines()
    assert first.endswith(" Friday: 2 persons")
    assert others == ["  Anna: once", "  Ben: once"]


def test_a_name_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]):
    Printed().send(alert(text="\x1b[31mAnna\nat \u202edoor"))
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_a_terminal_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch):
    with open(os.devnull, "w") as closed:
        pass
    monkeypatch.setattr(sys, "stdout", closed)
    with pytest.raises(ChannelError, match="stdout cannot be written"):
        Printed().send(alert())


def test_lines_are_added_to_the_file(tmp_path: Path):
    path = tmp_path / "alerts.jsonl"
    path.write_text('{"id": "before"}\n')
    channel = Lines(path)
    channel.send(alert("1"))
    channel.send(alert("2", person="김철수 \u202e\n"))
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["id"] for line in lines] == ["before", "1", "2"]
    assert lines[2]["person"] == "김철수 \u202e\n"
    assert lines[1]["rule"] == "family"
    assert datetime.fromisoformat(lines[1]["time"]) <= datetime.now(timezone.utc)


def test_a_file_that_was_moved_away_is_made_anew_for_its_owner_alone(tmp_path: Path):
    channel = Lines(tmp_path / "alerts.jsonl")
    before = os.umask(0)
    try:
        channel.send(alert("1"))
        (tmp_path / "alerts.jsonl").rename(tmp_path / "alerts.jsonl.1")
        channel.send(alert("2", b"jpeg"))
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {
        "alerts.jsonl": 0o600,
        "alerts.jsonl.1": 0o600,
        "alerts.jsonl.pictures": 0o700,
        "door": 0o700,
        "2.jpg": 0o600,
    }


def test_a_picture_lies_beside_and_is_told_again_in_the_same_place(tmp_path: Path):
    channel = Lines(tmp_path / "alerts.jsonl")
    for picture in (b"first", b"again"):
        channel.send(alert("../7:person", picture))
    record = json.loads((tmp_path / "alerts.jsonl").read_text().splitlines()[-1])
    assert record["picture"] == "alerts.jsonl.pictures/door/___7_person.jpg"
    assert (tmp_path / record["picture"]).read_bytes() == b"again"
    assert len(list(tmp_path.rglob("*.jpg"))) == 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/dev/full", "No space left on device"),
        ("missing/folder/alerts.jsonl", "No such file or directory"),
        (".", "Is a directory"),
    ],
)
def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, reason: str):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ChannelError, match=rf"cannot be written \({reason}\)"):
        Lines(Path(path)).send(alert())


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "alerts.jsonl"
    channel = Lines(path)
    channel.send(alert("1"))
    whole, write = path.read_bytes(), os.write

    def full(descriptor: int, content: bytes) -> int:
        if len(content) < 50:
            raise OSError(28, "No space left on device")
        return write(descriptor, content[:-20])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ChannelError, match="No space left on device"):
        channel.send(alert("2"))
    assert path.read_bytes() == whole
