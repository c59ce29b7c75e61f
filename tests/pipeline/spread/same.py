"""What two result folders of the same sources have in common, and clips to make them of."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import cv2

from face_classifier.core.types import Image

# What tells when and where a result folder was written, not what is in it; and what it is made again from.
_TABLES = {"journal", "sqlite_sequence", "sqlite_stat1", "placed", "uses", "batch"}
_COLUMNS = {("faces", "mtime")}


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
            told[f"table {name}"] = sorted(map(repr, table.execute(f"SELECT {chosen} FROM {name}{where}")))
    return told


def differences(one: Path, other: Path) -> list[str]:
    """The names of files and tables in which two result folders differ."""
    first, second = contents(one), contents(other)
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


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
