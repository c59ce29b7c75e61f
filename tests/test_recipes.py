"""The recipes of the README, the tutorials and the how-to pages print what is shown there.

A block of ``console`` has commands, each after ``$ ``, and what they print. A block with a ``title`` is a file that the
reader writes. All of a page is done in one new folder, in its order.
"""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import Ended, need_tool

ROOT = Path(__file__).parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for pattern in ("README.md", "docs/tutorials/*.md", "docs/how-to/*.md")
    for path in sorted(ROOT.glob(pattern))
}
PROGRAM = ["sh", "scripts/run"]
PACKAGES = {"exiftool": "libimage-exiftool-perl"}  # of Debian, by the tool that a page asks
HOME = "/home/me/face-classifier"  # where the reader stands
CLOCK = re.compile(r"(20\d\d-\d\d-\d\d )?\d\d:\d\d:\d\d")  # of what happens while the recipe runs
PICTURE = re.compile(
    r"20\d{6}_\d{6}\.\d{3}-\d"
)  # of pictures that are nearly as near another processor may take another
DECIMAL = re.compile(r"\d+\.\d+")
NEAR, NEAR_PER_CENT = 0.03, 1.0  # by how much a distance or quality, and a likeness, may differ on another processor

TRIES = 3  # what is watched loses frames on a busy machine, and less is seen until its time is over


def recipes(page: str) -> list[tuple[str, str]]:
    """In the order of a page: commands and what it shows them to print, and files (``>name``) with their content."""
    steps = []
    for kind, name, block in re.findall(r'^```(\w+)(?: title="(.+?)")?\n(.*?)^```$', page, re.MULTILINE | re.DOTALL):
        if name:
            steps.append((f">{name}", block))
        elif kind == "console":
            steps += re.findall(r"\$ (.*)\n((?:[^$].*\n)*)", block)
    return steps


def words_and_numbers(text: str) -> tuple[list[str], list[float]]:
    """The words of a text with a mark for each decimal number, and these numbers."""
    text = PICTURE.sub("@", CLOCK.sub("@", text))
    return DECIMAL.sub("#", text).split(), [float(number) for number in DECIMAL.findall(text)]


def carry_out(line: str, command: Callable[..., Ended]) -> Ended:
    """What a line prints: of the program here, of others in a shell."""
    asked, _, file = line.partition(" >")
    words = shlex.split(asked)
    if words[:2] == PROGRAM:
        ended = command(*words[2:])
        if file:
            Path(file).write_text(ended.out, "utf-8")
        return ended._replace(out="") if file else ended
    if words[0] in PACKAGES:
        need_tool(words[0], PACKAGES[words[0]])
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=10, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


class NearEnough(doctest.OutputChecker):
    """Numbers may differ on another processor by as much as elsewhere."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        (words, numbers), (other_words, others) = words_and_numbers(want), words_and_numbers(got)
        return words == other_words and numbers == pytest.approx(others, abs=NEAR)


@pytest.mark.usefixtures("clock_of_utc")
@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if recipes(text)])
def test_the_recipes_of_a_page_print_what_it_shows(
    page: str,
    photographs: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[..., Ended],
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACE_CLASSIFIER_WEB__LISTEN", "off")  # which no other program can have
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, path in photographs.items():
        shutil.copy(path, photos / name)
    told = recipes(PAGES[page])
    for line, shown in told:
        if line[0] == ">":
            Path(line[1:]).write_text(shown, "utf-8")
            continue
        watches = shlex.split(line)[2:3] == ["watch"]
        before = set(tmp_path.iterdir())
        for _ in range(TRIES if watches else 1):
            ended = carry_out(line, command)
            assert ended.code == 0, line + ended.err
            words, numbers = words_and_numbers(ended.out.replace(str(tmp_path), HOME))
            if words == words_and_numbers(shown)[0]:
                break
            if watches:
                for made in set(tmp_path.iterdir()) - before:
                    shutil.rmtree(made)
        assert words == words_and_numbers(shown)[0], line
        per_cent = [
            word == "%" for before, word in pairwise([*words, ""]) if "#" in before for _ in range(before.count("#"))
        ]
        for number, other, likeness in zip(numbers, words_and_numbers(shown)[1], per_cent, strict=True):
            assert number == pytest.approx(other, abs=NEAR_PER_CENT if likeness else NEAR), line
    type_sessions(PAGES[page])


def type_sessions(page: str) -> None:
    """Type the blocks of ``pycon`` of a page, and compare what Python prints."""
    session = "\n".join(re.findall(r"^```pycon\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    lines = doctest.DocTestParser().get_doctest(session, {}, "session", None, 0)
    told: list[str] = []
    doctest.DocTestRunner(NearEnough()).run(lines, out=told.append)
    assert not told, "".join(told)


def test_the_readme_has_recipes():
    assert len(recipes(PAGES["README.md"])) > 5
    assert PAGES["README.md"].count("\n>>> ") > 5


@pytest.fixture
def clock_of_utc(monkeypatch: pytest.MonkeyPatch):
    """Local times are UTC's meanwhile, as the pages show them."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()
