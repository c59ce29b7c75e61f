"""Enrolment: the best and most different views of one person, taken from videos, a webcam or photos."""

from __future__ import annotations

import shlex
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from face_classifier.core.disk.files import png_bytes
from face_classifier.core.errors import StoppedError, UserError
from face_classifier.core.names import composed
from face_classifier.core.settings import Settings
from face_classifier.core.supervise import Frames, supervised
from face_classifier.core.types import Detection, Frame, Image, Match, Search, Seen, Sighting, cut
from face_classifier.curate.best_views import VIEWS, View, choose, differences, majority
from face_classifier.curate.questions.explain import Near, to_averages
from face_classifier.display.overlay import KNOWN
from face_classifier.display.text import SHADE, paste, text
from face_classifier.display.window import Window
from face_classifier.gallery.gallery import refuse_other_encoder
from face_classifier.gallery.places import UNKNOWNS, check_name
from face_classifier.gallery.snapshot import Snapshot, opened, people_of, photo_reader_of
from face_classifier.gallery.store import Store
from face_classifier.identity.naming import is_named
from face_classifier.identity.profiles import BY_ENCODER
from face_classifier.identity.rules import threshold_of
from face_classifier.pipeline.inputs import as_first_seen, find_all
from face_classifier.pipeline.motion import Searches
from face_classifier.pipeline.run import Observer
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import open_source
from face_classifier.sources.picture import Picture
from face_classifier.vision.engine import Engine, make_engine
from face_classifier.vision.quality import Quality, assess, turn

_EVERY = 0.25  # seconds between two looks at a video or a camera
_LONGEST = 30.0  # seconds for which a camera is watched
_POOL = 4  # times the wanted views are remembered, so that a long video needs no more memory than a short one
_BYSTANDER = 0.5  # times as tall as the largest face: whoever is smaller stands in the background
_UNSURE = 0.02  # quality below which a second face in the frame may be none

# Parts of a quality below which a face is refused. Portraits of LFW made worse step by step have their encodings
# shifted there by a median L2 of .2 (size, wholeness), .4 (sharpness) and .3 (light). Of the 1,936 portraits that show
# one person 99.7 % are above all of them.
_LIMITS = Quality(size=0.5, sharpness=0.7, light=0.25, whole=0.6, pose=0.35, score=0.5)

_GOOD_LIGHT = 120.0  # grey levels: the mean of 102 faces in LFW

_RIVAL = 2 / 3  # times as many frames as the person with most: from there on it is not clear who is meant
# Why a picture is refused, and what the person can do.
NO_FACE, CROWD, TINY, BLURRED, DARK, BRIGHT, CUT_OFF, AWAY, UNSURE, OTHER, UNLIKE, REMOVED = HINTS = {
    "no face": "look into the camera, in good light and with the whole face in the picture",
    "several faces": "be alone in the picture, or cut the others off",
    "too small": "come nearer, or give a picture with more pixels",
    "blurred": "hold still, and focus the camera",
    "too dark": "put more light on the face",
    "too bright": "keep bright light off the face",
    "cut off": "bring the whole face into the picture, farther from the camera or in the middle",
    "turned away": "turn the face towards the camera",
    "not surely a face": "take away what hides the face",
    "another person": "show one person at a time",
    "does not look like the other pictures": "if it is the same person, put it into the folder yourself",
    "removed by you": "put its picture back if you want it",
}


class Declined(NamedTuple):
    """Pictures that were of no use."""

    source: str  # path as given, or a camera's name
    reason: str  # a key of ``HINTS``
    frames: int  # 1 for a photo
    photo: bool


