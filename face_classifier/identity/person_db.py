"""Who it is: PersonDB matches faces against the average encodings of people. Pure numpy, no files."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice

import numpy as np

from face_classifier.core.types import ENCODING_SIZE, Encoding, Label, Match, Sighting
from face_classifier.identity.certainty import Certainty
from face_classifier.identity.matching.averages import Averages
from face_classifier.identity.matching.columns import (
    LabelColumns,
    columns_of,
    digest_of,
    encoding_of,
    runs_of,
    sizes_of_runs,
)
from face_classifier.identity.matching.crowd import among
from face_classifier.identity.matching.exclusions import Exclusions
from face_classifier.identity.matching.nearest import Matrix
from face_classifier.identity.matching.unknowns import Unknowns
from face_classifier.identity.tracks import founds, worth_of

_PIECE = 1 << 13  # faces that are taken in at once: 8 MB of encodings


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
        self._people_of: dict[int, tuple[tuple[str, int], ...]] = {}  # track -> whose its faces are, and how many

    def person_of(self, track: int | None) -> str | None:
        """Whose all faces of a track are; None where they are of several, as an earlier run may have left them."""
        people = self._people_of.get(track, ()) if track is not None else ()
        return people[0][0] if len(people) == 1 else None

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

    def add(self, track: int, person: str, faces: int) -> None:
        """So many faces of a track are a person's; below 0: are so no more."""
        if track in self._people_of or faces < 0:
            people = dict(self._people_of.get(track, ()))
            self._set(track, people | {person: people.get(person, 0) + faces})
        else:
            self._people_of[track] = ((person, faces),)

    def tie(self, face: Sighting, person: str, faces: int) -> None:
        """As `add` of the track of a face, if that counts for it."""
        if face.track and not face.corrected:
            self.add(face.track, person, faces)

    def drop(self, person: str) -> None:
        """Forget a person's faces."""
        for track in [track for track, people in self._people_of.items() if any(name == person for name, _ in people)]:
            self._set(track, dict(self._people_of[track]) | {person: 0})

    def _set(self, track: int, people: Mapping[str, int]) -> None:
        left = tuple((name, faces) for name, faces in people.items() if faces > 0)
        if left:
            self._people_of[track] = left
        else:
            self._people_of.pop(track, None)


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

        ``links``: those of tracks that are different people, maybe of several in turn; None = of its own.
        """
        self._threshold, self._tightening = threshold, tightening
        self._founding, self._certainty = founding, certainty
        self._people = Averages(spread)
        self._unknown = Unknowns()
        self.links = links or CannotLinks()
        self._tracks = _Tracks(self.links)
        self._excluded = Exclusions(self._people, threshold)
        self._known = 0

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
        return self._unknown.faces

    def add(self, sighting: Sighting) -> None:
        """Take in a face as it is labelled; pinned to unknown it founds no person. ValueError: it has no encoding."""
        digest = digest_of(sighting)
        if sighting.person is None:
            self._unknown.add_one(sighting, digest)
        else:
            self._known += 1
            self._people.add_one(sighting.person, encoding_of(sighting), digest)
            self._tracks.tie(sighting, sighting.person, 1)

    def add_all(self, sightings: Iterable[Sighting | Label]) -> None:
        """Take in faces as `add` does one after the other, in less time. None of them is kept in memory."""
        coming = iter(sightings)
        while some := list(islice(coming, _PIECE)):
            self.add_columns(columns_of(some))

    def add_columns(self, faces: LabelColumns) -> None:
        """Take in faces as `add` does one after the other, in the least time."""
        for start in range(0, len(faces), _PIECE):
            self._add(faces[start : start + _PIECE])

    def _add(self, faces: LabelColumns) -> None:
        is_known = faces.person >= 0
        if not is_known.all():
            self._unknown.add(faces[~is_known])
            faces = faces[is_known]
        if len(faces):
            self._known += len(faces)
            self._people.add(faces.names, faces.person, faces.encodings, faces.digests())
            for track, person, count in _tied(faces):
                self._tracks.add(track, faces.names[person], count)

    def holds(self, person: str | None, faces: LabelColumns | Collection[Sighting | Label]) -> bool:
        """Whether these are the very faces that were taken in of a person, or unknown (None), and count as they did."""
        columns = faces if isinstance(faces, LabelColumns) else columns_of(list(faces))
        digest = self._people.digest(person) if person is not None else self._unknown.digest
        return (digest - int(columns.digests().sum())) % 2**64 == 0

    def drop(self, person: str | None) -> None:
        """Forget all faces of a person, or all unknown ones (None), so that they can be taken in as they are now."""
        if person is None:
            self._unknown = Unknowns()
        else:
            self._known -= self._people.drop(person)
            self._tracks.drop(person)

    def remove(self, face: Sighting, mates: Iterable[Sighting] = ()) -> None:
        """Take out a face that was taken in like this; an unknown one with its whole track, but for ``mates``."""
        if face.person is not None:
            self._people.remove(face.person, encoding_of(face), digest_of(face))
            self._known -= 1
            self._tracks.tie(face, face.person, -1)
        else:
            self._unknown.remove(face, digest_of(face))
            self.add_all(mates)

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

    def excluded_pairs(self, faces: LabelColumns) -> list[tuple[int, int]]:
        """Pairs of ids of those of the ``faces`` that are not one person, by the pictures that the user excluded.

        The first is of a track that lies elsewhere, whose mean counts, the second of the person that it is not.
        """
        return list(self._excluded.pairs(*_by_track(faces))) if len(faces) else []

    def limit(self, person: str, probe: Encoding) -> float:
        """How near (L2) to a person's average a face has to be: nearer than the threshold where that person's faces
        vary, or where both cast a doubt.
        """
        threshold = max(0.0, self.threshold_now - self.doubt(self._people.average(person), probe))
        return math.sqrt(max(0.0, threshold**2 - self._people.handicap(person)))

    def foresee(self, encodings: Sequence[Encoding], tracks: Sequence[int | None] = ()) -> None:
        """Have `decide` take less time for such faces, of these ``tracks`` if any; it decides as it would anyway."""
        asked = _asked(self._tracks, self._unknown, encodings, tracks, self._founding)
        _foresee(self._people, self._unknown, asked, self.threshold_now)

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
        probe = (self._unknown.total(own) + encoding) / (len(own.ids) + 1) if own else encoding
        mates = tuple(own.ids) if own else ()
        threshold = self.threshold_now
        person = self._nearest_person(probe, track)
        if person and person[1] + self.doubt(self._people.average(person[0]), probe) < threshold:
            return Match(person[0], float(np.linalg.norm(self._people.average(person[0]) - probe)), mates)
        unknown = self._unknown.nearest(probe, (*self.links.beside(track), *([own.key] if own else [])))
        if unknown and unknown[1] + self.doubt(self._unknown.mean(unknown[0]), probe) < threshold:
            return Match(distance=unknown[1], partners=(*mates, *unknown[0].ids))
        if own and founds(len(own.ids) + 1, own.worth + worth_of(quality), self._founding):
            return Match(distance=float(np.linalg.norm(self._unknown.mean(own) - encoding)), partners=mates)
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


def _asked(
    known: _Tracks, unknown: Unknowns, encodings: Sequence[Encoding], tracks: Sequence[int | None], founding: int
) -> tuple[list[list[Encoding]], list[list[Encoding]]]:
    """What is searched for when faces come one after the other: the means of their tracks, while those are nobody's.

    ``tracks``: none = each face is alone. Returns what is searched for by the first face of each track, and of each of
    those what is by the next ones.
    """
    firsts, nexts = list[list[Encoding]](), list[list[Encoding]]()
    so_far: dict[int, tuple[Encoding | float, int, int]] = {}  # sum and number of the faces of a track, and its place
    for encoding, track in zip(encodings, tracks or [None] * len(encodings), strict=True):
        if track is None:
            firsts.append([encoding])
            nexts.append([])
        elif known.person_of(track) is None:
            if is_first := track not in so_far:
                own = unknown.of_track(track)
                so_far[track] = (*((unknown.total(own), len(own.ids)) if own else (0.0, 0)), len(firsts))
                firsts.append([])
                nexts.append([])
            total, faces, place = so_far[track]
            so_far[track] = total + encoding, faces + 1, place
            if is_first or faces < founding:
                (firsts if is_first else nexts)[place].append((total + encoding) / (faces + 1))
    return firsts, nexts


def _foresee(
    people: Averages, unknown: Unknowns, asked: tuple[list[list[Encoding]], list[list[Encoding]]], threshold: float
) -> None:
    """Seek what is `_asked` for, but of tracks whose first face finds somebody no more than that: they have a person.

    ``threshold``: L2, within which somebody is found.
    """
    left = list(range(len(asked[0])))
    for number, probes_of in enumerate(asked):
        probes = np.array([probe for place in left for probe in probes_of[place]]).reshape(-1, ENCODING_SIZE)
        far = np.flatnonzero(people.foresee(probes, more=number > 0) >= threshold)
        left = far[unknown.foresee(probes[far], more=number > 0) >= threshold].tolist()


def _tied(faces: LabelColumns) -> Iterable[tuple[int, int, int]]:
    """The tracks of faces that count for them, the place of a person of each among the names, and how many faces.

    One that was not followed from face to face comes several times.
    """
    is_tied = (faces.track != 0) & ~faces.corrected
    track, person = faces.track[is_tied], faces.person[is_tied]
    if not len(track):
        return ()
    starts = np.union1d(runs_of(track), runs_of(person))
    sizes = sizes_of_runs(starts, len(track))
    return zip(track[starts].tolist(), person[starts].tolist(), sizes.tolist(), strict=True)


def _by_track(faces: LabelColumns) -> tuple[list[tuple[int, set[str | None]]], Matrix]:
    """Of each track the id of its first face and whose its faces are; and the means of encodings, (tracks, 128)."""
    keys = faces.keys()
    order = np.argsort(keys, kind="stable")
    starts = runs_of(keys[order])
    sizes = sizes_of_runs(starts, len(keys))
    names: list[str | None] = [*faces.names, None]
    person, first = faces.person[order].tolist(), faces.ids[order[starts]].tolist()
    tracks, means = [], np.empty((len(starts), ENCODING_SIZE))
    for number, (start, size) in enumerate(zip(starts.tolist(), sizes.tolist(), strict=True)):
        tracks.append((first[number], {names[one] for one in person[start : start + size]}))
        means[number] = np.asarray(faces.encodings[order[start : start + size]], np.float64).mean(axis=0)
    return tracks, means
