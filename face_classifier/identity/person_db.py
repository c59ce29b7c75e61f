"""Who it is: PersonDB matches faces against the average encodings of people. Pure numpy, no files."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from face_classifier.core.types import ENCODING_SIZE, Encoding, Label, Match, Sighting, check_encoding
from face_classifier.identity.certainty import Certainty
from face_classifier.identity.matching.averages import Averages
from face_classifier.identity.matching.crowd import among
from face_classifier.identity.matching.exclusions import Exclusions
from face_classifier.identity.matching.nearest import EncodingRows, Matrix
from face_classifier.identity.tracks import founds, worth_of


@dataclass(slots=True)
class _Group:
    """Unknown faces of one track, or a single one: nobody yet, but certainly one person."""

    key: int  # the track, or minus the face id of a face without a track
    ids: list[int]
    total: Encoding  # the sum of their encodings
    worth: float  # the sum of their qualities
    digest: int  # the sum of their digests


class _Unknown:
    """Unknown faces by their tracks."""

    def __init__(self) -> None:
        self._groups: list[_Group] = []  # parallel to the rows of their means
        self._row_of: dict[int, int] = {}  # by key
        self._means = EncodingRows()
        self.faces = 0
        self.digest = 0  # the sum of those of the faces

    def of_track(self, track: int | None) -> _Group | None:
        return self._groups[self._row_of[track]] if track in self._row_of else None

    def nearest(self, probe: Encoding, forbidden: Iterable[int]) -> tuple[_Group, float] | None:
        """The group whose mean is nearest, and how far (L2). ``forbidden``: keys."""
        nearest = self._means.nearest(probe, {self._row_of[key] for key in forbidden if key in self._row_of})
        return nearest and (self._groups[nearest[0]], nearest[1])

    def foresee(self, probes: Matrix) -> None:
        """See `EncodingRows.foresee`."""
        self._means.foresee(probes)

    def add(self, face: Sighting | Label, encoding: Encoding) -> None:
        key, digest = track_key(face), _digest(face)
        self.faces += 1
        self.digest += digest
        row = self._row_of.get(key)
        if row is None:
            self._row_of[key] = len(self._groups)
            self._groups.append(_Group(key, [face.id], encoding.copy(), worth_of(face.quality), digest))
            self._means.append(encoding)
            return
        group = self._groups[row]
        group.ids.append(face.id)
        group.total += encoding
        group.worth += worth_of(face.quality)
        group.digest += digest
        self._means.replace(row, group.total / len(group.ids))

    def drop(self, key: int) -> None:
        """Forget the faces of a track."""
        row = self._row_of.pop(key, None)
        if row is None:
            return
        self.faces -= len(self._groups[row].ids)
        self.digest -= self._groups[row].digest
        last = self._groups.pop()
        self._means.drop(row)
        if row < len(self._groups):
            self._groups[row] = last
            self._row_of[last.key] = row


class CannotLinks:
    """Which tracks shared a frame, so that they are different people; of each track for as long as it may go on."""

    def __init__(self) -> None:
        self._beside: dict[int, set[int]] = {}

    def add(self, one: int, other: int) -> None:
        self._beside.setdefault(one, set()).add(other)
        self._beside.setdefault(other, set()).add(one)

    def beside(self, track: int | None) -> set[int]:
        """The tracks that shared a frame with one."""
        return self._beside.get(track, set()) if track is not None else set()

    def __contains__(self, track: object) -> bool:
        """Whether a track shared a frame with another one, and may go on."""
        return track in self._beside

    def end(self, tracks: Iterable[int]) -> None:
        """No face of these tracks is to be decided any more; those of others beside them may be."""
        for track in tracks:
            self._beside.pop(track, None)


class _Tracks:
    """Which person each track has, as far as its faces agree, and which tracks are different people."""

    def __init__(self, links: CannotLinks) -> None:
        self.links = links
        self._kept_apart: dict[int, set[str]] = {}  # track -> people whom it is not, as the user said
        self._person_of: dict[int, str] = {}
        self._torn: dict[int, set[str]] = {}  # tracks of which an earlier run tied several people

    def person_of(self, track: int | None) -> str | None:
        return None if track is None else self._person_of.get(track)

    def keep_apart(self, track: int, person: str) -> None:
        self._kept_apart.setdefault(track, set()).add(person)

    def forget_words(self) -> None:
        self._kept_apart.clear()

    def kept_apart(self, track: int | None) -> set[str]:
        """The people of whom the user said that a track is not one of them."""
        return self._kept_apart.get(track, set()) if track is not None else set()

    def forbidden(self, track: int | None) -> set[str]:
        """The people who a track is not: those, and those of the tracks that shared a frame with it."""
        return {name for other in self.links.beside(track) if (name := self.person_of(other))} | self.kept_apart(track)

    def add(self, track: int, person: str) -> None:
        if track in self._torn:
            self._torn[track].add(person)
        elif self._person_of.setdefault(track, person) != person:
            self._torn[track] = {self._person_of.pop(track), person}

    def drop(self, person: str) -> None:
        """Forget a person's faces."""
        for track in [track for track, name in self._person_of.items() if name == person]:
            del self._person_of[track]
        for track in [track for track, names in self._torn.items() if person in names]:
            self._torn[track].discard(person)
            if len(self._torn[track]) == 1:
                self._person_of[track] = self._torn.pop(track).pop()


