"""Less work for the same answer: a still scene is not searched again, a followed face is not encoded in every frame.

A face is followed by place and look alone, up to a cut. Where these leave a doubt its encoding has the last word, which
is made in that very frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np

from face_classifier.core.types import Box, Detection, Encoding, Frame, Image
from face_classifier.pipeline.analysis.motion import Grey, Shot, grey, likeness, normed, reduced

_LIKE = 24  # pixels: side of the small picture by which a face is compared with itself one frame ago
_OVERLAP = 0.3  # intersection over union from which two boxes may be one face
_FAR = 0.3  # seconds between two samples from which place and picture say little, so that the looks must agree ...
# ... with this correlation of the small pictures at least. Of 103,584 pairs of strangers in LFW 14 % look so alike, at
# dlib's threshold one of the eleven that are nearer; at SFace's none are.
_ALIKE = 0.5
_SURE_OVERLAP = 0.5
# Correlation of the small pictures. Of two people in one place 7 in 10,000 look so alike (267 faces of LFW; from .7 on
# 1 in 100 would); one face in consecutive frames of video does in 99 %, in frames .2 s apart in 87 %.
_SURE_LIKENESS = 0.8
# Correlation with how a face looked when it was encoded, below which it is encoded anew: within a second a third of
# such faces are beyond dlib's threshold, of others 3 % (clips). From .3 to .7 whoever turns stays one; from .5 on
# moving heads cost more and one was split, and from .6 on more tracks break.
_TURNED = 0.4
_BETTER = 1.5  # times the quality of the best view so far
_MEMORY = 0.5  # seconds between two sightings of a face that goes on, at least: it is not found in every frame
# Times the longest regular time between two sightings, for which a face that is not found may still be the same: frames
# do not come at the very times that are asked for (of 29.97 a second they lie up to 1.034 s apart at -S 1).
_SLACK = 1.5
_CLEAR = 0.5  # quality from which a face shows well who it is
_SELDOM = 4.0  # times ``refresh``: after which a face is encoded that has all its pictures, each like the one before
# L2 between the encodings of two faces in a row that are alike. Of 121 pairs a second apart in clips of one person 89 %
# are so near with SFace and 74 % with dlib's encoder, of 124,750 pairs of strangers in LFW none.
_STEADY = 0.35
_GAPS = 4  # times between analysed frames that tell how far apart they come, where a live source is late


@dataclass(frozen=True)
class Followed:
    """A detection, the track it belongs to, and whether this view of the face should be encoded."""

    detection: Detection
    track: int
    encode: bool
    sure: bool = True  # False: there was a doubt that it is the track's face, and no encoding since then
    once: bool = False  # its encoding may do without the mirror image: others of the track decide who it is


class _View:
    """A face in a picture. How it looks is found out when it is asked for, and of most that are carried never is."""

    def __init__(self, image: Image, box: Box) -> None:
        self.box = box
        self._image: Image | None = image

    @cached_property
    def look(self) -> Grey:
        """As of `_look`."""
        assert self._image is not None
        look, self._image = _look(self._image, self.box), None
        return look


@dataclass
class _Track:
    number: int
    view: _View  # the latest
    seen_at: float  # seconds, the source's clock
    encoded_at: float  # seconds
    best: float  # quality of the best view that was encoded
    faces: int  # that were good enough to be encoded, so far
    clear: int  # of them those that were encoded with their mirror image
    encoded: _View  # the latest that was
    sure: bool = True  # see ``Followed``
    encoding: Encoding | None = None  # the latest that was told
    steady: int = 0  # how many were told since it was out of sight, each like the one before


class Follower:
    """Joins the faces of consecutive analysed frames into tracks, by place and look alone, up to a cut.

    A face is encoded in each frame as long as it is new, then when place or look leave a doubt that it is the same,
    when it looks otherwise than it did the last time, when it is seen clearly better than before, or about ``refresh``
    seconds (the source's clock) after the last time: with 0, in every frame; after four times as long, once as many as
    its ``pictures`` were each like the one before. As many clear ones as found a person are encoded with more care.
    """

    def __init__(
        self,
        refresh: float,
        poorest: float = 0.0,
        *,
        step: float = 0.0,
        founding: int = 1,
        searches: float = 0.0,
        in_turn: bool = False,
        pictures: float = inf,
    ) -> None:
        """What it needs to know.

        Parameters
        ----------
        refresh: seconds of the source.
        poorest: quality (0 to 1) from which a face is encoded at all.
        step: seconds between two analysed frames, as they are asked for; 0 = every frame.
        founding: faces that are encoded of a new track, one in each frame: good ones found a person, see `founds`.
        searches: seconds between two frames that are searched in any case; 0 = each is. A face that is merely due is
            encoded in the one that is nearest: else each second would have a search more.
        in_turn: of several faces that are merely due in one frame, one is encoded, and the others in the next ones
            that are searched: so no frame takes as long as all of them.
        pictures: of a track, after which more of them tell little. Whoever gives it has to `tell` each encoding.
        """
        self._searches, self._in_turn, self._pictures = searches, in_turn, pictures
        self._refresh, self._poorest, self._step, self._founding = refresh, poorest, step, founding
        self._tracks: list[_Track] = []
        self._shot: Shot | None = None  # of the last frame with a face
        self._count = 0
        self._analysed_at: float | None = None  # seconds, the latest frame
        self._gaps: deque[float] = deque([0.0], _GAPS)  # seconds between the latest frames

    def is_good(self, detection: Detection) -> bool:
        """Whether a face is worth encoding."""
        return detection.quality is None or detection.quality >= self._poorest

    def follow(self, frame: Frame, detections: Sequence[Detection], shot: Shot | None = None) -> list[Followed]:
        """The faces of the next analysed frame with their tracks, in the order of ``detections``.

        A position before the last one is in another stream of the source, where all tracks are new.

        ``shot``: of the frame, where it is known already.
        """
        patience = self._patience()
        self._note_gap(frame.position)
        if not detections:
            return []
        shot = shot or Shot(frame.image)
        cut = self._shot is not None and shot.is_cut_from(self._shot)
        self._shot = shot
        self._tracks = [track for track in self._tracks if 0 <= frame.position - track.seen_at <= patience]
        views = [_View(frame.image, detection.box) for detection in detections]
        found = self._pair(frame.position, views, cut=cut)
        first = min(found.values(), key=self._due_at, default=None)
        faces = []
        for number, (detection, view) in enumerate(zip(detections, views, strict=True)):
            track = found.get(number)
            early = self._searches / 2 if track is first or not self._in_turn else -self._searches / 2
            faces.append(self._update(track, frame.position, early, detection, view))
        return faces

    def carry(self, frame: Frame, detections: Sequence[Detection], shot: Shot) -> list[Followed] | None:
        """The faces of the next frame, which are those of the last one that moved as ``detections`` tell.

        That each looks as it did is known already. None: the frame must be searched instead, as one is in doubt or is
        to be encoded; it is still the next frame then.
        """
        now = frame.position
        views = [_View(frame.image, detection.box) for detection in detections]
        found = self._pair(now, views, cut=False)
        faces = []
        for number, (detection, view) in enumerate(zip(detections, views, strict=True)):
            track = found.get(number)
            if track is None or view.box.overlap(track.view.box) < _SURE_OVERLAP:
                return None
            if self._wants(track, now - self._searches, detection, None):
                return None
            faces.append((track, detection, view))
        self._note_gap(now)
        if faces:
            self._shot = shot
        for track, _, view in faces:
            track.view, track.seen_at = view, now
        return [Followed(detection, track.number, encode=False, sure=track.sure) for track, detection, _ in faces]

    def tell(self, number: int, encoding: Encoding) -> None:
        """Have it know the encoding of a face in the latest frame, of the track of that number."""
        for track in self._tracks:
            if track.number == number:
                before, track.encoding = track.encoding, encoding
                is_like = before is not None and np.linalg.norm(encoding - before) < _STEADY
                track.steady = track.steady + 1 if is_like else 1

    def _wants(self, track: _Track, then: float, detection: Detection, view: _View | None) -> bool:
        """Whether a face is to be encoded that was seen before.

        ``then``: seconds by which it may be merely due; ``view``: of it, where it was searched.
        """
        due = then >= self._due_at(track) - 1e-6
        better = (detection.quality or 0.0) > _BETTER * track.best
        if due or better or not self.is_good(detection):
            return due or better
        turned = view is not None and likeness(view.look, track.encoded.look) < _TURNED
        return turned or not track.sure or track.faces < self._founding

    def _due_at(self, track: _Track) -> float:
        """Seconds from which a face is encoded whatever place and look tell."""
        return track.encoded_at + self._refresh * (_SELDOM if track.sure and track.steady >= self._pictures else 1.0)

    def _patience(self) -> float:
        """Seconds for which a face that is not found may still be the same when it is found again."""
        return _SLACK * max(_MEMORY, self._refresh, self._step, *self._gaps)

    def _note_gap(self, now: float) -> None:
        if self._analysed_at is not None:
            self._gaps.append(now - self._analysed_at)
        self._analysed_at = now

    def _pair(self, now: float, views: Sequence[_View], *, cut: bool) -> dict[int, _Track]:
        """Which track each view continues: the best overlaps first, one to one.

        From one sample to the next one nobody is followed across a cut. Between samples that are far apart motion or
        light may change a whole picture, too: there the faces must look alike.
        """
        overlaps = [
            (view.box.overlap(track.view.box), number, index)
            for number, view in enumerate(views)
            for index, track in enumerate(self._tracks)
            if (likeness(view.look, track.view.look) >= _ALIKE if now - track.seen_at >= _FAR else not cut)
        ]
        found: dict[int, _Track] = {}
        taken: set[int] = set()
        for overlap, number, index in sorted(overlaps, key=lambda pair: (-pair[0], pair[1:])):
            if overlap >= _OVERLAP and number not in found and index not in taken:
                found[number] = self._tracks[index]
                taken.add(index)
        return found

    def _update(self, track: _Track | None, now: float, early: float, detection: Detection, view: _View) -> Followed:
        """``early``: seconds before it is due, a face may be encoded anew."""
        quality = detection.quality or 0.0
        clear = detection.quality is None or quality >= _CLEAR
        if track is None:
            self._count += 1
            faces = int(self.is_good(detection))
            track = _Track(self._count, view, now, now, quality, faces, int(clear), view)
            self._tracks.append(track)
            return Followed(detection, track.number, encode=True, once=not clear)
        if not _is_sure(view, track):
            track.sure = False
        if now - track.seen_at >= _FAR:
            track.steady = 0
        track.view, track.seen_at = view, now
        sure, good, encode = track.sure, self.is_good(detection), self._wants(track, now + early, detection, view)
        once = not clear or track.clear >= max(1, self._founding - 1)  # good ones: one fewer does
        if encode:
            track.faces += good
            track.clear += not once
            track.encoded_at, track.best, track.sure = now, max(track.best, quality), sure or good
            track.encoded = view if good else track.encoded
        return Followed(detection, track.number, encode, sure, once)


def _is_sure(view: _View, track: _Track) -> bool:
    """Whether place and look leave no doubt that a face is that of a track."""
    before = track.view
    return view.box.overlap(before.box) >= _SURE_OVERLAP and likeness(view.look, before.look) >= _SURE_LIKENESS


def _look(image: Image, box: Box) -> Grey:
    """A face as a small grey picture, (24, 24), zero mean and unit norm, so that a product is a correlation."""
    height, width = image.shape[:2]
    top, left = max(0, min(box.top, height - 1)), max(0, min(box.left, width - 1))
    part = image[top : max(top + 1, min(box.bottom, height)), left : max(left + 1, min(box.right, width))]
    return normed(grey(reduced(part, (_LIKE, _LIKE))))
