"""A made-up gallery as a program with cameras would have left it: faces, tracks, a journal, and pictures that open."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from face_classifier.core.disk.markers import RESULT, TABLE, mark
from face_classifier.core.disk.rooted import Root
from face_classifier.core.types import Box
from face_classifier.gallery.passing.table import TrackRow, Tracks
from face_classifier.gallery.table import Row, Rows, Table
from face_classifier.gallery.table.notes import Notes
from face_classifier.vision.sface import SFaceEncoder

LARGEST = 0.1  # share of the faces that are of one person, whom everybody looks at
UNKNOWN = 0.1  # share of the faces
A_TRACK = 4  # faces
CAMERAS = "door", "garden", "hall", "garage"
DAYS = 60
SIDE = 240  # pixels of a picture, both ways
PICTURES = 40  # different ones: each is linked to many times, since they are not looked at
WIDTH, NOISE = 0.087, 0.02  # of the encodings: people lie about 1.4 apart, faces of one about 0.3 to their average
_END = datetime(2026, 11, 20, tzinfo=timezone.utc)


class Pictured(NamedTuple):
    """A picture's file."""

    path: Path
    hash: str
    state: os.stat_result


def make_gallery(folder: Path, faces: int, people: int) -> None:
    """Make a result folder with so many faces of so many people; it takes a minute for 100,000."""
    folder.mkdir(parents=True)
    pictures = list(_pictures(folder.parent / f"{folder.name}-pictures"))
    dice = np.random.default_rng(1)
    owners = _owners(faces, people, dice)
    centres = dice.normal(0.0, WIDTH, (people + 1, 128))
    seconds = np.sort(dice.integers(0, DAYS * 86400, -(-faces // (2 * A_TRACK))))  # two come at a time
    for number in np.unique(owners):
        (folder / _name(int(number))).mkdir()
    with Root(folder) as root:
        mark(root, RESULT)
        table = Table(root, TABLE, writing=True)
        rows, tracks, best = Rows(table), Tracks(table), []
        with table.together():
            for number, owner in enumerate(owners.tolist()):
                centre = centres[owner] if owner else dice.normal(0.0, WIDTH, 128)
                time = (
                    _END
                    - timedelta(days=DAYS)
                    + timedelta(seconds=int(seconds[number // (2 * A_TRACK)]) + number % A_TRACK)
                )
                row = _row(folder, number, _name(owner), pictures[number % PICTURES], time)
                row.encoding, row.quality = centre + dice.normal(0.0, NOISE, 128), float(dice.random())
                rows.add(row)
                best.append(row)
            Notes(table).set_mark("person", people + 1)
        tracks.write([_track(best[first : first + A_TRACK]) for first in range(0, faces, A_TRACK)])
        table.close()


def _name(owner: int) -> str:
    return f"person_{owner:02d}" if owner else "unknowns"


def _owners(faces: int, people: int, dice: np.random.Generator) -> Any:
    """Whose each face is, the faces of a track together; 0: unknown, 1: the largest person."""
    tracks = -(-faces // A_TRACK)
    largest, unknown = int(tracks * LARGEST), int(tracks * UNKNOWN)
    others = np.resize(np.arange(2, people + 1), tracks - largest - unknown)
    drawn = np.concatenate([np.zeros(unknown, int), np.ones(largest, int), others])
    return np.repeat(dice.permutation(drawn), A_TRACK)[:faces]


def _pictures(folder: Path) -> Iterator[Pictured]:
    """PNGs as large as the program's own cuts are."""
    folder.mkdir()
    dice = np.random.default_rng(2)
    for number in range(PICTURES):
        coarse = cv2.resize(dice.integers(1, 255, (16, 16, 3), np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        image = np.clip(coarse + dice.normal(0.0, 3.0, coarse.shape), 1, 255).astype(np.uint8)
        content = cv2.imencode(".png", image)[1].tobytes()
        path = folder / f"{number}.png"
        path.write_bytes(content)
        yield Pictured(path, hashlib.sha256(content).hexdigest(), path.stat())


def _row(folder: Path, number: int, name: str, picture: Pictured, time: datetime) -> Row:
    stem = f"{time:%Y%m%d_%H%M%S}.{number % 1000:03d}-{number // 1000}"
    os.link(picture.path, folder / name / f"{stem}.png")
    # No two rows have one content, or all but one would be copies.
    content = hashlib.sha256(f"{picture.hash} {number}".encode()).hexdigest()
    row = Row(stem, name, f"{stem}.png", picture.state.st_size, picture.state.st_mtime_ns, content)
    row.placed, row.distance, row.space, row.time = name, 0.3, SFaceEncoder.space, time
    row.source, row.position, row.frame = CAMERAS[number // (2 * A_TRACK) % len(CAMERAS)], float(number), number
    row.detector, row.chip, row.precision, row.track = "yunet", "yunet-5", "fp32", number // A_TRACK + 1
    row.box = Box(SIDE // 3, 2 * SIDE // 3, 2 * SIDE // 3, SIDE // 3)
    return row


def _track(faces: list[Row]) -> TrackRow:
    first, last = faces[0], faces[-1]
    assert first.track is not None
    assert first.source is not None
    assert first.time is not None
    assert last.time is not None
    return TrackRow(
        number=first.track,
        source=first.source,
        fingerprint=None,
        session=1,
        first=first.time,
        last=last.time,
        first_position=first.position or 0.0,
        last_position=last.position or 0.0,
        frames=len(faces),
        best=first.id,
        said=None if first.folder == "unknowns" else first.folder,
    )
