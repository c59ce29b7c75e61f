"""Names are bytes: whatever a file is called, it is read, stored and told, and no terminal is given the raw name."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from conftest import ROOT, Ended, Gallery

from face_classifier.core.names import (
    alike,
    composed,
    in_utf8,
    is_path,
    json_text,
    restored,
    shown,
    stored,
    without_logins,
)
from face_classifier.core.types import Image

Command = Callable[..., Ended]
CAFE = os.fsdecode(b"caf\xe9")  # Latin-1, which is no UTF-8
EVIL = "\x1b[31m\n\u202egnp\u2066\x9b.b"


@pytest.fixture
def sources(tmp_path: Path, short_clip: Path, closeups: dict[str, Image]) -> Path:
    """A clip and a photo whose names are no UTF-8, and a photo whose name would colour a terminal and turn it round."""
    folder = tmp_path / "in"
    folder.mkdir()
    try:
        shutil.copy2(short_clip, folder / f"{CAFE}.mp4")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    _, content = cv2.imencode(".png", closeups["obama.jpg"])
    (folder / f"{CAFE}.png").write_bytes(content.tobytes())
    (folder / f"{EVIL}.png").write_bytes(cv2.imencode(".png", closeups["obama2.jpg"])[1].tobytes())
    return folder


def assert_harmless(text: str) -> None:
    """No control or bidi character but the ends of lines, and no byte that is no UTF-8."""
    text.encode()
    bad = {sign for sign in text if sign != "\n" and unicodedata.category(sign) in ("Cc", "Cs")}
    bad |= set(text) & set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert not bad


def test_a_name_is_shown_on_one_line_with_backslash_escapes() -> None:
    assert shown(f"{CAFE}\x1b[31m\n\u202e é 한 \u200c") == r"caf\xe9\x1b[31m\n\u202e é 한 " + "\u200c"
    assert in_utf8(f"{CAFE}\n") == "caf\\xe9\n"
    assert shown("\ud800") == r"\ud800"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp949", "UTF8"])
@pytest.mark.parametrize("name", [CAFE, EVIL, "é 한 😀", "\ud800", '"\\'])
def test_json_holds_any_name_in_any_encoding_and_its_readers_get_it_back(name: str, encoding: str) -> None:
    text = json_text({name: [name]}, encoding=encoding)
    assert json.loads(text.encode(encoding).decode(encoding)) == {name: [name]}
    assert_harmless(text)


@pytest.mark.parametrize("name", [CAFE, EVIL, "é 한 😀"])
def test_sqlite_gives_back_the_name_that_was_stored(name: str) -> None:
    import sqlite3

    table = sqlite3.connect(":memory:")
    (back,) = table.execute("SELECT ?", [stored(name)]).fetchone()
    table.close()
    assert restored(back) == name
    assert isinstance(back, str) == (name != CAFE)


def test_names_that_a_file_system_takes_for_one_are_alike() -> None:
    assert alike("JOSE\u0301.jpg") == alike("Jos\u00e9.jpg") != alike("Jose.jpg")
    assert composed("Jose\u0301") == "Jos\u00e9" != composed("JOSE\u0301")
    assert alike("caf\udce9") == "caf\udce9", "what is no UTF-8 stays"


def test_what_cannot_be_a_path_is_known() -> None:
    assert is_path(CAFE)
    assert is_path(EVIL)
    assert not any(map(is_path, ("", "a\0b", "\ud800")))


def test_a_run_takes_files_of_any_name_and_a_rerun_knows_them(sources: Path, tmp_path: Path, command: Command) -> None:
    flags = "--result", tmp_path / "result", "--jsonl", tmp_path / "lines.jsonl"
    first = command(sources, *flags)
    assert (first.code, first.err) == (0, "")
    lines = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text("utf-8").splitlines()]
    told = {line["source"] for line in lines}
    assert told == {f"{sources}/{name}" for name in (f"{CAFE}.mp4", f"{CAFE}.png", f"{EVIL}.png")}
    pictures = sorted((tmp_path / "result").glob("*/*.png"))
    again = command(sources, *flags)
    assert (again.code, again.err) == (0, "")
    assert sorted((tmp_path / "result").glob("*/*.png")) == pictures
    exported = [json.loads(line) for line in command("export", "--result", tmp_path / "result").out.splitlines()]
    assert {line["source"] for line in exported} == told
    table = list(csv.DictReader(io.StringIO(command("export", "--format", "csv", "--result", flags[1]).out)))
    assert {row["source"] for row in table} == {shown(source) for source in told}


def test_group_sorts_photos_of_any_name(sources: Path, tmp_path: Path, command: Command) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        ended = command("group", sources, "-o", out, "--json", "--plot", "--sidecars")
        assert ended.code == 0, ended.err
        assert all("left out" in line or ".xmp" in line for line in ended.err.splitlines())  # of the folder
        assert_harmless(ended.out + ended.err)
        assert json.loads(ended.out)["images"][0]["id"] == f"{sources}/{EVIL}.png"
    assert json.loads((out / "groups.json").read_text("utf-8"))["group_idx_list"] == [0]
    for file in ("faces.csv", "index.html", ".face-classifier-album.json"):
        assert_harmless((out / file).read_text("utf-8"))
    assert (sources / f"{CAFE}.png.xmp").exists()
    assert command("verify", "--index", out).code == 0


def test_what_is_printed_never_reaches_the_terminal_raw(sources: Path, tmp_path: Path, command: Command) -> None:
    result = tmp_path / "result"
    command(sources, "--result", result)
    for folder in ("person_01", "unknowns"):
        if (result / folder).exists():
            (result / folder).rename(result / f"{EVIL}{folder}")
    face = next(result.glob("*b*/*.png"))
    for line in (
        *(["people"], ["export"], ["rethink", "--dry-run"], ["audit"], ["suggest"], ["verify"], ["verify", "--json"]),
        *(["explain", face], ["recognize", sources], ["recognize", sources, "--json"], ["calibrate"]),
        ["export", "--format", "csv"],
        ["suggest", "accept", EVIL, CAFE],
        ["enroll", EVIL, sources],
    ):
        ended = command(*line, "--result", result)
        assert ended.out + ended.err
        assert_harmless(ended.out + ended.err)
    for line in (
        ["similar", sources / f"{CAFE}.png", "--gallery", sources],
        ["recommend", "--gallery", sources, "--picks", CAFE],
        ["dimensions", "--gallery", sources, "--dimension", "0"],
        [f"{CAFE}{EVIL}.mp4"],
        ["people", f"--{CAFE}{EVIL}"],
    ):
        ended = command(*line)
        assert ended.out + ended.err
        assert_harmless(ended.out + ended.err)


NAME = "홍길동 José 😀"
EACH = """
import sys
from face_classifier.cli import main as cli
for line in ("people", "export", "verify", "export --format csv"):
    assert cli.main([*line.split(), "--result", sys.argv[1]]) == 0
    print("--")
