"""How many pictures a track may have: which face is kept, which gives way, and how it does so durably.

A face that gives way is `seen` from the moment at which its row says so, with the place of its picture still in it;
only then is the picture removed, and at last its place. A process that is killed in between leaves a row that tells the
next look what to finish: no picture is gone without its row knowing, so none is taken for one that the user deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from face_classifier.core.disk.retry import DiskError, asking_the_disk
from face_classifier.core.types import Encoding, Face, Frame, Match
from face_classifier.gallery.folder.opened import FoldersChangedError, ResultFolder
from face_classifier.gallery.keep import GaveWay, Keeper, Kept
from face_classifier.gallery.places import UNKNOWNS
from face_classifier.gallery.seen.table import as_seen, leaving, of_track, seen_row
from face_classifier.gallery.table.row import SEEN, Row, sighting_of
from face_classifier.identity.tracks import least_worth, worth_of


class TrackPictures:
    """Keeps faces in a folder that is written, at most so many of a track."""

    def __init__(self, folder: ResultFolder, keeper: Keeper) -> None:
        """``keeper``: of the same folder."""
        self._folder, self._keeper = folder, keeper

    def keep(
        self, frame: Frame, face: Face, match: Match, order: int, track: int, picture: bytes | None, most: int
    ) -> Kept:
        """As `Store.keep`."""
        mates = self._mates(match, track)
        least = self._least(face, match, mates) if len(mates) >= most else None
        if least is not None and least == len(mates):
            return self._see(frame, face, match, _nearest(face.encoding, mates))
        kept = self._keeper.keep(frame, face, match, order, track, picture, by_user=False)
        if least is None or not kept.new:
            return kept
        with suppress(DiskError, FoldersChangedError):  # then there is a picture more
            return replace(kept, gone=self._give_way(mates[least].id))
        return kept

    def _mates(self, match: Match, track: int) -> list[Row]:
        """The kept faces of a track that lie, or will lie, where another one goes."""
        founds = match.person is None and match.partners
        return [
            row
            for row in of_track(self._folder.table, track)
            if row.id in match.partners or (not founds and row.folder == (match.person or UNKNOWNS))
        ]

    def _least(self, face: Face, match: Match, mates: Sequence[Row]) -> int | None:
        """Which of the faces of a track is to have no picture: a number of ``mates``, or the next one: ``face``.

        None: all may have one, since the others are the user's.
        """
        among = [number for number, row in enumerate(mates) if not self._is_users(row)]
        if not match.partners:
            among.append(len(mates))  # what founds a person, or finds one, is kept
        if not among:
            return None
        encodings = np.array([*(row.encoding for row in mates), face.encoding])
        quality = [worth_of(quality) for quality in (*(row.quality for row in mates), face.quality)]
        return least_worth(encodings, quality, among)

    def _is_users(self, row: Row) -> bool:
        """Whether the user had a hand in where a face is, beyond its folder's name."""
        if row.pinned or row.placed != row.folder or self._folder.journal.is_by_user(row.id):
            return True
        return self._folder.notes.is_kept_apart(row.id)

    def _see(self, frame: Frame, face: Face, match: Match, label: Row) -> Kept:
        """Remember a face without a picture, which has the label of another one from then on."""
        if not self._folder.lies(label):
            raise FoldersChangedError
        row = seen_row(frame, frame.original(face.box), face.quality, match.distance, label.id)
        self._folder.rows.add(row)
        return Kept([as_seen(row, label)], new=False, row=row.id)

    def _give_way(self, face: int) -> GaveWay | None:
        """Have a face (id) give way to the others of its track; None: its picture is the user's."""
        folder = self._folder
        row = folder.rows.with_id(face)
        assert row.track is not None
        assert row.encoding is not None
        mates = [mate for mate in of_track(folder.table, row.track) if mate.id != face and mate.folder == row.folder]
        with folder.as_last_seen():
            if not _is_as_it_was(folder, row):
                return None
        gone = GaveWay(sighting_of(row), [sighting_of(mate) for mate in mates])
        with folder.table.together():
            row.state, row.nearest = SEEN, _nearest(row.encoding, mates).id
            row.encoding = row.emotion = row.space = row.detector = row.chip = row.precision = row.placed = None
            folder.rows.update(row)
            folder.encodings.forget(face)
            folder.table.execute("UPDATE tracks SET best = ? WHERE best = ?", (row.nearest, face))
        with suppress(DiskError):  # then the next look does it
            _remove_picture(folder, row)
        return gone


def finish(folder: ResultFolder) -> None:
    """Remove the pictures of faces that gave way when a process was killed; but not what the user made of them."""
    for row in leaving(folder.table):
        _remove_picture(folder, row)


def _remove_picture(folder: ResultFolder, row: Row) -> None:
    with asking_the_disk():
        if _is_as_it_was(folder, row):
            folder.root.remove(row.place)
            folder.root.sync(row.folder)
    row.folder, row.file, row.mtime = "", "", 0  # by its content a copy is known, if the user has one
    folder.rows.update(row)


def _is_as_it_was(folder: ResultFolder, row: Row) -> bool:
    """Whether a picture is where and what it was when last seen, or else it is the user's."""
    state = folder.root.state(row.place)
    return state is not None and (state.st_size, state.st_mtime_ns) == (row.size, row.mtime)


def _nearest(encoding: Encoding, rows: Sequence[Row]) -> Row:
    """That with the encoding that is nearest (L2)."""
    distances = [np.linalg.norm(row.encoding - encoding) for row in rows if row.encoding is not None]
    return rows[int(np.argmin(distances))]
