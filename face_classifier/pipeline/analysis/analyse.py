"""The first half of a run: a source in, records out. Nothing here knows who anybody is."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from math import inf
from types import TracebackType

from face_classifier.core.config.settings import Settings
from face_classifier.core.supervise import Frames
from face_classifier.core.types import Box, Detection, Frame, Search
from face_classifier.gallery.gallery import LIVE_PICTURES
from face_classifier.gallery.store import face_picture
from face_classifier.pipeline.analysis.carrying import Places
from face_classifier.pipeline.analysis.larger import Encoded, encode_from_main
from face_classifier.pipeline.analysis.motion import Glance, Searches
from face_classifier.pipeline.analysis.tracker import Followed, Follower
from face_classifier.pipeline.analysis.uncounted import Uncounted
from face_classifier.pipeline.analysis.view import View
from face_classifier.pipeline.analysis.workers import Ahead
from face_classifier.pipeline.placing.discretion import discretion_of
from face_classifier.records import AnalysedFace, AnalysedFrame
from face_classifier.sources.base import Grid, Sampling
from face_classifier.sources.chapters import WHOLE, Chapter
from face_classifier.sources.discover import Source, chapter_frames
from face_classifier.vision.engine import Engine

_GOLDEN = (5**0.5 - 1) / 2
AHEAD = 3  # frames of a file that may wait for their encodings, or with their pictures to be placed

# Which of the boxes in a frame, by number, need no encoding, since their faces are kept from an earlier run. It saves
# work and decides nothing: an encoding that is there all the same is not used.
KeptBefore = Callable[[Frame, Sequence[Box]], Collection[int]]


def none_kept(_frame: Frame, _boxes: Sequence[Box]) -> Collection[int]:
    """`KeptBefore` of a source that was never seen."""
    return ()


def follows(settings: Settings) -> bool:
    """Whether faces are followed; the original engine looks at every face of every analysed frame, once."""
    return settings.engine != "original"


def follower_of(settings: Settings, sampling: Sampling, *, covers: bool = False, live: bool = False) -> Follower:
    """What follows the faces of a source. For the original engine it has each of them encoded.

    ``covers``: as of `times_of`; ``live``: whether each frame is decided on as it comes.
    """
    if not follows(settings):
        return Follower(0.0, settings.quality, step=sampling.every)
    return Follower(
        settings.refresh,
        settings.quality,
        step=sampling.every,
        founding=int(settings.founding),
        searches=_searched_every(settings, sampling, covers=covers),
        in_turn=live,
        pictures=(settings.pictures_per_track or LIVE_PICTURES) if live else inf,
    )


def times_of(settings: Settings, sampling: Sampling, *, covers: bool = False, phase: float = 0.0) -> Grid | None:
    """When a source is searched for faces, whatever is in view; None = in each analysed frame.

    ``covers``: whether who comes is to be covered at once; ``phase``: share of the time between two searches by which
    they come later, but for the first one.
    """
    every = _searched_every(settings, sampling, covers=covers)
    return Grid(Sampling(every, sampling.skip + phase * every)) if every else None


def phase_of(turn: int) -> float:
    """A share of 1 for each number from 0 on, such that however many they are, they are as far apart as can be.

    Cameras that run together are searched in turn by it. By the golden section: Knuth, The Art of Computer Programming
    3, 6.4, theorem S.
    """
    return turn * _GOLDEN % 1


def _searched_every(settings: Settings, sampling: Sampling, *, covers: bool) -> float:
    """Seconds between two frames that are searched in any case; 0 = each is.

    At least as often as faces are encoded anew, which those that were carried are not.
    """
    every = min(settings.detect_every, settings.refresh)
    is_each = covers or settings.search_still or not follows(settings) or every <= sampling.every
    return 0.0 if is_each else every


@dataclass(frozen=True)
class Plan:
    """What is to be done with the faces of a frame."""

    frame: Frame
    faces: list[Followed]  # from left to right
    encode: list[int]  # numbers of those to be encoded
    discard: frozenset[int]  # numbers of those too poor to be kept


class Analyst:
    """Turns the frames of one source into records: `plan` frame after frame, then `encode` in any thread."""

    def __init__(self, engine: Engine, follower: Follower, kept_before: KeptBefore = none_kept) -> None:
        """What it needs to know.

        Parameters
        ----------
        engine: encodes the faces.
        follower: says which of them are to be encoded.
        kept_before: which faces need no encoding.
        """
        self._engine, self._follower, self._kept_before = engine, follower, kept_before

    def plan(self, frame: Frame, detections: Sequence[Detection]) -> Plan:
        """What to do with the faces that were found in the next frame of the source, by place, look and quality."""
        return self.plan_followed(frame, self._follower.follow(frame, detections))

    def plan_followed(self, frame: Frame, faces: list[Followed]) -> Plan:
        """The same of faces that are followed already."""
        wanted = {number for number, face in enumerate(faces) if face.encode}
        poor = frozenset(number for number in wanted if not self._follower.is_good(faces[number].detection))
        kept = self._kept_before(frame, [face.detection.box for face in faces]) if faces else ()
        return Plan(frame, faces, sorted(wanted - poor - set(kept)), poor)

    def encode(self, plan: Plan) -> AnalysedFrame:
        """The record of a frame, with the encodings that were planned and the pictures of those faces."""
        if not plan.encode:
            return self.unencoded(plan)
        detections = [plan.faces[number].detection for number in plan.encode]
        once = [place for place, number in enumerate(plan.encode) if plan.faces[number].once]
        encoded = self._encoded(plan.frame, detections, once)
        return _record(plan, dict(zip(plan.encode, encoded, strict=True)))

    def _encoded(self, frame: Frame, detections: Sequence[Detection], once: Sequence[int]) -> list[Encoded]:
        """The faces as the main picture shows them, where there is one and it does; else as the frame does."""
        nothing: list[Encoded | None] = [None] * len(detections)
        larger = nothing if frame.main is None else encode_from_main(self._engine, frame, detections, once)
        left = [number for number, face in enumerate(larger) if face is None]
        marks = [place for place, number in enumerate(left) if number in once]
        faces = self._engine.encode(frame.image, [detections[number] for number in left], marks) if left else []
        rest = iter([Encoded(face, face_picture(frame, face)) for face in faces])
        return [face or next(rest) for face in larger]

    def unencoded(self, plan: Plan) -> AnalysedFrame:
        """The record of a frame whose faces cannot be encoded, or need not be."""
        return _record(plan, {})


def _record(plan: Plan, encoded: dict[int, Encoded]) -> AnalysedFrame:
    return AnalysedFrame(
        plan.frame,
        tuple(
            AnalysedFace(
                followed.detection,
                followed.track,
                followed.sure,
                one.face if (one := encoded.get(number)) else None,
                one.picture if one else None,
                number in plan.discard,
            )
            for number, followed in enumerate(plan.faces)
        ),
    )


class Analysis:
    """The records of one source, or of a chapter of it, in the order of its frames; iterate inside a ``with``.

    They depend on the source and the settings alone, not on the number of workers. `failures` counts the frames whose
    analysis failed, which are told as frames without faces.
    """

    def __init__(
        self,
        source: Source,
        sampling: Sampling,
        start: datetime,
        engine: Engine,
        settings: Settings,
        stopping: threading.Event,
        *,
        chapter: Chapter = WHOLE,
        view: View = View.everything,
        kept_before: KeptBefore = none_kept,
        idle: Callable[[], None] = lambda: None,
        turn: int = 0,
    ) -> None:
        """What it needs to know.

        Parameters
        ----------
        source: open.
        sampling, start: which frames are taken, and when the source began.
        engine: detects and encodes.
        settings: of them only what concerns the analysis matters.
        stopping: the user's wish to end.
        chapter: of the source.
        view: what counts of its pictures; nothing else of them goes on from here.
        kept_before: which faces need no encoding.
        idle: called in the iterating thread ten times a second while no frame comes.
        turn: its number among the sources that run together, which are searched in turn.
        """
        self.failures = Frames(source.name)
        self._engine = engine
        # Where faces are, and so where they are to be covered, is known of analysed frames alone.
        discretion = discretion_of(settings, source.name)
        between = settings.display and not discretion
        self._uncounted = Uncounted() if discretion else None
        self._view = view
        self._follows = follows(settings)
        phase = phase_of(turn)
        times = times_of(settings, sampling, covers=bool(discretion), phase=phase)
        self._searches = Searches(still=settings.search_still or not self._follows, times=times, phase=phase)
        self._follower = follower = follower_of(settings, sampling, covers=bool(discretion), live=source.live)
        self._live = source.live
        self._places = Places(follower, view.admits, lambda frame: self._found(frame, Search.USUAL))
        self._kept_before, self._idle = kept_before, idle
        self._analyst = Analyst(engine, follower, lambda frame, boxes: self._kept_before(frame, boxes))
        self._ahead: Ahead[Glance, Plan, AnalysedFrame] = Ahead(
            lambda closing: self._seen(chapter_frames(source, chapter, sampling, start, closing, between=between)),
            stopping,
            search=self._search,
            plan=self._plan,
            encode=self._encode,
            is_long=lambda plan: bool(plan.encode),
            workers=int(settings.workers),
            depth=0 if source.live else AHEAD,
            idle=lambda: self._idle(),
        )
        self._begun: Iterator[AnalysedFrame] | None = None

    def begin(self) -> None:
        """Analyse the first frame already, before anybody enters it."""
        frames = self._frames()
        self._begun = itertools.chain(list(itertools.islice(frames, 1)), frames)

    def take_over(self, kept_before: KeptBefore, idle: Callable[[], None]) -> None:
        """Go on with these instead of those that it was made with, once it was begun."""
        self._kept_before, self._idle = kept_before, idle

    def _seen(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        return (self._view.prepare(frame) for frame in frames if self._view.is_open(frame.time))

    def _search(self, frame: Frame) -> tuple[Glance, Callable[[], list[Detection]] | None]:
        glance = self._searches.next(frame)
        is_searched = glance.how not in (Search.NONE, Search.CARRY)
        return glance, partial(self._found, frame, glance.how) if is_searched else None

    def _found(self, frame: Frame, how: Search) -> list[Detection]:
        with self.failures.step():
            return self._engine.search(frame.image, how if self._follows else Search.USUAL)
        return []

    def _plan(self, frame: Frame, glance: Glance | None, found: list[Detection] | None) -> Plan:
        if glance is None:
            return Plan(frame, [], [], frozenset())
        faces, others = self._places.next(frame, glance, found)
        if self._uncounted:
            frame = self._uncounted.cover(frame, [face.detection.box for face in faces], others)
        return self._analyst.plan_followed(frame, faces)

    def _encode(self, plan: Plan) -> AnalysedFrame:
        with self.failures.step(begins=False):
            analysed = self._analyst.encode(plan)
            for one in analysed.faces if self._live else ():  # none of its next frames is planned so far
                if one.face:
                    self._follower.tell(one.track, one.face.encoding)
            return analysed
        return self._analyst.unencoded(plan)

    def __enter__(self) -> Iterator[AnalysedFrame]:
        return self._begun or self._frames()

    def _frames(self) -> Iterator[AnalysedFrame]:
        self._ahead.__enter__()
        return (analysed for _, analysed in self._ahead)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ahead.__exit__(kind, error, traceback)