@dataclass(frozen=True)
class Enrolment:
    """What came of enrolling a person."""

    name: str
    kept: list[Sighting]  # the chosen views, in the order of choice, as they lie in the person's folder now
    new: int  # how many of these were not in the folder before
    taken_from: dict[str, int]  # how many of these were in `unknowns` or in a `person_##` before, by folder
    stay: dict[str, int]  # good views that lie with somebody else whom the user named, and so stay there, by folder
    declined: list[Declined]
    alike: int  # good views that were not needed
    frames: int  # that show the person
    rival: int  # frames that show the person with most frames of the others
    looks_like: Near | None  # the nearest other person, if nearer than the threshold
    to_itself: float | None  # L2 to the average of the faces that NAME had before; None where there were none
    failed: int  # sources that could not be read
    threshold: float  # L2, of this gallery

    def warnings(self) -> Iterator[str]:
        """Sentences about doubts that the user should look into."""
        yield from _staying(self.name, self.stay)
        if self.rival >= _RIVAL * self.frames:
            yield (
                f"{_frames(self.frames)} one person and {_frames(self.rival)} another, so it is not clear who is "
                f"meant, and the first is {self.name} now; if that is wrong, rename that folder, and give pictures of "
                "one person"
            )
        if self.looks_like and self.looks_like.name not in self.stay:
            other = self.looks_like.name
            yield (
                f"{self.name} looks like {other} (distance {self.looks_like.distance:.2f}); if they are one, rename "
                f"that folder or run `face-classifier suggest accept {shlex.quote(self.name)} {shlex.quote(other)}`"
            )
        if self.to_itself is not None and self.to_itself >= self.threshold:
            yield (
                f"the new faces do not look like {self.name} so far (distance {self.to_itself:.2f}, threshold "
                f"{self.threshold:g}); if that is somebody else, move them out of that folder and give another name"
            )

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name,
            "new": self.new,
            "taken_from": self.taken_from,
            "stay": self.stay,
            "kept": [
                {
                    "face": face.face,
                    "source": face.source,
                    "position": face.position,
                    "box": face.box.css if face.box else None,
                    "quality": face.quality,
                }
                for face in self.kept
            ],
            "refused": [{**one._asdict(), "hint": HINTS[one.reason]} for one in self.declined],
            "alike": self.alike,
            "looks_like": self.looks_like and {"person": self.looks_like.name, "distance": self.looks_like.distance},
            "warnings": list(self.warnings()),
        }


def _frames(count: int) -> str:
    return f"{count} {'picture shows' if count == 1 else 'pictures show'}"


def _staying(name: str, stay: Mapping[str, int]) -> Iterator[str]:
    """A sentence about each of the people who keep their faces."""
    for other, views in stay.items():
        are, they_stay = ("is", "stays") if views == 1 else ("are", "stay")
        yield (
            f"{views} of the views {are} {other}'s already and {they_stay} there; if {other} is {name}, "
            "rename that folder"
        )


