"""What two result folders of the same sources have in common, clips to make them of, and who watches."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import cv2
from conftest import Watcher

from face_classifier.core.types import Image

# What tells when and where a result folder was written, not what is in it; and what it is made again from.
_TABLES = {"journal", "sqlite_sequence", "sqlite_stat1", "placed", "uses", "batch"}
_COLUMNS = {("faces", "mtime")}
_MOST_ROWS = 3  # of a table that a failing test prints


def contents(result: Path) -> dict[str, object]:
    """All that must be equal in result folders of the same sources.

    Every file that is not hidden by its digest, each table without write times and journal as sorted rows.
    """
    told: dict[str, object] = {}
    for path in sorted(result.rglob("*")):
        name = path.relative_to(result).as_posix()
        if path.is_file() and not name.startswith(".") and not name.startswith("faces.sqlite"):
            told[name] = sha256(path.read_bytes()).hexdigest()
    with closing(sqlite3.connect(result / "faces.sqlite")) as table:
        names = [name for (name,) in table.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in set(names) - _TABLES:
            columns = [column for _, column, *_ in table.execute(f"PRAGMA table_info({name})")]
            chosen = ", ".join(f'"{column}"' for column in columns if (name, column) not in _COLUMNS)
            where = " WHERE name <> 'root'" if name == "marks" else ""  # an inode
            told[f"table {name}"] = sorted(map(_shown, table.execute(f"SELECT {chosen} FROM {name}{where}")))
    return told


def _shown(row: tuple[object, ...]) -> str:
    """What a failing test can print: an encoding by its digest."""
    values = (f"#{sha256(value).hexdigest()[:12]}" if isinstance(value, bytes) else repr(value) for value in row)
    return f"({', '.join(values)})"


def differences(one: Path, other: Path) -> list[str]:
    """In which files and tables two result folders differ, and in what: a line for each of them."""
    first, second = contents(one), contents(other)
    names = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    return [f"{name}: {_why(name, first, second)}" for name in names]


def _why(name: str, first: dict[str, object], second: dict[str, object]) -> str:
    """How an entry differs that is not the same in both."""
    mine, theirs = first.get(name), second.get(name)
    if isinstance(mine, list) and isinstance(theirs, list):
        less, more = (
            list((Counter(mine) - Counter(theirs)).elements()),
            list((Counter(theirs) - Counter(mine)).elements()),
        )
        return f"{_some(less)} in the first alone, {_some(more)} in the second alone"
    if mine is not None and theirs is not None:
        return "other bytes"
    here, there, content = ("first", second, mine) if theirs is None else ("second", first, theirs)
    elsewhere = sorted(other for other, digest in there.items() if digest == content)
    return f"in the {here} alone" + (f", which is {elsewhere[0]} in the other" if elsewhere else "")


def _some(rows: Sequence[str]) -> str:
    return f"{len(rows)} rows {[row[:300] for row in rows[:_MOST_ROWS]]}"


def records_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of writing of each record of a folder: others where it was made again."""
    states = {path.name: path.stat() for path in folder.glob("*.record")}
    return {name: (state.st_ino, state.st_mtime_ns) for name, state in states.items()}


def clips_of(folder: Path, images: Sequence[Image], count: int, *, frames: int = 4) -> list[Path]:
    """Clips at two frames a second, each of some of the pictures one after the other; each is another one."""
    folder.mkdir()
    paths = []
    for number in range(count):
        path = folder / f"clip-{number:02}.avi"
        height, width = images[0].shape[:2]
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 2, (width, height))
        for step in range(frames):
            image = images[(number + number // len(images) * step + step // 2) % len(images)].copy()
            image[:4, : 4 + 2 * number] = 10 * step  # no two clips are one file
            writer.write(image)
        writer.release()
        os.utime(path, (1_700_000_000 + 60 * number,) * 2)
        paths.append(path)
    return paths


class SpreadWatcher(Watcher):
    """Keeps what failed, too."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []

    def went_on(self, done: object) -> None: ...

    def failed(self, sentence: str) -> None:
        self.failures.append(sentence)
