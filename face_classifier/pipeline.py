"""The loop: sources in, faces placed and kept, sinks told. The only room that knows all the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from face_classifier.engine import Engine
from face_classifier.errors import UserError
from face_classifier.faces import Face, Frame, Seen, Sighting
from face_classifier.frames import Sampling, Source, find_sources, open_source, read_picture
from face_classifier.people import PersonDB, by_person
from face_classifier.settings import Settings
from face_classifier.sinks import Captures, JsonLines, Sink, Window
from face_classifier.store import FoldersChangedError, Store

_T = TypeVar("_T")


class Observer(Protocol):
    """Whoever watches a run from outside."""

    def problem(self, sentence: str) -> None:
        """Something went wrong that does not stop the run."""

    def opened(self, source: Source, sampling: Sampling) -> None: ...

    def analysed(self, frame: Frame, people: PersonDB) -> None: ...

    def closed(self, source: Source) -> None: ...


@dataclass(frozen=True)
class RunResult:
    """How a run ended."""

    failed: int  # sources
    sightings: list[Sighting] | None  # every face as it is labelled at the end; None if no source could be analysed


class Classifier:
    """Places and keeps the faces of frames in a result folder."""

    def __init__(self, engine: Engine, store: Store, threshold: float) -> None:
        self._engine = engine
        self._store = store
        self._threshold = threshold
        self.people = PersonDB(threshold)
        self._look()

    def _look(self) -> None:
        """Take the folders as they are now."""
        self.people = PersonDB(self._threshold)
        for sighting in self._store.look(photo_reader(self._engine)):
            self.people.add(sighting)

    def classify(self, frame: Frame) -> tuple[list[Seen], list[Sighting]]:
        """The faces in a frame, from left to right, and the sightings that are new, met again or changed by them."""
        detections = self._engine.detect(frame.image)
        boxes = [detection.box for detection in detections]
        same = self._on_folders_as_they_are(partial(self._store.same, frame, boxes))
        new = [number for number in range(len(boxes)) if number not in same]
        faces = self._engine.encode(frame.image, [detections[number] for number in new])
        sightings = [sighting for sighting in same.values() if sighting]
        seen = {number: Seen(boxes[number], sighting.person) for number, sighting in same.items() if sighting}
        for number, face in zip(new, faces, strict=True):
            kept = self._on_folders_as_they_are(partial(self._keep, frame, face, number))
            sightings += kept
            if kept:
                seen[number] = Seen(face.box, kept[0].person)
        return [seen[number] for number in sorted(seen)], sightings

    def _keep(self, frame: Frame, face: Face, number: int) -> list[Sighting]:
        match = self.people.decide(face.encoding)
        kept = self._store.keep(frame, face, match, number)
        if kept.new:
            if match.partner is not None:
                self.people.remove_unknown(match.partner)
            for sighting in kept.sightings:
                self.people.add(sighting)
        return kept.sightings

    def _on_folders_as_they_are(self, action: Callable[[], _T]) -> _T:
        """Do something that writes where the folders should be; if the user changed them meanwhile, look and redo."""
        for _ in range(3):
            try:
                return action()
            except FoldersChangedError:
                self._look()
        return action()


def photo_reader(engine: Engine) -> Callable[[Path, bool], tuple[Face, bool]]:
    """How a store reads pictures that have no encoding yet."""
    return lambda path, own_cut: engine.photo(read_picture(path), own_cut=own_cut)


def run(settings: Settings, given: Sequence[str], stopping: threading.Event, observer: Observer) -> RunResult:
    """Classify the faces of all sources into the result folder, until their end or until ``stopping`` is set.

    A source that fails is told to ``observer`` and the others go on. Raises UserError if nothing can be done at all.
    """
    paths, failed = _find(settings, given, observer)
    if not paths:
        return RunResult(failed, None)
    with ExitStack() as stack:
        sinks = _open_sinks(settings, stopping, stack)
        store = stack.enter_context(Store(Path(settings.result), writing=True))
        engine = Engine(settings.resize_ratio)
        classifier = Classifier(engine, store, settings.threshold)
        _tell(store, observer)
        analysed = 0
        try:
            for path in paths:
                if stopping.is_set():
                    break
                try:
                    analysed += _watch(path, settings, classifier, store, sinks, stopping, observer)
                except UserError as error:
                    failed += 1
                    observer.problem(str(error))
        finally:
            sightings = store.look(photo_reader(engine))
            store.write_views(sightings)
            _tell(store, observer)
    return RunResult(failed, sightings if analysed or not failed else None)


def _find(settings: Settings, given: Sequence[str], observer: Observer) -> tuple[list[str], int]:
    """What to open, and how many of the given sources there are not."""
    ours = [Path(folder) for folder in (settings.result, settings.capture) if folder]
    paths: list[str] = []
    failed = 0
    for one in given:
        try:
            paths += find_sources(one, ours)
        except UserError as error:
            failed += 1
            observer.problem(str(error))
    return paths, failed


def _open_sinks(settings: Settings, stopping: threading.Event, stack: ExitStack) -> list[Sink]:
    sinks: list[Sink] = []
    if settings.jsonl:
        sinks.append(JsonLines(Path(settings.jsonl)))
    if settings.capture:
        sinks.append(Captures(Path(settings.capture)))
    if settings.display:
        sinks.append(Window(stopping))
    for sink in sinks:
        stack.callback(sink.close)
    return sinks


def _watch(
    path: str,
    settings: Settings,
    classifier: Classifier,
    store: Store,
    sinks: Sequence[Sink],
    stopping: threading.Event,
    observer: Observer,
) -> int:
    """Classify one source to its end; returns how many frames were analysed. Raises UserError if it fails."""
    sampling = Sampling(settings.seconds, settings.skip, settings.stop)
    analysed = 0
    with open_source(path) as source:
        start = store.first_start(source.fingerprint, source.start) if source.fingerprint else source.start
        observer.opened(source, sampling)
        try:
            seen: list[Seen] = []
            for frame in source.frames(sampling, start, stopping, between=settings.display):
                changed: list[Sighting] = []
                if frame.due:
                    seen, changed = classifier.classify(frame)
                    analysed += 1
                    _tell(store, observer)
                    observer.analysed(frame, classifier.people)
                for sink in sinks:
                    sink.show(frame, seen, changed)
                if stopping.is_set():
                    break
        finally:
            observer.closed(source)
    return analysed


def _tell(store: Store, observer: Observer) -> None:
    for sentence in store.problems():
        observer.problem(sentence)


def gallery(settings: Settings, observer: Observer) -> list[Sighting]:
    """Every face of a result folder as it is labelled now; changes nothing, and works while another process runs."""
    engine: list[Engine] = []  # made when a picture without an encoding needs it, since it takes a second

    def read_photo(path: Path, own_cut: bool) -> tuple[Face, bool]:
        if not engine:
            engine.append(Engine())
        return photo_reader(engine[0])(path, own_cut)

    with Store(Path(settings.result), writing=False) as store:
        sightings = store.look(read_photo)
        _tell(store, observer)
    return sightings


def with_distances_today(sightings: Sequence[Sighting]) -> Iterator[Sighting]:
    """The same sightings, each with its distance to its person's average as it is now; None for unknown faces."""
    averages = {name: encodings.mean(axis=0) for name, encodings in by_person(sightings)}
    for sighting in sightings:
        distance = None
        if sighting.person in averages and sighting.encoding is not None:
            distance = float(np.linalg.norm(sighting.encoding - averages[sighting.person]))
        yield replace(sighting, distance=distance)
