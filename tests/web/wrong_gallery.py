"""A gallery of 600 faces of 12 people in which much is wrong, of which it is known whose each face is."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np

from face_classifier.core.disk.markers import RESULT, TABLE, mark
from face_classifier.core.disk.rooted import Root
from face_classifier.core.types import Box
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.reading.reader import Reader
from face_classifier.gallery.table import Row, Rows, Table
from face_classifier.gallery.table.notes import Notes
from face_classifier.vision.sface import SFaceEncoder

PEOPLE, EACH = 12, 50
TWO_FOLDERS, TWO_FOLDERS_FACES = (3, 6, 9), 20  # people of whom so many faces lie in a folder of their own
GUEST, HOST = 12, 11  # all faces of the one lie with those of the other
STRAYS = 5  # faces of each of the others that lie with somebody else,
UNKNOWN = 5  # and that are nobody's yet
# Of the encodings: people lie about 0.8 apart, faces of one about 0.28 from their average.
WIDTH, NOISE = 0.05, 0.025
_SIDE = 60  # pixels of a picture, both ways
_BEGIN = datetime(2026, 11, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class WrongGallery:
    """Where it is, and whose each face (id) is: numbers from 1."""

    folder: Path
    truth: Mapping[int, int]

    def labels(self) -> dict[int, str]:
        """In whose folder each face lies; "": it is nobody's."""
        with Reader(self.folder) as reader:
            catalogue = reader.now()
            return {face: card.person or "" for face in self.truth if (card := catalogue.face(face))}

    def wrong(self) -> int:
        """How many faces have to be moved until each person has one folder alone."""
        folders: dict[str, Counter[int]] = defaultdict(Counter)
        for face, folder in self.labels().items():
            folders[folder][self.truth[face]] += 1
        homes: dict[int, str] = {}
        for name, people in folders.items():
            owner, _ = people.most_common(1)[0]
            if name and (owner not in homes or people[owner] > folders[homes[owner]][owner]):
                homes[owner] = name
        return len(self.truth) - sum(folders[name][person] for person, name in homes.items())


def make_wrong_gallery(folder: Path, seed: int = 7) -> WrongGallery:
    """Make it. The pictures are of one colour a person; the encodings are made up."""
    dice = np.random.default_rng(seed)
    people = dice.permutation(np.repeat(np.arange(1, PEOPLE + 1), EACH)).tolist()
    centres = dice.normal(0.0, WIDTH, (PEOPLE + 1, 128))
    folder.mkdir(parents=True)
    truth = {}
    with Root(folder) as root:
        mark(root, RESULT)
        table = Table(root, TABLE, writing=True)
        rows = Rows(table)
        with table.together():
            for number, (person, place) in enumerate(zip(people, _places(people, dice), strict=True)):
                row = _row(folder / place, person, number)
                row.encoding = centres[person] + dice.normal(0.0, NOISE, 128)
                rows.add(row)
                truth[row.id] = person
            Notes(table).set_mark("person", PEOPLE + max(TWO_FOLDERS))
        table.close()
    return WrongGallery(folder, truth)


def _places(people: list[int], dice: np.random.Generator) -> list[str]:
    """In which folder each face lies."""
    places = [_name(HOST if person == GUEST else person) for person in people]
    for person in set(people) - {GUEST, HOST}:
        own = [number for number, whose in enumerate(people) if whose == person]
        others = [other for other in range(1, PEOPLE + 1) if other not in (person, GUEST, HOST)]
        for number in own[:STRAYS]:
            places[number] = _name(int(dice.choice(others)))
        for number in own[STRAYS : STRAYS + (TWO_FOLDERS_FACES if person in TWO_FOLDERS else 0)]:
            places[number] = _name(PEOPLE + person)
        for number in own[-UNKNOWN:]:
            places[number] = UNKNOWNS
    return places


def _name(person: int) -> str:
    return f"person_{person:02d}"


def _row(folder: Path, person: int, number: int) -> Row:
    colour = cv2.cvtColor(np.array([[[180 * person // PEOPLE, 200, 120 + number % 100]]], np.uint8), cv2.COLOR_HSV2BGR)
    image = np.full((_SIDE, _SIDE, 3), colour[0, 0], np.uint8)
    cv2.putText(image, str(number), (2, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255))
    content = cv2.imencode(".png", image)[1].tobytes()
    time = _BEGIN + timedelta(minutes=number)
    stem = f"{time:%Y%m%d_%H%M%S}.000-0"
    path = folder / f"{stem}.png"
    folder.mkdir(exist_ok=True)
    path.write_bytes(content)
    state = path.stat()
    row = Row(stem, folder.name, path.name, state.st_size, state.st_mtime_ns, hashlib.sha256(content).hexdigest())
    row.placed, row.distance, row.space, row.time, row.quality = folder.name, 0.3, SFaceEncoder.space, time, 0.8
    row.source, row.position, row.frame = "door", float(number), number
    row.detector, row.chip, row.precision = "yunet", "yunet-5", "fp32"
    row.box = Box(_SIDE // 3, 2 * _SIDE // 3, 2 * _SIDE // 3, _SIDE // 3)
    return row