def enrol(
    settings: Settings,
    name: str,
    sources: Sequence[str],
    stopping: threading.Event,
    observer: Observer,
    *,
    views: int = VIEWS,
    must_have_encoder: bool = False,
) -> Enrolment:
    """Put the best and most different views of one person into the folder ``name``, as the user's own word.

    Of several people the one with most frames is enrolled. A camera is watched until it has shown enough, at most 30
    seconds. ``must_have_encoder``: refuse a result folder of another encoder than that of ``settings``.
    Running it again on the same files adds nothing. A source that fails is told to ``observer`` and the others go on.
    ``stopping`` ends the watching of a camera; of files nothing is kept then. Raises UserError if the name is unusable
    or no view is good enough, StoppedError.
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
        store, snapshot = stack.enter_context(opened(settings, observer, writing=True, make=True))
        if must_have_encoder:
            refuse_other_encoder(settings, store)
        engine = make_engine("fast", settings.detector, 1.0, observer.problem, snapshot.settings.encoder)
        name = name_known(name, {face.person for face in snapshot.faces if face.person})
        session = _Session(engine, store, snapshot, name, views, stopping, enough, observer, window)
        for number, path in enumerate(paths, 1):
            if stopping.is_set() or enough.is_set():
                break
            try:
                with supervised(path):
                    session.watch(path)
            except UserError as error:
                if number == len(paths) and not session.has_seen:
                    raise  # there is nothing to say about the views
                failed += 1
                observer.problem(str(error))
        if stopping.is_set() and not session.live:
            raise StoppedError(f"stopped before all was looked at, so nothing of {name} is kept; run it again")
        return session.keep(failed)


def name_known(name: str, people: Iterable[str]) -> str:
    """The same name as one of the ``people`` has it: an accent or a Hangul syllable may be one sign or several."""
    alike = [one for one in people if composed(one) == composed(name)]
    return name if name in alike else min(alike, default=name)


class _Session:
    """The views that were gathered so far, and what becomes of them."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        snapshot: Snapshot,
        name: str,
        views: int,
        stopping: threading.Event,
        enough: threading.Event,
        observer: Observer,
        window: Window | None,
    ) -> None:
        self.live = False  # the source that was watched last
        self._engine, self._store, self._name, self._views = engine, store, name, views
        self._read_photo = photo_reader_of(lambda: engine)
        self._threshold, self._gathered = (
            threshold_of(snapshot.settings),
            BY_ENCODER[snapshot.settings.encoder].gathered,
        )
        self._people = people_of(snapshot)
        self._stopping, self._enough, self._observer, self._window = stopping, enough, observer, window
        self._photos: set[str] = set()
        self._pool: list[View] = []
        self._declined: Counter[tuple[str, str]] = Counter()  # by source and reason

    @property
    def has_seen(self) -> bool:
        """Whether any picture was looked at."""
        return bool(self._pool or self._declined)

    def watch(self, path: str) -> None:
        """Gather the views of a source. Raises UserError if it fails."""
        with open_source(path) as source:
            self.live = source.live
            if isinstance(source, Picture):
                self._photos.add(source.name)
            sampling = Sampling(_EVERY, stop=_LONGEST if source.live else 0.0)
            sampling, start = as_first_seen(source, sampling, self._store)
            self._observer.opened(source, sampling)
            frames = Frames(source.name)
            seen: list[Seen] = []
            words = HINTS[NO_FACE]
            searches = Searches(still=True)
            try:
                for frame in source.frames(sampling, start, self._stopping, between=self._window is not None):
                    if frame.due:
                        seen = []
                        with frames.step():
                            seen, words = self._look(frame, searches.next(frame))
                        self._observer.analysed(frame, self._people)
                    if self._window:
                        self._window.show(replace(frame, image=with_words(frame.image, words)), seen)
                    if self._enough.is_set() or (source.live and len(self._best()) >= self._views):
                        break
            finally:
                self._observer.closed(source)
            if failure := frames.failure():
                self._observer.problem(failure)

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

    def _decline(self, source: str, reason: str, count: int = 1) -> None:
        self._declined[source, reason] += count
        if source in self._photos:
            self._observer.problem(f"{source} is refused ({reason}); {HINTS[reason]}")

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

    def keep(self, failed: int) -> Enrolment:
        """Keep the best views. Raises UserError if there are none, StoppedError if that is since the user ended it."""
        before = self._store.look(self._read_photo).faces  # what was seen earlier may lie elsewhere by now
        self._pool = [view for view in self._pool if self._meet_again(view)]
        mine = majority(self._pool, self._gathered)
        others_views = [view for view in self._pool if view not in mine]
        for view in others_views:
            self._decline(view.frame.source, UNLIKE if view.frame.source in self._photos else OTHER, view.frames)
        # Views that are another's take their places, so that nothing like them is kept a second time.
        chosen = [view for view in choose(mine, self._views, self._threshold) if not self._stays(view)]
        stay = Counter(view.known.person for view in mine if view.known and view.known.person and self._stays(view))
        kept = self._put(chosen, stay) if chosen else []
        if not kept and stay:
            raise UserError(f"there is nothing to enrol {self._name} from: {'; '.join(_staying(self._name, stay))}")
        if not kept:
            reason = StoppedError if self._stopping.is_set() else UserError
            raise reason(f"no view of {self._name} is good enough, so nothing is kept; {self._advice()}")
        ids = {face.id for face in kept}
        settled = {view.known.id for view in chosen if view.known and view.settled}
        others = [face for face in before if face.id not in ids and face.encoding is not None]
        near = to_averages(np.mean([view.face.encoding for view in chosen], axis=0), others)
        return Enrolment(
            name=self._name,
            kept=kept,
            new=len(ids - settled),
            taken_from=dict(
                Counter(
                    view.known.person or UNKNOWNS for view in chosen if view.known if view.known.person != self._name
                )
            ),
            declined=[
                Declined(source, reason, frames, source in self._photos)
                for (source, reason), frames in self._declined.items()
            ],
            stay=dict(stay),
            alike=sum(view.frames for view in mine if not self._stays(view)) - len(chosen),
            frames=sum(view.frames for view in mine),
            rival=sum(view.frames for view in majority(others_views, self._gathered)),
            looks_like=next((one for one in near if one.name != self._name and one.distance < self._threshold), None),
            to_itself=next((one.distance for one in near if one.name == self._name), None),
            failed=failed,
            threshold=self._threshold,
        )

    def _meet_again(self, view: View) -> bool:
        """Look whether the store has a view already; False if the user removed it."""
        known = self._store.same(view.frame, [view.face.box])
        view.known = known.get(0)
        if known and view.known is None:
            self._decline(view.frame.source, REMOVED, view.frames)
            return False
        view.settled = view.known is not None and (view.known.person == self._name or self._stays(view))
        return True

    def _stays(self, view: View) -> bool:
        """Whether a view lies with somebody else whom the user named."""
        return view.known is not None and self._is_anothers(view.known.person)

    def _is_anothers(self, person: str | None) -> bool:
        return person != self._name and is_named(person)

    def _put(self, chosen: Sequence[View], stay: Counter[str]) -> list[Sighting]:
        """Put views into the person's folder, durably, as the user's word; those that ``stay`` are counted there."""
        faces: list[Sighting] = []
        for view in chosen:
            if view.known:
                faces.append(view.known)
            else:
                picture = png_bytes(view.frame.image)
                faces += self._store.keep(
                    view.frame, view.face, Match(self._name), view.order, picture=picture, by_user=True
                ).sightings
        # The very picture may lie in a folder that is older than its table, which tells only now.
        stay.update(face.person for face in faces if face.person and self._is_anothers(face.person))
        faces = [face for face in faces if not self._is_anothers(face.person)]
        self._store.join([face.id for face in faces if face.person != self._name or not face.corrected], self._name)
        now = {face.id: face for face in self._store.look(self._read_photo).faces}
        return [now[face.id] for face in faces if face.id in now]

    def _advice(self) -> str:
        """What was most often wrong, and what to do."""
        counts: Counter[str] = Counter()
        for (_, reason), count in self._declined.items():
            counts[reason] += count
        if not counts:
            return HINTS[NO_FACE]
        ((reason, count),) = counts.most_common(1)
        what = "pictures" if all(source in self._photos for source, _ in self._declined) else "frames"
        return f"most often ({count} of {counts.total()} {what}) it was {reason}: {HINTS[reason]}"


