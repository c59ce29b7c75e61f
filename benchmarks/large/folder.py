"""A result folder as the program would have left it, of made-up people, written by the program's own tables."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from face_classifier.core.disk.files import png_bytes
from face_classifier.core.disk.markers import RESULT, TABLE, mark
from face_classifier.core.disk.rooted import Root
from face_classifier.core.types import Box, Provenance
from face_classifier.gallery.passing.table import TrackRow, Tracks
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.table import Row, Rows, Table
from face_classifier.gallery.table.notes import Notes
from face_classifier.identity.naming import numbered
from face_classifier.vision.sface import SFaceEncoder
from large.crowd import LONE, Crowd, Floats, Ints, stored

A_TRACK = 4  # faces
A_SOURCE = 200  # tracks
LINKS = 10_000  # to one file: the same picture stands for so many faces, since few are looked at
SIDE = 30  # pixels of a picture, both ways
MADE_BY = Provenance(SFaceEncoder.space, "yunet", "yunet-5", "fp32")
BEGAN = datetime(2020, 1, 1, tzinfo=timezone.utc)
AGE = 7 * 86400  # seconds since the pictures were written
_AT_ONCE = 50_000  # faces drawn, and rows written in one transaction


@dataclass(frozen=True)
class Plan:
    """Whose the faces are, in the order in which they came."""

    people: int
    person: Ints  # from 0; those from ``people`` on were seen once, and are unknown
    track: Ints  # from 0

    @property
    def faces(self) -> int:
        return len(self.person)


def plan(people: int, faces: int) -> Plan:
    """As many faces of so many people, a share of lone strangers among them; everybody has a face."""
    dice = np.random.default_rng(people)
    tracks = max(people, faces // A_TRACK)
    lone = min(int(tracks * LONE), tracks - people)
    again = dice.integers(0, people, tracks - people - lone)
    owners = np.concatenate([np.arange(people), again, people + np.arange(lone)])
    owners = dice.permutation(owners)
    each = np.full(tracks, faces // tracks) + (np.arange(tracks) < faces % tracks)
    return Plan(people, np.repeat(owners, each), np.repeat(np.arange(tracks), each))


def encodings(plan: Plan, seed: int = 0) -> Iterator[tuple[int, Floats]]:
    """The first number and the encodings of some faces after the other; whole tracks at once."""
    crowd, dice = Crowd(stored()), np.random.default_rng(seed)
    start = 0
    while start < plan.faces:
        end = min(start + _AT_ONCE, plan.faces)
        while end < plan.faces and plan.track[end] == plan.track[end - 1]:
            end += 1
        yield start, crowd.faces(plan.person[start:end], plan.track[start:end], dice)
        start = end


def make_folder(folder: Path, people: int, faces: int) -> None:
    """Make a result folder; with a million faces it takes minutes."""
    made = plan(people, faces)
    folder.mkdir(parents=True)
    for number in np.unique(made.person[made.person < people]).tolist():
        (folder / _folder_of(number, people)).mkdir()
    (folder / UNKNOWNS).mkdir(exist_ok=True)
    with Root(folder) as root:
        mark(root, RESULT)
        table = Table(root, TABLE, writing=True)
        rows, tracks, links = Rows(table), Tracks(table), _Links(folder)
        for start, drawn in encodings(made):
            with table.together():
                written = [_row(made, start + place, encoding, links) for place, encoding in enumerate(drawn)]
                for row in written:
                    rows.add(row)
            tracks.write(list(_tracks(written)))
        with table.together():
            Notes(table).set_mark("person", people)
        table.close()
    then = time.time() - AGE
    for path in (*folder.iterdir(), folder):
        if path.is_dir():
            os.utime(path, (then, then))


def _folder_of(number: int, people: int) -> str:
    return numbered(number + 1) if number < people else UNKNOWNS


class _Links:
    """Pictures, each the file of many faces."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._dice = folder, np.random.default_rng(2)
        self._first: Path | None = None
        self._count = 0

    def add(self, place: str) -> tuple[os.stat_result, str]:
        """Make a picture at a place; its state, and the hash of its content."""
        path = self._folder / place
        if self._first is None or self._count == LINKS:
            content = picture(self._dice)
            path.write_bytes(content)
            os.utime(path, (time.time() - AGE,) * 2)
            self._first, self._count, self._state = path, 0, path.stat()
            self._hash = hashlib.sha256(content).hexdigest()
        else:
            os.link(self._first, path)
        self._count += 1
        return self._state, self._hash


def picture(dice: np.random.Generator, side: int = SIDE) -> bytes:
    """A PNG of ``side`` pixels both ways, which no other is alike."""
    return png_bytes(dice.integers(0, 255, (side, side, 3), np.uint8))


def _row(plan: Plan, number: int, encoding: Floats, links: _Links) -> Row:
    person, track = int(plan.person[number]), int(plan.track[number])
    folder = _folder_of(person, plan.people)
    taken = BEGAN + timedelta(seconds=number)
    stem = f"{taken:%Y%m%d_%H%M%S}.000-0"
    state, digest = links.add(f"{folder}/{stem}.png")
    row = Row(stem, folder, f"{stem}.png", state.st_size, state.st_mtime_ns, digest)
    source = track // A_SOURCE
    row.source, row.fingerprint = f"clip-{source:06d}.mp4", hashlib.sha256(f"{source}".encode()).hexdigest()
    row.position, row.frame, row.time = float(number), number, taken
    row.placed, row.distance, row.track, row.quality = folder, 0.3, track + 1, 0.3 + number * 7 % 60 / 100
    row.space, row.detector, row.chip, row.precision = vars(MADE_BY).values()
    row.box, row.encoding = Box(SIDE // 3, 2 * SIDE // 3, 2 * SIDE // 3, SIDE // 3), encoding.astype(float)
    return row


def _tracks(rows: Sequence[Row]) -> Iterator[TrackRow]:
    """The rows of the tracks that faces are of."""
    first = 0
    for place, row in enumerate(rows):
        if place + 1 == len(rows) or rows[place + 1].track != row.track:
            begin = rows[first]
            assert row.track is not None
            assert row.source is not None
            assert begin.time is not None
            assert row.time is not None
            yield TrackRow(
                number=row.track,
                source=row.source,
                fingerprint=row.fingerprint,
                session=1,
                first=begin.time,
                last=row.time,
                first_position=begin.position or 0.0,
                last_position=row.position or 0.0,
                frames=place - first + 1,
                best=row.id,
                said=None if row.folder == UNKNOWNS else row.folder,
            )
            first = place + 1
