"""Sources through the real pipeline: each is analysed once into a record, and the records are placed again and again.

Records are kept by what made them: the program's own analysis, by a digest of its code, beside what a record's head
tells. So a change of the rules of who is who costs no analysis, and a change of the analysis is never missed.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import face_classifier
from face_classifier.core.config.load import load
from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.retry import Patience
from face_classifier.core.disk.rooted import Root
from face_classifier.core.types import Box, Sighting
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.owner.queue import Owner
from face_classifier.pipeline.archive import analyse_into
from face_classifier.pipeline.desk import Desk
from face_classifier.records.file import read_record
from face_classifier.vision.engine import Engine
from recognition.faces import tell

_ANALYSIS = "core", "sources", "vision", "records", "pipeline/analysis", "pipeline/archive.py"


class Quiet:
    """Watches a run, and prints only what goes wrong."""

    def problem(self, sentence: str) -> None:
        tell(sentence)

    at_end = problem

    def through(self, steps: Sequence[str], name: str) -> Iterator[str]:
        yield from steps

    def opened(self, *_: object) -> None: ...

    def analysed(self, *_: object) -> None: ...

    def closed(self, *_: object) -> None: ...


@dataclass(frozen=True)
class Record:
    """A source that was analysed."""

    name: str  # of its file
    source: str
    largest: frozenset[tuple[float, Box]]  # position and box, in the original's pixels, of each frame's largest face
    faces: int  # encoded ones


@dataclass(frozen=True)
class Placed:
    """Every face of a result folder: as each was placed in its turn, and after second thoughts."""

    online: list[Sighting]
    finally_: list[Sighting]


class Recorder:
    """Analyses sources with one encoder, and places what it found."""

    def __init__(self, engine: Engine, encoder: str, folder: Path) -> None:
        """``folder``: where records are kept, in a folder for each code of the analysis."""
        self.engine, self.encoder = engine, encoder
        self._folder = folder / "records" / f"{encoder}-{engine.made_by.precision}-{code(*_ANALYSIS)}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._records: dict[tuple[Any, ...], Record] = {}

    def settings(self, **chosen: Any) -> Settings:
        """The program's defaults but for the encoder, chapters, and what is chosen."""
        return load({"encoder": self.encoder, "chapter": 0, **chosen}, None, {})

    def record(self, source: Path, **chosen: Any) -> Record:
        """The record of a source, analysed with such settings: ``seconds``, ``skip``, ``stop`` ..."""
        key = (source, *sorted(chosen.items()))
        if key not in self._records:
            with Root(self._folder) as root:
                names = analyse_into(root, str(source), self.settings(**chosen), self.engine, threading.Event())
                assert names is not None
                self._records[key] = _told(root, names[0], str(source))
        return self._records[key]

    def placed(self, records: Sequence[Record], **chosen: Any) -> Placed:
        """What becomes of the records in a fresh result folder, one after the other."""
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            root = stack.enter_context(Root(self._folder))
            wished = self.settings(result=f"{folder}/result", **chosen)
            observer = Quiet()
            opens = partial(Gallery.open, wished, observer, engine=lambda _: self.engine, make=True)
            owner = stack.enter_context(Owner(opens))
            patience = Patience(0, threading.Event(), observer.problem)
            desk = owner.call(lambda gallery: Desk(gallery, None, observer, patience))
            for record in records:
                with read_record(root, record.name) as told:
                    owner.call(lambda _, name=record.name, told=told: desk.place_part(name, *told))
            online = owner.call(lambda gallery: list(gallery.faces.values()))
            return Placed(online, list(owner.call(lambda _: desk.finish())))


def _told(root: Root, name: str, source: str) -> Record:
    largest, faces = set(), 0
    with read_record(root, name) as (head, frames):
        for analysed in frames(head.start):
            faces += sum(face.face is not None for face in analysed.faces)
            boxes = [analysed.frame.original(face.detection.box) for face in analysed.faces]
            if boxes:
                largest.add((analysed.frame.position, max(boxes, key=lambda box: box.area)))
        return Record(name, source, frozenset(largest), faces)


@cache
def code(*places: str) -> str:
    """A digest of the program's own modules in such folders, or of single ones."""
    package = Path(face_classifier.__file__).parent
    modules = sorted(path for place in places for path in [package / place, *(package / place).rglob("*.py")])
    digest = hashlib.sha256()
    for path in modules:
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


# What became of them


@dataclass(frozen=True)
class Outcome:
    """What became of people of whom it is known which sources show them."""

    shared: int  # folders in which strangers are
    split: tuple[str, ...]  # who has several folders
    without: tuple[str, ...]  # who has none


def outcome(faces: Sequence[Sighting], records: Sequence[Record], person_of: Mapping[str, str]) -> Outcome:
    """``person_of``: who the largest face in each frame of a source is; the other faces count nowhere."""
    largest = {record.source: record.largest for record in records}
    people: dict[str, set[str]] = {}  # of each folder
    folders: dict[str, set[str]] = {person_of[record.source]: set() for record in records}
    for face in faces:
        assert face.source is not None
        if face.person is None or (face.position, face.box) not in largest[face.source]:
            continue
        people.setdefault(face.person, set()).add(person_of[face.source])
        folders[person_of[face.source]].add(face.person)
    return Outcome(
        sum(len(there) > 1 for there in people.values()),
        tuple(sorted(name for name, own in folders.items() if len(own) > 1)),
        tuple(sorted(name for name, own in folders.items() if not own)),
    )