def judge(image: Image, detections: Sequence[Detection]) -> tuple[int, str | None]:
    """Which face a picture is about, and why it cannot be enrolled, a key of ``HINTS``; None if it can.

    ``image``: (height, width, 3) uint8, BGR. Small faces in the background do not count.
    """
    if not detections:
        return 0, NO_FACE
    number = max(range(len(detections)), key=lambda index: detections[index].box.area)
    largest = detections[number]
    tall = _BYSTANDER * largest.box.height
    near = [one for one in detections if one.box.height >= tall and (one.quality is None or one.quality >= _UNSURE)]
    if len(near) > 1:
        return number, CROWD
    quality = assess(image, largest)
    worst, field = min(
        (value / limit, name) for name, value, limit in zip(quality._fields, quality, _LIMITS, strict=True)
    )
    if worst >= 1:
        return number, None
    if field == "sharpness" and _is_sharp_in_good_light(image, largest):
        return number, DARK
    if field == "light":
        return number, BRIGHT if cut(image, largest.box).mean() > 128 else DARK
    return number, {"size": TINY, "sharpness": BLURRED, "whole": CUT_OFF, "pose": AWAY, "score": UNSURE}[field]


def _is_sharp_in_good_light(image: Image, detection: Detection) -> bool:
    """Whether a dark face only seems to be blurred: details are fainter there, too."""
    face = cut(image, detection.box)
    gain = _GOOD_LIGHT / max(1.0, float(face.mean()))
    lit = np.clip(face * gain, 0, 255).astype(np.uint8)
    there = detection.moved(-detection.box.left, -detection.box.top)
    return gain > 1 and assess(lit, there).sharpness >= _LIMITS.sharpness


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


HEADER = ["face", "source", "position", "quality"]


def rows(enrolment: Enrolment) -> list[list[str]]:
    """A table's rows under ``HEADER``: the views in the person's folder."""
    return [
        [
            face.face,
            face.source or "",
            "" if face.position is None else f"{face.position:.2f}",
            "" if face.quality is None else f"{face.quality:.2f}",
        ]
        for face in enrolment.kept
    ]


def lines(enrolment: Enrolment) -> Iterator[str]:
    """What became of the pictures, in words; not the refused photos, of which each was told."""
    for source, reason, frames, photo in enrolment.declined:
        if not photo:
            yield f"{source}: {frames} refused, {reason}; {HINTS[reason]}"
    if enrolment.alike:
        yield f"{enrolment.alike} more good views were not needed"
    for folder, faces in enrolment.taken_from.items():
        yield f"{faces} of the views lay in {folder} before"
    views = "view" if len(enrolment.kept) == 1 else "views"
    yield f"{enrolment.name}: {len(enrolment.kept)} {views}, {enrolment.new} of them new"
