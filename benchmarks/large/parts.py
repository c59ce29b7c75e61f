"""What is measured of a gallery with many people, each in a process of its own: seconds, milliseconds a face, MB."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from face_classifier.core.config.load import load
from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.markers import PICKLE
from face_classifier.core.disk.retry import Patience
from face_classifier.core.disk.rooted import Root
from face_classifier.core.types import NO_IMAGE, Box, Detection, Face, Frame, Label
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.owner.queue import Owner
from face_classifier.identity.rules import empty_people
from face_classifier.pipeline.desk import Desk
from face_classifier.records.file import RecordWriter, read_record
from face_classifier.records.frames import AnalysedFace, AnalysedFrame
from face_classifier.records.head import Head
from face_classifier.records.plain import Origin
from face_classifier.sources.base import Sampling
from large.crowd import LONE, Crowd, Floats, Ints, stored
from large.folder import BEGAN, MADE_BY, encodings, picture, plan

BATCH = 256  # probes that are foreseen together
BATCHED, SINGLY = 4096, 256  # probes
KEPT = 2000  # faces of a record
IN_A_RECORD = 12  # faces of a track in a record
Found = dict[str, float]


class Quiet:
    """Watches a run, and says nothing but what goes wrong."""

    def problem(self, sentence: str) -> None:
        if "left out" not in sentence:
            raise AssertionError(sentence)

    def opened(self, source: object, sampling: object) -> None: ...

    def analysed(self, frame: Frame, people: object) -> None: ...

    def closed(self, source: object) -> None: ...

    def through(self, things: Any, _what: str) -> Any:
        return things

    def at_end(self, action: Callable[[], None]) -> None: ...


def no_engine(_encoder: str) -> Any:
    """All faces have their encodings already."""


def settings_of(folder: Path, **more: object) -> Settings:
    return load({"result": str(folder), "encoder": "sface", **more}, None, {})


@contextmanager
def timed(found: Found, name: str, faces: int = 0) -> Iterator[None]:
    """Seconds by the clock and of the processor, or milliseconds a face; those of processes that ended, too."""
    began = time.perf_counter(), time.process_time(), _others()
    yield
    took = time.perf_counter() - began[0], time.process_time() - began[1], _others() - began[2]
    scale, unit = (1000 / faces, "ms") if faces else (1, "s")
    found |= {f"{name} {unit}": took[0] * scale, f"{name} CPU {unit}": (took[1] + took[2]) * scale}
    if took[2]:
        found[f"{name} CPU {unit} of others"] = took[2] * scale


def _others() -> float:
    """Seconds of the processor that ended processes of this one took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def now_mb() -> float:
    """MB that the process takes."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 1e6


def peak_mb() -> float:
    """MB that the process took at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def start(folder: Path) -> Found:
    """What a run does before its first frame."""
    found: Found = {}
    with timed(found, "start"):
        opened = Gallery.open(settings_of(folder), Quiet(), engine=no_engine)
        opened.__enter__()
    found |= {"MB": now_mb(), "peak MB": peak_mb()}
    opened.__exit__(None, None, None)
    return found


def match(people: int) -> Found:
    """Whose faces are, among so many people of one track each, of whom nothing is on disk."""
    known, found = empty_people(settings_of(Path("result"))), Found()
    before = now_mb()
    made = plan(people, people * 2)
    with timed(found, "take in", made.faces):
        known.add_all(_labels(made.person, encodings(made), people))
    found["bytes a person"] = (now_mb() - before) * 1e6 / people
    probes = _probes(people)
    for probe in probes[:8]:  # what is made at the first question is made
        known.decide(probe)
    with timed(found, "singly", SINGLY):
        alone = [known.decide(probe) for probe in probes[:SINGLY]]
    together = []
    with timed(found, "in batches", BATCHED):
        for first in range(0, BATCHED, BATCH):
            some = list(probes[first : first + BATCH])
            known.foresee(some)
            together += [known.decide(probe) for probe in some]
    assert together[:SINGLY] == alone, "in batches it is decided otherwise"
    is_own = np.array([one.person is not None for one in together])
    return found | {"known": is_own.mean(), "peak MB": peak_mb()}


def _labels(person: Ints, drawn: Iterator[tuple[int, Floats]], people: int) -> Iterator[Label]:
    for first, some in drawn:
        for place, encoding in enumerate(some.astype(float)):
            number = int(person[first + place])
            name = f"person_{number + 1:02d}" if number < people else None
            yield Label(first + place + 1, name, None, False, False, encoding, 0.6)


