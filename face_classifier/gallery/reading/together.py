"""Which people were seen together: at one time, by one camera, or in one picture or clip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from face_classifier.gallery.reading.folder_faces import NO_TIME, NO_TRACK, FolderFaces, stamp_of
from face_classifier.gallery.table import checked
from face_classifier.gallery.table.file import Table

_APART = 300_000_000  # microseconds: what lies so far apart are two occasions


class Together(NamedTuple):
    """Two people who were seen together."""

    one: str
    other: str
    occasions: int  # in which they were in view at one time; a few minutes apart they are one
    last: int  # microseconds since 1970, UTC: when the last one was over


class _Stay(NamedTuple):
    """How long a person was in view of one source at a time, in microseconds since 1970."""

    first: int
    last: int
    person: str
    track: int


def together(people: Iterable[FolderFaces], spans: Mapping[int, tuple[int, int]]) -> list[Together]:
    """Everybody who was seen with somebody, those with the most occasions first.

    Parameters
    ----------
    people: the faces of each person; those without a time or a source tell nothing.
    spans: of each track with a row, when it was seen first and last: microseconds since 1970.
    """
    occasions: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for stays in _stays_by_source(people, spans).values():
        for one, other, first, last in _meetings(sorted(stays)):
            occasions[one, other].append((first, last))
    found = [Together(*pair, _count(times), max(last for _, last in times)) for pair, times in occasions.items()]
    return sorted(found, key=lambda pair: (-pair.occasions, pair.one, pair.other))


def read_spans(table: Table) -> dict[int, tuple[int, int]]:
    """When each track was seen first and last. Raises UserError where the table cannot be used."""
    records = checked.read(table, "tracks", "number, first, last")
    return {number: (stamp_of(first), stamp_of(last)) for number, first, last in records}


def _stays_by_source(
    people: Iterable[FolderFaces], spans: Mapping[int, tuple[int, int]]
) -> Mapping[str, Sequence[_Stay]]:
    """A stay a track and person: as long as the track, or, where it has faces of several people, as theirs tell.

    A face without a track is one, too.
    """
    of_track: dict[int, list[_Stay]] = defaultdict(list)
    source_of: dict[int, str] = {}
    stays: dict[str, list[_Stay]] = defaultdict(list)
    for faces in people:
        own: dict[int, tuple[int, int]] = {}
        for time, track, source in zip(faces.times.tolist(), faces.tracks.tolist(), faces.sources, strict=True):
            if source is None or time == NO_TIME:
                continue
            if track == NO_TRACK:
                stays[source].append(_Stay(time, time, faces.folder, track))
                continue
            first, last = own.get(track, (time, time))
            own[track], source_of[track] = (min(first, time), max(last, time)), source
        for track, (first, last) in own.items():
            of_track[track].append(_Stay(first, last, faces.folder, track))
    for track, parts in of_track.items():
        if len(parts) == 1 and track in spans:
            parts[:] = [parts[0]._replace(first=spans[track][0], last=spans[track][1])]
        stays[source_of[track]] += parts
    return stays


def _meetings(stays: Sequence[_Stay]) -> Iterator[tuple[str, str, int, int]]:
    """(one, other, first, last) of each time two people were in view; ``stays``: of one source, in their order.

    A track was one person, whoever its faces were given to since.
    """
    in_view: list[_Stay] = []
    for stay in stays:
        in_view = [other for other in in_view if other.last >= stay.first]
        for other in in_view:
            if other.person != stay.person and (other.track != stay.track or stay.track == NO_TRACK):
                one, two = sorted((stay.person, other.person))
                yield one, two, stay.first, min(stay.last, other.last)
        in_view.append(stay)


def _count(times: Sequence[tuple[int, int]]) -> int:
    """How many occasions there are among some times (first, last)."""
    ordered = sorted(times)
    until = np.maximum.accumulate([last for _, last in ordered])
    return 1 + sum(first - before > _APART for (first, _), before in zip(ordered[1:], until.tolist(), strict=False))
