"""A face over consecutive frames, as far as its encodings agree. Pure numpy, no files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import ENCODING_SIZE, Encoding, Sighting, check_encoding

GOOD = 1.0  # sum of the qualities of good faces
_STEPS = 2.0**24  # of qualities
_TRACKS = 1 << 13  # looked at at once
_HARDLY = 1e-9  # L2: what is so little nearer than a limit is looked at again
_Ints = npt.NDArray[np.int64]
_Encodings = npt.NDArray[np.float32] | npt.NDArray[np.float64]  # shape (faces, 128)
_GAP = 60.0  # seconds without a face between two scenes


@dataclass
class Track:
    """The encodings of one face over consecutive frames, none to begin with."""

    number: int
    total: Encoding = field(default_factory=lambda: np.zeros(ENCODING_SIZE))  # the sum of them, (128,) float64
    last: Encoding = field(default_factory=lambda: np.zeros(ENCODING_SIZE))  # (128,) float64
    faces: int = 0

    def takes(self, encoding: Encoding, limit: float, *, sure: bool = True) -> bool:
        """Whether a face is nearer than ``limit`` (L2) to the mean, or, ``sure`` of place and look, to the last one.

        ``limit``: the threshold in force, so that a track never ties faces that their encodings alone would not.
        """
        if not self.faces or np.linalg.norm(self.total / self.faces - encoding) < limit:
            return True
        return sure and bool(np.linalg.norm(self.last - encoding) < limit)

    def add(self, encoding: Encoding) -> None:
        self.total = self.total + encoding
        self.last = encoding
        self.faces += 1


class TrackNumbers:
    """The tracks of a follower, which knows faces by place and look, parted where encodings do not agree."""

    def __init__(self, limit: float) -> None:
        """``limit``: see ``Track.takes``."""
        self._limit = limit
        self._count = 0
        self._current: dict[int, Track] = {}  # by the follower's number

    def of(self, followed: int, encoding: Encoding, *, sure: bool) -> int:
        """The number, from 0, of the track that goes on or begins with the next face of the follower's track."""
        track = self._current.get(followed)
        if track is None or not track.takes(encoding, self._limit, sure=sure):
            track = self._current[followed] = Track(self._count)
            self._count += 1
        track.add(encoding)
        return track.number


def parted(encodings: Iterable[Encoding], tracks: Iterable[int], limit: float) -> list[int]:
    """Numbers from 0 of the tracks of faces, in the order in which they were seen, each parted where it must be.

    A face farther than ``limit`` (L2) from the mean and from the last face of its track, and of all parts of it so far,
    begins another part: at a cut somebody else may have taken the place.

    Parameters
    ----------
    encodings: (128,) float64 each.
    tracks: the number of each face's track.
    limit: L2.
    """
    parts: dict[int, list[Track]] = {}
    numbers: list[int] = []
    count = 0
    tracks = list(tracks)
    faces = Counter(tracks)
    for encoding, number in zip(encodings, tracks, strict=True):
        if faces[number] == 1:
            numbers.append(count)
            count += 1
            continue
        known = parts.setdefault(number, [])
        part = next((track for track in reversed(known) if track.takes(encoding, limit)), None)
        if part is None:
            part = Track(count)
            count += 1
        else:
            known.remove(part)
        part.add(encoding)
        known.append(part)  # the latest comes last
        numbers.append(part.number)
    return numbers


def parts(faces: Sequence[Sighting], limit: float) -> list[tuple[int, int]]:
    """The track of each face, or minus its id where it has none, and the number of the part of it: see ``parted``.

    ``faces``: with encodings, in any order.
    """
    tracks = np.array([-face.id if face.track is None else face.track for face in faces], np.int64)
    order = np.lexsort(([face.id for face in faces], [face.position or 0.0 for face in faces]))
    encodings = np.array([check_encoding(face.encoding) for face in faces]).reshape(-1, ENCODING_SIZE)
    return list(zip(tracks.tolist(), parts_of(encodings, tracks, order, limit).tolist(), strict=True))


def parts_of(encodings: _Encodings, tracks: _Ints, order: npt.NDArray[np.intp], limit: float) -> _Ints:
    """(faces,) what `parted` says of many faces, in less time: all tracks of one part are looked at at once.

    Parameters
    ----------
    encodings: (faces, 128).
    tracks: (faces,) the number of each face's track.
    order: (faces,) the faces in the order in which they were seen.
    limit: L2.
    """
    by_track = order[np.argsort(tracks[order], kind="stable")]
    is_first = np.diff(tracks[by_track], prepend=np.iinfo(np.int64).min) != 0
    starts = np.flatnonzero(is_first)
    number = np.cumsum(is_first) - 1  # of each of ``by_track``, its track
    several = _of_several_parts(encodings, by_track, starts, limit)
    part = np.empty(len(tracks), np.int64)
    part[by_track] = number
    among = np.zeros(len(tracks), bool)
    among[by_track] = several[number]
    slow = order[among[order]]
    if len(slow):
        each = (np.asarray(encodings[place], np.float64) for place in slow.tolist())
        part[slow] = len(starts) + np.array(parted(each, tracks[slow].tolist(), limit))
    # numbered as they begin
    _, first, numbered = np.unique(part[order], return_index=True, return_inverse=True)
    part[order] = np.argsort(np.argsort(first))[numbered]
    return part


