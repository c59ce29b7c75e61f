"""Which people were seen together: at one time, by one camera, or in one picture or clip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from face_classifier.gallery.reading.folder_faces import NO_TIME, NO_TRACK, FolderFaces, Ints, stamp_of
from face_classifier.gallery.table.file import Table

_NOWHERE = -1
_APART = 300_000_000  # microseconds: what lies so far apart are two occasions


class Together(NamedTuple):
    """Two people who were seen together."""

    one: str
    other: str
    occasions: int  # in which they were in view at one time; a few minutes apart they are one
    last: int  # microseconds since 1970, UTC: when the last one was over


class _Stays(NamedTuple):
    """How long people were in view of one source at a time: columns of equal length."""

    source: Ints
    track: Ints  # negative: of a face without one
    person: Ints
    first: Ints  # microseconds since 1970
    last: Ints


def together(people: Iterable[FolderFaces], spans: Mapping[int, tuple[int, int]]) -> list[Together]:
    """Everybody who was seen with somebody, those with the most occasions first.

    Parameters
    ----------
    people: the faces of each person; those without a time or a source tell nothing.
    spans: of each track with a row, when it was seen first and last: microseconds since 1970.
    """
    occasions: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    everybody = list(people)
    for one, other, first, last in _meetings(_stays(everybody, spans)):
        pair = sorted((everybody[one].folder, everybody[other].folder))
        occasions[pair[0], pair[1]].append((first, last))
    found = [Together(*pair, _count(times), max(last for _, last in times)) for pair, times in occasions.items()]
    return sorted(found, key=lambda pair: (-pair.occasions, pair.one, pair.other))


def read_spans(table: Table) -> dict[int, tuple[int, int]]:
    """When each track was seen first and last. Raises UserError where the table cannot be used."""
    with table.telling():
        records = table.database.execute("SELECT number, first, last FROM tracks")
        return {number: (stamp_of(first), stamp_of(last)) for number, first, last in records}


def _stays(people: Sequence[FolderFaces], spans: Mapping[int, tuple[int, int]]) -> _Stays:
    """A stay a track and person: as long as the track, or, where it has faces of several people, as theirs tell.

    A face without a track is one, too.
    """
    numbers: dict[str | None, int] = {None: _NOWHERE}
    sources = [numbers.setdefault(source, len(numbers)) for faces in people for source in faces.sources]
    source = np.array(sources, np.int64)
    person = np.repeat(np.arange(len(people)), [len(faces) for faces in people])
    time = np.array([time for faces in people for time in faces.times.tolist()], np.int64)
    track = np.array([track for faces in people for track in faces.tracks.tolist()], np.int64)
    told = (source != _NOWHERE) & (time != NO_TIME)
    source, person, time, track = source[told], person[told], time[told], track[told]
    alone = track == NO_TRACK
    track[alone] = -2 - np.arange(alone.sum())
    order = np.lexsort((time, person, track))
    source, person, time, track = source[order], person[order], time[order], track[order]
    starts = np.ones(len(track), bool)
    starts[1:] = (track[1:] != track[:-1]) | (person[1:] != person[:-1])
    first = np.flatnonzero(starts)
    last = np.append(first[1:], len(track)) - 1
    stays = _Stays(source[first], track[first], person[first], time[first], time[last[: len(first)]])
    of_one = np.ones(len(first), bool)
    same = stays.track[1:] == stays.track[:-1]
    of_one[1:] &= ~same
    of_one[:-1] &= ~same
    for place in np.flatnonzero(of_one & (stays.track >= 0)).tolist():
        if (span := spans.get(int(stays.track[place]))) is not None:
            stays.first[place], stays.last[place] = span
    return stays


def _meetings(stays: _Stays) -> Iterator[tuple[int, int, int, int]]:
    """(one, other, first, last) of each time two people (by number) were in view.

    A track was one person, whoever its faces were given to since.
    """
    if not len(stays.track):
        return
    ranks = np.unique(np.concatenate([stays.first, stays.last]), return_inverse=True)[1].reshape(2, -1)
    begin, end = stays.source * (ranks.max() + 1) + ranks  # one line of time, on which sources follow one another
    order = np.lexsort((end, begin))
    begin, end = begin[order], end[order]
    goes_on = np.zeros(len(order), bool)
    goes_on[1:] = begin[1:] <= np.maximum.accumulate(end)[:-1]
    meets = goes_on.copy()
    meets[:-1] |= goes_on[1:]
    in_view: list[tuple[int, int, int]] = []  # place, until when on that line, track
    for place, since, until in zip(order[meets].tolist(), begin[meets].tolist(), end[meets].tolist(), strict=True):
        in_view = [other for other in in_view if other[1] >= since]
        track, person = int(stays.track[place]), int(stays.person[place])
        for other, _, of_track in in_view:
            if stays.person[other] != person and of_track != track:
                yield (
                    int(stays.person[other]),
                    person,
                    int(stays.first[place]),
                    int(min(stays.last[place], stays.last[other])),
                )
        in_view.append((place, until, track))


def _count(times: Sequence[tuple[int, int]]) -> int:
    """How many occasions there are among some times (first, last)."""
    ordered = sorted(times)
    until = np.maximum.accumulate([last for _, last in ordered])
    return 1 + sum(first - before > _APART for (first, _), before in zip(ordered[1:], until.tolist(), strict=False))
