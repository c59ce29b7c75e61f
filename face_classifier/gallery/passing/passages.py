"""Whose the tracks are now: who is who may have been corrected since they were seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from face_classifier.core.config.settings import Settings
from face_classifier.core.progress import Teller
from face_classifier.core.types import Face
from face_classifier.gallery.opening import as_gallery, open_existing, photo_reader, tell_problems
from face_classifier.gallery.passing.table import FaceOfTrack, Outage, TrackRow
from face_classifier.gallery.store import Store

_NAP = timedelta(seconds=1)  # the two clocks of a source are not read in the same moment
_BEFORE = timedelta(days=1)  # what began so long before a time is read, too: a visit may have begun with it


@dataclass(frozen=True)
class Passage:
    """A track as far as it is of one person."""

    track: int | None  # None: of a face that belongs to none
    source: str  # path as given, or a camera's name
    fingerprint: str | None  # of the source's content; None for live sources
    session: int  # one run of one source; 0 = it is not known which
    first: datetime  # aware, UTC
    last: datetime  # aware, UTC, never before `first`
    first_position: float  # seconds, the source's clock
    last_position: float  # seconds
    frames: int  # that were analysed, and in which it was found; of a part of a track, those with a face that is kept
    person: str | None  # None = unknown
    said: str | None  # whose it was told to be at the time
    face: int | None  # row of the best face; None = none is kept
    face_name: str | None
    zones: tuple[str, ...]
    faces: tuple[int, ...] = ()  # rows of all its faces that are kept


def passages_of(
    settings: Settings, observer: Teller, since: datetime | None = None, *, as_known_then: bool = False
) -> list[Passage]:
    """Every passage of a result folder; changes nothing, and works while another process runs.

    Parameters
    ----------
    settings: name the folder.
    observer: is told what is wrong in it.
    since: aware; what was over long before that may be missing. None: all.
    as_known_then: of the persons that were told at the time, rather than whose the faces are now.

    Raises
    ------
    UserError: the folder cannot be used.
    """
    with open_existing(settings, writing=False) as store:

        def read(path: Path, own_cut: bool) -> tuple[Face, bool]:
            return photo_reader(as_gallery(settings, store), observer.problem)(path, own_cut)

        with store.tracks.as_of_now():
            rows = list(store.tracks.all() if since is None else store.tracks.since(since - _BEFORE))
            read_faces, read_of_none = list(_faces_of(rows, store)), list(store.tracks.faces_of_none())
            latest, excluded = store.tracks.latest(), store.tracks.excluded()
        looked = store.look(read)  # knows every face that was read before
        tell_problems(store, observer)
        person_of = {face.id: face.person for face in looked.faces}
        of_none = [face for face in read_of_none if face.id in person_of]
        faces = [face for face in read_faces if face.id in person_of]
        known = [*rows, *(row for row in derived(of_none, latest) if since is None or row.last >= since - _BEFORE)]
        labelled = [face._replace(person=person_of[face.id]) for face in (*faces, *of_none)]
        return list(passages(known, labelled, excluded, as_known_then=as_known_then))


def _faces_of(rows: Sequence[TrackRow], store: Store) -> Iterable[FaceOfTrack]:
    """The faces of tracks, which are in the order of their numbers, as the table has them."""
    return store.tracks.faces_of(rows[0].number, rows[-1].number) if rows else ()


def outages_of(settings: Settings) -> list[Outage]:
    """When the cameras of a result folder sent nothing. Raises UserError where it cannot be used."""
    with open_existing(settings, writing=False) as store:
        return store.tracks.outages()


def latest_passages(settings: Settings, since: datetime) -> list[Passage]:
    """Those that were not over before a time (aware), as the table has them: nobody looks at the folders.

    Raises UserError where the folder cannot be used.
    """
    with open_existing(settings, writing=False) as store, store.tracks.as_of_now():
        return recent(store, since)


def passages_between(settings: Settings, begin: datetime | None = None, end: datetime | None = None) -> list[Passage]:
    """Those that were there at some time between two (aware), as the table has them: nobody looks at the folders.

    ``begin``, ``end``: None: all. Raises UserError where the folder cannot be used.
    """
    with open_existing(settings, writing=False) as store, store.tracks.as_of_now():
        rows = list(store.tracks.all()) if begin is None or end is None else store.tracks.between(begin, end)
        of_none = list(store.tracks.faces_of_none(begin, end))
        old = [
            row
            for row in derived(of_none, store.tracks.latest())
            if (begin is None or row.last >= begin) and (end is None or row.first < end)
        ]
        return list(passages([*rows, *old], [*_faces_of(rows, store), *of_none], store.tracks.excluded()))


def recent(store: Store, since: datetime, source: str | None = None, most: int | None = None) -> list[Passage]:
    """As `latest_passages`, of all sources or of one; ``most``: of the latest tracks alone, so many."""
    rows = store.tracks.since(since, source, most)
    return list(passages(rows, _faces_of(rows, store), store.tracks.excluded()))


def passages(
    rows: Iterable[TrackRow],
    faces: Iterable[FaceOfTrack],
    excluded: Collection[int] = (),
    *,
    as_known_then: bool = False,
) -> Iterator[Passage]:
    """Each track as whose it is: the person of most of its faces, of equally many the one with the best face.

    Whoever else has a face in it passed from their first to their last one. A track of no kept face, of which the user
    excluded one, showed nobody.

    Parameters
    ----------
    rows: of the tracks; those of `derived` have a face of their own each, or several.
    faces: that are kept, labelled as they are now.
    excluded: tracks of which the user excluded a face.
    as_known_then: see `passages_of`.
    """
    of_track: dict[int, list[FaceOfTrack]] = defaultdict(list)
    by_id: dict[int, FaceOfTrack] = {}
    for face in faces:
        by_id[face.id] = face
        if face.track is not None:
            of_track[face.track].append(face)
    for row in rows:
        own = of_track.get(row.number, []) if row.number > 0 else []
        if row.best in by_id and by_id[row.best] not in own:
            own = [*own, by_id[row.best]]
        if not own and row.number in excluded:
            continue
        if as_known_then:
            yield _passage(row, row.said, own)
        else:
            yield from _parts(row, own)


def _parts(row: TrackRow, faces: Sequence[FaceOfTrack]) -> Iterator[Passage]:
    by_person: dict[str, list[FaceOfTrack]] = defaultdict(list)
    for face in faces:
        if face.person is not None:
            by_person[face.person].append(face)
    if not by_person:
        yield _passage(row, None, faces)
        return
    order = sorted(by_person, key=lambda person: _weight(by_person[person]), reverse=True)
    yield _passage(row, order[0], by_person[order[0]])
    for person in order[1:]:
        yield _passage(_part(row, by_person[person]), person, by_person[person])


def _weight(faces: Sequence[FaceOfTrack]) -> tuple[int, float, int]:
    return len(faces), max(face.quality or 0.0 for face in faces), -min(face.id for face in faces)


def _part(row: TrackRow, faces: Sequence[FaceOfTrack]) -> TrackRow:
    """The row as far as these faces reach."""
    positions = [face.position for face in faces if face.position is not None]
    first, last = min(positions, default=row.first_position), max(positions, default=row.last_position)
    began = row.first + timedelta(seconds=max(0.0, first - row.first_position))
    return replace(
        row,
        first=began,
        last=began + timedelta(seconds=last - first),
        first_position=first,
        last_position=last,
        frames=len(faces),
    )


def _passage(row: TrackRow, person: str | None, faces: Sequence[FaceOfTrack]) -> Passage:
    best = max(faces, key=lambda face: (face.quality or 0.0, -face.id), default=None)
    return Passage(
        row.number if row.number > 0 else None,
        row.source,
        row.fingerprint,
        row.session,
        row.first,
        row.last,
        row.first_position,
        row.last_position,
        row.frames,
        person,
        row.said,
        best.id if best else None,
        best.name if best else None,
        row.zones,
        tuple(face.id for face in faces),
    )


def derived(faces: Iterable[FaceOfTrack], latest: Mapping[str, TrackRow] | None = None) -> list[TrackRow]:
    """Rows for faces that belong to no track of the table: of runs before there was one, and of the original engine.

    A face without a track has a row of its own, whose number is minus the face's. A track of a camera that began after
    all that have rows is about to get its own, so its run is the latest one of that camera, or one that began since.

    Parameters
    ----------
    faces: that belong to none.
    latest: of each camera the row of the track that began last.
    """
    latest = latest or {}
    groups: dict[int, list[FaceOfTrack]] = defaultdict(list)
    for face in faces:
        if face.time is not None:
            groups[-face.id if face.track is None else face.track].append(face)
    return [
        _row_of(number, group, latest.get(group[0].source or ""))
        for number, group in sorted(groups.items(), key=lambda group: group[1][0].id)
    ]


def _session_of(number: int, face: FaceOfTrack, latest: TrackRow | None) -> int:
    """The run in which a track of a face was seen; 0 = it is not known."""
    if latest is None or face.time is None or face.fingerprint is not None or number <= latest.number:
        return 0
    opened = face.time - timedelta(seconds=face.position or 0.0)
    is_same = abs(opened - (latest.first - timedelta(seconds=latest.first_position))) <= _NAP
    return latest.session if is_same else latest.session + 1


def _row_of(number: int, faces: Sequence[FaceOfTrack], latest: TrackRow | None) -> TrackRow:
    times = [face.time for face in faces if face.time is not None]
    positions = [face.position or 0.0 for face in faces]
    return TrackRow(
        number=number,
        source=faces[0].source or "",
        fingerprint=faces[0].fingerprint,
        session=_session_of(number, faces[0], latest),
        first=min(times),
        last=max(times),
        first_position=min(positions),
        last_position=max(positions),
        frames=len(faces),
        best=max(faces, key=lambda face: (face.quality or 0.0, -face.id)).id,
        said=None,
    )