class PersonDB:
    """The gallery: people by their average encoding, and unknown faces that are nobody yet.

    A face goes to the person whose average is nearest, if nearer than ``threshold`` (L2). Else the nearest unknown
    face, if nearer than ``threshold``, makes a new person together with it. Else it is unknown. That is the original
    program's rule. Where there are many people the threshold is less: `threshold_now`; and so it is between two
    children, who are much alike: `doubt`.

    The faces of a track (one face over consecutive frames) are one person and decided together, by the mean of their
    encodings; a track that has a person keeps it. Tracks that share a frame are different people.
    """

    def __init__(
        self,
        threshold: float,
        *,
        spread: float = 0.0,
        founding: int = 2,
        tightening: float = 0.0,
        certainty: Certainty | None = None,
        links: CannotLinks | None = None,
    ) -> None:
        """``spread``: how much of a person's scatter (mean squared distance of its faces to its average) is added to
        the squared distance, so that one whose faces vary a lot does not grow into everybody's.

        ``founding``: which faces of one track found a person, as `founds` says; two tracks that are near always do.

        ``tightening``: by how much (L2) the threshold falls with ten times as many people, from a hundred on.

        ``certainty``: of the encoder; None = no face casts a doubt.

        ``links``: which may be those of several in turn; None = of its own.
        """
        self._threshold, self._tightening = threshold, tightening
        self._founding, self._certainty = founding, certainty
        self._people = Averages(spread)
        self._unknown = _Unknown()
        self._tracks = _Tracks(links or CannotLinks())
        self._excluded = Exclusions(self._people, threshold)
        self._known = self._pinned = 0
        self._pinned_digest = 0  # the sum of those of the faces that are pinned to unknown

    @property
    def threshold(self) -> float:
        """L2 below which two faces may be one person."""
        return self._threshold

    @property
    def threshold_now(self) -> float:
        """L2 below which a face goes to one of the people there are, or to an unknown face: see `among`."""
        return among(self._threshold, self._tightening, len(self._people))

    @property
    def persons(self) -> int:
        return len(self._people)

    @property
    def known_faces(self) -> int:
        return self._known

    @property
    def unknown_faces(self) -> int:
        return self._unknown.faces + self._pinned

    def add(self, sighting: Sighting) -> None:
        """Take in a face as it is labelled. One that the user pinned to unknown counts, but founds no person.

        Raises ValueError for a face without an encoding.
        """
        self.add_all([sighting])

    def add_all(self, sightings: Iterable[Sighting | Label]) -> None:
        """Take in faces as `add` does one after the other, in less time. None of them is kept in memory."""
        self._people.add(self._known_among(sightings))

    def holds(self, person: str | None, sightings: Collection[Sighting | Label]) -> bool:
        """Whether these are the very faces that were taken in of a person, or unknown (None), and count as they did."""
        digest = self._people.digest(person) if person is not None else self._unknown.digest + self._pinned_digest
        return digest == sum(map(_digest, sightings))

    def _known_among(self, sightings: Iterable[Sighting | Label]) -> Iterator[tuple[str, Encoding, int]]:
        """Name, encoding and digest of those that have a person; the others are taken in."""
        for sighting in sightings:
            encoding = sighting.encoding
            if encoding is None:
                raise ValueError(f"the face {sighting.id} has no encoding")
            if sighting.person is not None:
                self._known += 1
                if sighting.track is not None and not sighting.corrected:
                    self._tracks.add(sighting.track, sighting.person)
                yield sighting.person, encoding, _digest(sighting)
            elif sighting.pinned:
                self._pinned += 1
                self._pinned_digest += _digest(sighting)
            else:
                self._unknown.add(sighting, encoding)

    def drop(self, person: str | None) -> None:
        """Forget all faces of a person, or all unknown ones (None), so that they can be taken in as they are now."""
        if person is None:
            self._unknown = _Unknown()
            self._pinned = self._pinned_digest = 0
        else:
            self._known -= self._people.drop(person)
            self._tracks.drop(person)

    def remove(self, face: Sighting, mates: Iterable[Sighting] = ()) -> None:
        """Take out a face that was taken in like this; an unknown one with its whole track, but for ``mates``."""
        assert face.encoding is not None
        if face.person is not None:
            self._people.remove(face.person, face.encoding, _digest(face))
            self._known -= 1
        else:
            self._unknown.drop(track_key(face))
            self.add_all(mates)

    def cannot_link(self, one: int, other: int) -> None:
        """Two tracks shared a frame: they are different people."""
        self._tracks.links.add(one, other)

    def keep_apart(self, track: int, person: str) -> None:
        """The user said of a face of this track that it is not this person."""
        self._tracks.keep_apart(track, person)

    def forget_words(self) -> None:
        """Forget what the user said, by `keep_apart` and `exclude`, so that it can be said as it is now."""
        self._tracks.forget_words()
        self._excluded.clear()

    def exclude(self, person: str, encoding: Encoding) -> None:
        """The user excluded a face: neither it is this person, nor what is nearer to it than to the person."""
        self._excluded.add(person, encoding)

    def leaves(self, track: int, encoding: Encoding) -> bool:
        """Whether a face is not the person of its track, since it is like one that the user excluded."""
        person = self._tracks.person_of(track)
        return person is not None and self._excluded.hold(person, encoding)

    def excluded_pairs(self, faces: Iterable[Sighting]) -> list[tuple[int, int]]:
        """Pairs of ids of those of the ``faces`` that are not one person, by the pictures that the user excluded.

        The first is of a track that lies elsewhere, whose mean counts, the second of the person that it is not.
        """
        return list(self._excluded.pairs(*_by_track(faces)))

    def limit(self, person: str, probe: Encoding) -> float:
        """How near (L2) to a person's average a face has to be: nearer than the threshold where that person's faces
        vary, or where both cast a doubt.
        """
        threshold = max(0.0, self.threshold_now - self.doubt(self._people.average(person), probe))
        return math.sqrt(max(0.0, threshold**2 - self._people.handicap(person)))

    def foresee(self, encodings: Sequence[Encoding]) -> None:
        """Have `decide` take less time for faces with these encodings; it decides as it would anyway."""
        probes = np.array(encodings).reshape(-1, ENCODING_SIZE)
        self._people.foresee(probes)
        self._unknown.foresee(probes)

    def decide(self, encoding: Encoding, track: int | None = None, quality: float | None = None) -> Match:
        """Whose face this is; changes nothing.

        Parameters
        ----------
        encoding: (128,) float64.
        track: the one that it belongs to; None = it is alone.
        quality: 0 to 1; None = not assessed.
        """
        if track is not None and self.leaves(track, encoding):
            track = None
        name = self._tracks.person_of(track)
        if name is not None and name not in self._tracks.kept_apart(track):
            return Match(person=name, distance=float(np.linalg.norm(self._people.average(name) - encoding)))
        own = self._unknown.of_track(track)
        probe = (own.total + encoding) / (len(own.ids) + 1) if own else encoding
        mates = tuple(own.ids) if own else ()
        threshold = self.threshold_now
        person = self._nearest_person(probe, track)
        if person and person[1] + self.doubt(self._people.average(person[0]), probe) < threshold:
            return Match(person[0], float(np.linalg.norm(self._people.average(person[0]) - probe)), mates)
        unknown = self._unknown.nearest(probe, (*self._tracks.links.beside(track), *([own.key] if own else [])))
        if unknown and unknown[1] + self.doubt(unknown[0].total / len(unknown[0].ids), probe) < threshold:
            return Match(distance=unknown[1], partners=(*mates, *unknown[0].ids))
        if own and founds(len(own.ids) + 1, own.worth + worth_of(quality), self._founding):
            return Match(distance=float(np.linalg.norm(own.total / len(own.ids) - encoding)), partners=mates)
        return Match(distance=min((nearest[1] for nearest in (person, unknown) if nearest), default=None))

    def doubt(self, one: Encoding, other: Encoding | None = None) -> float:
        """By how much (L2) the threshold is less between two; ``other``: None = one that has as much doubt."""
        return 0.0 if self._certainty is None else self._certainty.shared(one, one if other is None else other)

    def _nearest_person(self, probe: Encoding, track: int | None) -> tuple[str, float] | None:
        """The nearest person who is not forbidden to the track or to what looks like that."""
        forbidden = self._tracks.forbidden(track)
        person = self._people.nearest(probe, forbidden)
        while person and self._excluded.hold(person[0], probe):
            forbidden.add(person[0])
            person = self._people.nearest(probe, forbidden)
        return person


def _by_track(faces: Iterable[Sighting]) -> tuple[list[tuple[int, set[str | None]]], Matrix]:
    """Of each track the id of its first face and whose its faces are; and the means of encodings, (tracks, 128)."""
    tracks: dict[int, list[Sighting]] = {}
    for face in faces:
        if face.encoding is not None:
            tracks.setdefault(track_key(face), []).append(face)
    known = [(of_track[0].id, {face.person for face in of_track}) for of_track in tracks.values()]
    means = [np.mean([check_encoding(face.encoding) for face in of_track], axis=0) for of_track in tracks.values()]
    return known, np.array(means).reshape(-1, ENCODING_SIZE)


def _digest(face: Sighting | Label) -> int:
    """Of all that counts of a face but its person."""
    assert face.encoding is not None
    return hash((face.id, face.track, face.pinned, face.corrected, face.quality, face.encoding.tobytes()))


def track_key(sighting: Sighting | Label) -> int:
    """The track of a face, or minus its id where it has none."""
    return -sighting.id if sighting.track is None else sighting.track
