"""Whatever is new in the code changes the pages of the reference that are made of it."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from conftest import Ended
from servers.asking import HASH, behind_doors, doors_of

import face_classifier as fc
from face_classifier.cli.main import _main
from face_classifier.core.config.flat import Flat
from scripts.reference import commands, errors, settings

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "reference"


def test_a_new_flag_changes_the_page_of_commands(monkeypatch: pytest.MonkeyPatch):
    people = _main.commands["people"]
    monkeypatch.setattr(people, "params", [*people.params, click.Option(["--new"], help="Do it.")])
    assert "| `--new` |" in commands.page()


def test_a_new_command_changes_the_page_of_commands(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(_main.commands, "new", click.Command("new", help="Do it."))
    assert "\n## new\n\n`face-classifier new [FLAGS]`\n\nDo it.\n" in commands.page()


def test_a_key_that_is_gone_changes_the_page_of_settings(monkeypatch: pytest.MonkeyPatch):
    assert "| `quality` |" in settings.page()
    rest = {name: field for name, field in Flat.__dataclass_fields__.items() if name != "quality"}
    monkeypatch.setattr(Flat, "__dataclass_fields__", rest)
    assert "| `quality` |" not in settings.page()


def test_every_address_is_told(tmp_path: Path):
    told = re.sub(r"\{\w+\}", "1", (FOLDER / "http.md").read_text("utf-8"))
    with behind_doors(tmp_path / "result", password=HASH) as app:
        doors = [door for door in doors_of(app) if door.method != "HEAD" and not door.path.startswith("/static/")]
    assert len(doors) > 50
    for door in doors:
        assert f"`{door.method} {door.path}`" in told, door


def test_every_name_of_the_library_is_told():
    told = (FOLDER / "python.md").read_text("utf-8")
    assert all(f"\n## {name}\n" in told for name in fc.__all__)


def test_a_new_sentence_changes_the_page_of_errors():
    told = errors.source(errors.PACKAGE)
    new = """
class NewError(InUseError):
    def __init__(self, what):
        super().__init__(f"{what} is new; know it")

def hold(path, wish):
    if wish:
        reason = f"{path} is held by {wish}; ask " + OWNER
        raise InUseError(reason)
    if not path:
        raise ProblemError(404, "there is no path")
    raise UserError("nothing is held" if path else f"{path!r} is no path; give one")

OWNER = "its owner"
"""
    assert errors.sentences(told | {"face_classifier.new": new})["face_classifier.new"] == {
        ("… is new; know it", "75"),
        ("… is held by …; ask its owner", "75"),
        ("there is no path", "HTTP 404"),
        ("nothing is held", "1"),
        ("… is no path; give one", "1"),
    }


@pytest.mark.parametrize(
    "words",
    [
        ["people", "--result", "nowhere"],
        ["nowhere.mp4"],
        ["empty.mp4"],
        ["nowhere.mp4", "--seconds", "-1"],
        ["nowhere.mp4", "--engine", "original", "--encoder", "sface"],
        ["peopel"],
        ["evaluate"],
        ["nowhere.mp4", "--config", "nowhere.yaml"],
        ["calibrate", "--rate", "2"],
        ["enroll", "Anna"],
    ],
    ids=" ".join,
)
def test_a_sentence_that_ends_a_command_is_told_with_its_exit_code(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: object
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.mp4").touch()
    ended: Ended = command(*words)  # type: ignore[operator]
    told = (FOLDER / "errors.md").read_text("utf-8")
    rows = re.findall(r"^\| (.*) \| (\d+) \|$", told, re.MULTILINE)
    sentence = r"^(?:face-classifier: )?(.*?)(?:; see face-classifier [a-z ]*--help)?$"
    lines = re.findall(sentence, ended.err, re.MULTILINE)
    assert any(fits(row, line) and int(code) == ended.code for row, code in rows for line in lines), ended


def fits(row: str, line: str) -> bool:
    """Whether a line is the sentence of a row; enough of it must be words of the row's own."""
    words = re.sub(r"\\([\\*|\]])", r"\1", row).replace("&lt;", "<")
    return len(words) > 15 and bool(re.fullmatch(".*".join(map(re.escape, words.split("…"))), line))