def _probes(people: int) -> Floats:
    """Faces of those people on another day, and of strangers."""
    dice = np.random.default_rng(3)
    known = dice.integers(0, people, BATCHED)
    asked = np.where(dice.random(BATCHED) < LONE, 10 * people + np.arange(BATCHED), known)
    order = np.argsort(asked)
    found = np.empty((BATCHED, 128))
    found[order] = Crowd(stored()).faces(asked[order], np.arange(BATCHED), dice)
    return found


def keep(folder: Path, people: int, seed: int, most: int | None, side: int) -> Found:
    """Place a record of `KEPT` faces; ``most``: pictures a track; ``side``: pixels of a picture."""
    found, stopping, quiet = Found(), threading.Event(), Quiet()
    settings = settings_of(folder, pictures_per_track=most)
    with TemporaryDirectory() as beside, Root.made(Path(beside) / "records") as root:
        name = _write_record(root, settings, people, seed, side)
        with Owner(partial(Gallery.open, settings, quiet, engine=no_engine)) as owner:
            desk = owner.call(lambda gallery: Desk(gallery, None, quiet, Patience(0, stopping, quiet.problem)))
            before = len(owner.call(lambda gallery: gallery.faces))
            with timed(found, "keep", KEPT), read_record(root, name) as (head, frames):
                assert owner.call(lambda _: desk.place_part(name, head, frames)), "it was placed before"
            found["pictures a face"] = (len(owner.call(lambda gallery: gallery.faces)) - before) / KEPT
    return found | {"peak MB": peak_mb()}


def _write_record(root: Root, settings: Settings, people: int, seed: int, side: int) -> str:
    dice, source = np.random.default_rng(seed), f"new-{seed}.mp4"
    head = Head(Origin(source, f"{seed:064x}"), BEGAN + timedelta(days=9000 + seed), Sampling(), True, {}, {})
    tracks = -(-KEPT // IN_A_RECORD)
    asked = np.sort(
        np.where(dice.random(tracks) < LONE, 20 * people + np.arange(tracks), dice.integers(0, people, tracks))
    )
    person, track = np.repeat(asked, IN_A_RECORD)[:KEPT], np.repeat(np.arange(tracks), IN_A_RECORD)[:KEPT]
    drawn = Crowd(stored()).faces(person, track, dice).astype(float)
    box = Box(side // 3, 2 * side // 3, 2 * side // 3, side // 3)
    with RecordWriter(root, head) as record:
        for number, (encoding, of) in enumerate(zip(drawn, track.tolist(), strict=True)):
            quality = float(dice.uniform(0.5, 0.9))
            frame = Frame(NO_IMAGE, source, head.origin.fingerprint, number, float(number), 0.02, head.start)
            frame = replace(frame, time=head.start + timedelta(seconds=number))
            face = Face(box, encoding, MADE_BY, quality)
            seen = AnalysedFace(Detection(box, quality=quality), of, True, face, picture(dice, side), False)
            record.add(AnalysedFrame(frame, (seen,)))
    return record.name


def thoughts(folder: Path) -> Found:
    """Think of all faces again; nothing is moved."""
    found: Found = {}
    with Gallery.open(settings_of(folder), Quiet(), engine=no_engine) as gallery:
        before = now_mb()
        with timed(found, "thoughts"):
            answer = gallery.store.answer(gallery.store.question(gallery.settings, gallery.looked))
    moved = sum(len(move.faces) for move in answer.moves)
    return found | {"MB": peak_mb() - before, "faces moved": moved}


def files(folder: Path, faces: int) -> Found:
    """What the folder takes, beside pictures and views."""
    ours = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith((".", "montage.", PICKLE))]
    folders = [path for path in folder.iterdir() if path.is_dir()]
    pictures = sum(len(list(path.iterdir())) for path in folders)
    return {
        "bytes a face": sum(path.stat().st_size for path in ours) / faces,
        "files a person": pictures / max(1, len(folders) - 1),
        "files beside them": len(list(folder.iterdir())) - len(folders),
    }


def settle(folder: Path) -> None:
    """Have the views be made of what was written."""
    with Gallery.open(settings_of(folder), Quiet(), engine=no_engine, make=True) as gallery:
        gallery.write_views()
