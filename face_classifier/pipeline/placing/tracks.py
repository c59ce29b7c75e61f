"""The tracks of one source, as the gallery knows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

from face_classifier.core.types import Encoding
from face_classifier.gallery.gallery import Gallery
from face_classifier.identity.tracks import Track
from face_classifier.pipeline.placing.latest import in_view, latest
from face_classifier.records import AnalysedFace

_MET = 1000  # tracks of an earlier run that are remembered


class SourceTracks:
    """Continues a track of the records, which knows a face by place and look alone, as far as its encodings agree."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._tracks: dict[int, Track] = {}  # the gallery's, by number of the record's
        self._met: dict[int, Track] = {}  # by the gallery's number: tracks of an earlier run
        self._writes = -1  # to the table, by the time when it was asked which are forgotten
        self._told: dict[bool, set[tuple[int, int]]] = {False: set(), True: set()}  # pairs; True: to be kept

    def number(self, face: AnalysedFace) -> int | None:
        """The gallery's number of the track of a face; None: it has none so far."""
        track = self._tracks.get(face.track)
        return track.number if track else None

    def join(self, face: AnalysedFace, encoding: Encoding, number: int | None = None) -> bool:
        """Continue a track of the record with a face; if they are no one person by its encoding, begin another.

        ``number``: of the gallery's track, where the face has one from an earlier run. If that run tied it to the faces
        of somebody else, the number says nothing.

        Returns whether another one began.
        """
        limit = self._gallery.people.threshold
        met = self._met.get(number) if number is not None else None
        if met and not met.takes(encoding, limit):
            met = number = None
        track = self._tracks.get(face.track)
        begins = track is None or number not in (None, track.number) or not track.takes(encoding, limit, sure=face.sure)
        if track is None or begins:
            number_now = self._gallery.new_track() if number is None else number
            track = self._tracks[face.track] = met or Track(number_now)
        track.add(encoding)
        if number is not None:
            self._met[number] = track
        return begins

    def renew(self, forgotten: Callable[[], set[int]]) -> None:
        """Give other numbers to the gallery's tracks that are forgotten, with their faces.

        ``forgotten``: which they are; it is asked where anything was written since the last time.
        """
        if self._writes == (writes := self._gallery.faces.writes):
            return
        gone, self._writes = forgotten(), writes
        if not gone:
            return
        for followed, track in self._tracks.items():
            if track.number in gone:
                self._tracks[followed] = Track(self._gallery.new_track())
        self._met = {number: track for number, track in self._met.items() if track.number not in gone}
        self._forget(gone)

    def link(self, faces: Sequence[AnalysedFace], *, keep: bool) -> None:
        """Two faces in one frame are two people. ``keep``: the gallery is to remember it, see `Gallery.cannot_link`."""
        told = self._told[keep]
        numbers = sorted({self._tracks[face.track].number for face in faces if face.track in self._tracks})
        new = [pair for pair in combinations(numbers, 2) if pair not in told]
        told.update(new)
        if keep:
            self._gallery.cannot_link(new)
        else:
            for one, other in new:
                self._gallery.people.links.add(one, other)

    def trim(self, faces: Sequence[AnalysedFace]) -> None:
        """Forget the tracks that were not seen for longest, but none of the ``faces`` in view."""
        before = self._tracks
        self._tracks, self._met = in_view(before, [face.track for face in faces]), latest(self._met, _MET)
        if self._tracks is not before:
            self._forget({track.number for track in before.values()} - self._numbers())

    def end(self) -> None:
        """The source has ended."""
        self._forget(self._numbers())

    def _numbers(self) -> set[int]:
        return {track.number for track in self._tracks.values()}

    def _forget(self, gone: set[int]) -> None:
        """These of the gallery's tracks go on no more, unless they are met again."""
        self._gallery.end_tracks(gone)
        for told in self._told.values():
            told.difference_update([pair for pair in told if gone.intersection(pair)])