def _of_several_parts(
    encodings: _Encodings, by_track: npt.NDArray[np.intp], starts: npt.NDArray[np.intp], limit: float
) -> npt.NDArray[np.bool_]:
    """(tracks,) which tracks `parted` may part: those of which some face is not taken by what came before, or hardly.

    ``by_track``: (faces,) track after track, each of which begins at one of ``starts``.
    """
    sizes = np.diff(starts, append=len(by_track))
    several = np.zeros(len(starts), bool)
    for at in range(0, len(starts), _TRACKS):
        some = np.arange(at, min(at + _TRACKS, len(starts)))
        some = some[sizes[some] > 1]
        total = np.asarray(encodings[by_track[starts[some]]], np.float64)
        last, place = total, 1
        while len(some):
            face = np.asarray(encodings[by_track[starts[some] + place]], np.float64)
            least = np.minimum(((total / place - face) ** 2).sum(axis=1), ((last - face) ** 2).sum(axis=1))
            takes = np.sqrt(least) < limit - _HARDLY
            several[some[~takes]] = True
            place += 1
            goes_on = takes & (sizes[some] > place)
            some, total, last = some[goes_on], total[goes_on] + face[goes_on], face[goes_on]
    return several


def worth_of(quality: float | None) -> float:
    """What a face counts for among the good ones: its quality (0 to 1), or 1 where that was not assessed.

    It is a multiple of 2^-24, so that sums of it are exact: the same in any order.
    """
    return 1.0 if quality is None else round(quality * _STEPS) / _STEPS


def worths_of(quality: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What `worth_of` says of each of n faces. ``quality``: (n,) 0 to 1; NaN = not assessed."""
    return np.where(np.isnan(quality), 1.0, np.rint(quality * _STEPS) / _STEPS)


def founds(faces: npt.ArrayLike, worth: npt.ArrayLike, founding: float) -> npt.NDArray[np.bool_]:
    """Whether the faces of each lone track make a person: one fewer than ``founding``, but two, if they are good ones.

    They are good if their qualities add up to 1: two of a half do, which is what a short visit shows at -S 1, and of
    poor ones it takes more. One alone never founds.

    Parameters
    ----------
    faces: how many there are, (tracks,) or a number.
    worth: what their qualities (0 to 1) add up to, as ``faces``.
    founding: at least 2.
    """
    return np.asarray((np.asarray(faces) >= max(2, founding - 1)) & (np.asarray(worth) >= GOOD))


def least_worth(encodings: npt.NDArray[np.float64], quality: Sequence[float], among: Sequence[int]) -> int:
    """Which view of a track tells the least beside the others, so that it is the one to do without.

    What a view is worth is its quality times how far (L2) the nearest better one is: the best one stays, of views that
    are alike the better stays, and a poor one stays only for being the more different. So better and more different
    views take the places of others as they come, ever fewer of them the longer a track lasts.

    Parameters
    ----------
    encodings: (views, 128), in the order in which they came; of views of one quality the first counts as the best.
    quality: of each, 0 to 1.
    among: numbers of the views that may be chosen, at least one.
    """
    best_first = sorted(range(len(quality)), key=lambda number: -quality[number])
    worth = np.full(len(quality), np.inf)
    for place, number in enumerate(best_first[1:], 1):
        better = encodings[best_first[:place]]
        worth[number] = quality[number] * np.linalg.norm(better - encodings[number], axis=1).min()
    return min(among, key=lambda number: (worth[number], -number))


def scenes(sources: _Ints, moments: npt.NDArray[np.float64]) -> _Ints:
    """(faces,) the scene that each was seen in, numbers from 0; -1 for photos, of which each is one by itself.

    A scene is what one source shows without a gap of more than a minute between two faces: few people are in it.

    Parameters
    ----------
    sources: (faces,) numbers from 0; -1 = not known. Files of one name differ by their content.
    moments: (faces,) as `moment_of` says.
    """
    order = np.lexsort((moments, sources))
    source, moment = sources[order], moments[order]
    is_other = np.diff(source, prepend=-2) != 0
    starts = np.flatnonzero(is_other)
    if not len(starts):
        return np.zeros(0, np.int64)
    ends = np.append(starts[1:], len(order)) - 1
    of = np.cumsum(is_other) - 1
    is_film = (moment[ends] != moment[starts]) & (source[starts] >= 0)
    begins = is_other | (np.diff(moment, prepend=moment[0]) > _GAP)
    scene = np.full(len(order), -1)
    film = is_film[of]
    scene[order[film]] = np.unique(np.cumsum(begins)[film], return_inverse=True)[1]
    return np.asarray(scene)


def moment_of(face: Sighting) -> float:
    """When a face was seen, in seconds: of its file, or of the clock, since a live source counts its positions anew in
    each run.
    """
    if face.fingerprint is None and face.time is not None:
        return face.time.timestamp()
    return face.position or 0.0


def cannot_link_pairs(
    parts_of: Iterable[tuple[int, int]], cannot_links: Iterable[tuple[int, int]]
) -> npt.NDArray[np.int64]:
    """(pairs, 2): parts that are two people, since their tracks are (``cannot_links``).

    ``parts_of``: a track and the number of a part of it each, as often as you like.
    """
    known = _pairs(dict.fromkeys(parts_of))
    known = known[np.argsort(known[:, 0], kind="stable")]
    tracks = _pairs(cannot_links)
    first = np.searchsorted(known[:, 0], tracks)
    several = np.searchsorted(known[:, 0], tracks, side="right") - first  # (pairs, 2): how many parts either track has
    product = several.prod(axis=1)
    pair = np.repeat(np.arange(len(tracks)), product)
    number = np.arange(len(pair)) - (np.cumsum(product) - product)[pair]
    places = first[pair] + np.stack(np.divmod(number, several[pair, 1]), axis=1)
    return np.asarray(known[places, 1])


def _pairs(pairs: Iterable[tuple[int, int]]) -> npt.NDArray[np.int64]:
    return np.fromiter(chain.from_iterable(pairs), np.int64).reshape(-1, 2)