"""


@pytest.fixture
def named(gallery: Gallery) -> Path:
    """A result folder with one person, whose name no old encoding has."""
    gallery.see("obama.jpg")
    gallery.move(gallery.picture("unknowns"), NAME)
    gallery.look()
    return gallery.folder


def printed(*line: object, **environment: str) -> bytes:
    """What Python prints with those variables of the environment."""
    usual = {key: value for key, value in os.environ.items() if key != "PYTHONUTF8"}
    ended = subprocess.run(
        [sys.executable, *line], env={**usual, **environment}, cwd=ROOT, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    return ended.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp949"])
def test_no_encoding_of_a_terminal_costs_a_traceback_or_a_face(encoding: str, named: Path) -> None:
    people, export, *_, end = printed("-c", EACH, named, PYTHONIOENCODING=encoding).split(b"--\n")
    assert b"1 person, 1 known face" in people
    assert json.loads(export.decode(encoding))["person"] == NAME
    assert end == b""


def test_nor_does_a_locale_for_which_names_are_ascii(named: Path) -> None:
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert b"1 person, 1 known face" in printed("-m", "face_classifier", "people", "--result", named, **locale)
    exported = printed("-m", "face_classifier", "export", "--result", named, **locale)
    assert json.loads(exported.decode("ascii"))["person"] == NAME


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://10.0.0.5/user=anna&password=s3cr_et&channel=1&stream=0.sdp",
        "rtsp://10.0.0.5/user=anna_password=s3cr_et_c=1",
    ],
)
def test_a_login_in_the_path_is_left_out(address: str):
    assert without_logins(f"no answer from {address} so far") == "no answer from rtsp://10.0.0.5/… so far"
