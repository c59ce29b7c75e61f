"""Enrolment: the best and most different views of one person, taken from videos, a webcam or photos."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.files import png_bytes
from face_classifier.core.disk.markers import RESULT, kind_of
from face_classifier.core.errors import StoppedError, UserError
from face_classifier.core.supervise import Frames, supervised
from face_classifier.core.types import Frame, Image, Search, Seen, cut
from face_classifier.curate.ask import carry_out
from face_classifier.curate.best_views import VIEWS, View, choose, differences, majority
from face_classifier.curate.enrolment import HINTS, NO_FACE, view_message
from face_classifier.display.overlay import KNOWN
from face_classifier.display.patches import SHADE, paste
from face_classifier.display.text import text
from face_classifier.display.window import Window
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.opening import check_place, open_existing, refuse_other_encoder
from face_classifier.gallery.places import check_name
from face_classifier.gallery.snapshot import people_of, take_snapshot
from face_classifier.gallery.store import Store
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.rules import empty_people, profile_of, threshold_of
from face_classifier.pipeline.analysis.motion import Searches
from face_classifier.pipeline.desk import Observer
from face_classifier.pipeline.inputs import find_all
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import Source, open_source
from face_classifier.sources.picture import Picture
from face_classifier.teach.judge import judge
from face_classifier.teach.outcome import Enrolment
from face_classifier.vision.engine import Engine, make_engine
from face_classifier.vision.quality import turn

_EVERY = 0.25  # seconds between two looks at a video or a camera
_LONGEST = 30.0  # seconds for which a camera is watched
_POOL = 4  # times the wanted views are remembered, so that a long video needs no more memory than a short one


def enrol(
    settings: Settings,
    name: str,
    sources: Sequence[str],
    stopping: threading.Event,
    observer: Observer,
    *,
    views: int = VIEWS,
) -> Enrolment:
    """Put the best and most different views of one person into the folder ``name``, as the user's own word.

    Of several people the one with most frames is enrolled. A camera is watched until it has shown enough, at most 30
    seconds. Running it again on the same files adds nothing. A source that fails is told to ``observer`` and the others
    go on.

    Parameters
    ----------
    settings: of them the result folder, which is made if there is none, and the encoder that it must belong to, if any
        is named.
    name: of the person.
    sources: photos, videos, folders, numbers of cameras.
    stopping: ends the watching of a camera; of files nothing is kept then.
    observer: watches it.
    views: how many to keep at most.

    Raises
    ------
    UserError: the name is unusable, or no view is good enough.
    StoppedError: it was stopped, and nothing is kept.
    """
    check_name(name)
    paths, failed = find_all(settings, sources, observer)
    if not paths:
        raise UserError(f"there is nothing to enrol {name} from; give a photo, a video, a folder or a camera's number")
    with ExitStack() as stack:
        enough = threading.Event()  # set by the window
        window = Window(enough) if settings.display else None
        if window:
            stack.callback(window.close)
        known = stack.enter_context(_known_in(settings, observer))
        chosen = "fast", settings.detector, 1.0, observer.problem, profile_of(known.settings).encoder
        engine = make_engine(*chosen, precision=settings.precision)
        gathering = _Gathering(engine, known, name, views, observer)
        for number, path in enumerate(paths, 1):
            if stopping.is_set() or enough.is_set():
                break
            try:
                with supervised(path):
                    gathering.watch(path, stopping, enough, window)
            except UserError as error:
                if number == len(paths) and not gathering.has_seen:
                    raise  # there is nothing to say about the views
                failed += 1
                observer.problem(str(error))
    if stopping.is_set() and not gathering.live:
        raise StoppedError(f"stopped before all was looked at, so nothing of {name} is kept; run it again")
    more = {"encoder": settings.encoder, "is_stopped": stopping.is_set()}
    answer = _kept(settings, gathering, more, observer)
    return Enrolment.from_message(answer, gathering.photos, failed)


def _kept(settings: Settings, gathering: _Gathering, more: dict[str, Any], observer: Observer) -> dict[str, Any]:
    """What the command answers. It gets the pictures that it wants: of a large photo each has many megabytes."""
    wanted: Collection[int] = ()
    while True:
        arguments = gathering.arguments(wanted) | more
        answer = carry_out(settings, "enroll", arguments, observer, opens=partial(Gallery.open, make=True))
        if "wanted" not in answer:
            return answer
        wanted = {*wanted, *answer["wanted"]}


@dataclass(frozen=True)
class _Known:
    """What gathering needs to know of a gallery."""

    settings: Settings  # with its encoder
    people: PersonDB
    store: Store | None  # to read only; None where there is no result folder so far


@contextmanager
def _known_in(settings: Settings, observer: Observer) -> Iterator[_Known]:
    check_place(settings)
    if kind_of(Path(settings.result)) != RESULT:
        yield _Known(settings, empty_people(settings), None)
        return
    snapshot = take_snapshot(settings, observer)
    with open_existing(settings, writing=False) as store:
        refuse_other_encoder(settings, store)
        yield _Known(snapshot.settings, people_of(snapshot), store)


class _Gathering:
    """The views that were gathered so far."""

    def __init__(self, engine: Engine, known: _Known, name: str, views: int, observer: Observer) -> None:
        self.live = False  # the source that was watched last
        self.photos: set[str] = set()  # the sources that are photos
        self._engine, self._known, self._name, self._views, self._observer = engine, known, name, views, observer
        self._threshold = threshold_of(known.settings)
        self._gathered = profile_of(known.settings).gathered
        self._pool: list[View] = []
        self._starts: dict[str, str] = {}  # of sources, by fingerprint
        self._declined: Counter[tuple[str, str]] = Counter()  # by source and reason

    @property
    def has_seen(self) -> bool:
        """Whether any picture was looked at."""
        return bool(self._pool or self._declined)

    def watch(self, path: str, stopping: threading.Event, enough: threading.Event, window: Window | None) -> None:
        """Gather the views of a source. Raises UserError if it fails."""
        with open_source(path) as source:
            self.live = source.live
            if isinstance(source, Picture):
                self.photos.add(source.name)
            sampling, start = self._as_first_seen(source)
            self._observer.opened(source, sampling)
            frames = Frames(source.name)
            seen: list[Seen] = []
            words = HINTS[NO_FACE]
            searches = Searches(still=True)
            try:
                for frame in source.frames(sampling, start, stopping, between=window is not None):
                    if frame.due:
                        seen = []
                        with frames.step():
                            seen, words = self._look(frame, searches.next(frame).how)
                        self._observer.analysed(frame, self._known.people)
                    if window:
                        window.show(replace(frame, image=with_words(frame.image, words)), seen)
                    if enough.is_set() or (source.live and len(self._best()) >= self._views):
                        break
            finally:
                self._observer.closed(source)
            if failure := frames.failure():
                self._observer.problem(failure)

    def _as_first_seen(self, source: Source) -> tuple[Sampling, datetime]:
        """How to sample a source, and when it began: the same frame has ever after the position that it had."""
        sampling = Sampling(_EVERY, stop=_LONGEST if source.live else 0.0)
        if not source.fingerprint:
            return sampling, source.start
        start = self._known.store.start_of(source.fingerprint) if self._known.store else None
        if self._known.store is None or start is None:
            self._starts[source.fingerprint] = source.start.isoformat()
            return sampling, source.start
        return replace(sampling, bridged=self._known.store.is_bridged(source.fingerprint)), start

    def _look(self, frame: Frame, how: Search) -> tuple[list[Seen], str]:
        """Gather the view that a frame shows, if any; returns the face if it is good, and what the person should do."""
        detections = self._engine.search(frame.image, how)
        number, reason = judge(frame.image, detections)
        if reason:
            self._decline(frame.source, reason)
            return [], HINTS[reason]
        detection = detections[number]
        (face,) = self._engine.encode(frame.image, [detection])
        turned = (0.0, 0.0) if detection.landmarks is None else turn(detection.landmarks)
        self._pool.append(View(replace(frame, image=cut(frame.image, face.box.grown())), face, number, turned))
        if len(self._pool) > _POOL * self._views:
            self._merge_nearest()
        best = self._best()
        words = f"{len(best)} of {self._views}: {_where_to_turn([view.turn for view in best])}"
        return [Seen(face.box, self._name)], words

    def _decline(self, source: str, reason: str) -> None:
        self._declined[source, reason] += 1
        if source in self.photos:
            self._observer.problem(f"{source} is declined ({reason}); {HINTS[reason]}")

    def _merge_nearest(self) -> None:
        """Of the two views that are most alike the better one stands for both."""
        difference = differences(self._pool, self._threshold)
        np.fill_diagonal(difference, np.inf)
        pair = np.unravel_index(int(difference.argmin()), difference.shape)
        poorer, better = sorted((self._pool[number] for number in pair), key=lambda view: view.quality)
        better.frames += poorer.frames
        self._pool.remove(poorer)

    def _best(self) -> list[View]:
        return choose(majority(self._pool, self._gathered), self._views, self._threshold)

    def arguments(self, wanted: Collection[int]) -> dict[str, Any]:
        """What was gathered, as the command takes it. ``wanted``: numbers of the views that have a picture."""
        fingerprints = {view.frame.fingerprint for view in self._pool}
        return {
            "name": self._name,
            "views": self._views,
            "pool": [
                view_message(view, png_bytes(view.frame.image) if number in wanted else None)
                for number, view in enumerate(self._pool)
            ],
            "starts": {source: start for source, start in self._starts.items() if source in fingerprints},
            "declined": [[source, reason, frames] for (source, reason), frames in self._declined.items()],
            "photos": sorted(self.photos),
        }


def _where_to_turn(turns: Sequence[tuple[float, float]]) -> str:
    """The direction in which the views so far reach the least."""
    if not turns:
        return "look straight into the camera"
    across, down = np.array(turns).T
    reach = {
        "turn your head a little to your left": across.max(),
        "turn your head a little to your right": -across.min(),
        "raise your chin a little": down.mean() - down.min(),
        "lower your chin a little": down.max() - down.mean(),
    }
    return min(reach, key=lambda words: reach[words])


def with_words(image: Image, words: str) -> Image:
    """A copy of a BGR picture with a line of text at its top."""
    drawn = image.copy()
    height, width = image.shape[:2]
    patch = text(words, max(12, height // 18), KNOWN, ground=SHADE, width=width)
    paste(drawn, patch, (width - patch.shape[1]) // 2, height // 40)
    return drawn
