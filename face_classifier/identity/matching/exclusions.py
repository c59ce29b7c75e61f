"""Faces of which the user said that they are not somebody. Pure numpy, no files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from face_classifier.core.types import Encoding
from face_classifier.identity.matching.averages import Averages
from face_classifier.identity.matching.nearest import EncodingRows, Matrix


class Exclusions:
    """Excluded faces by the person that they are not."""

    def __init__(self, people: Averages, threshold: float) -> None:
        """``threshold``: L2 below which a face may be the same as an excluded one."""
        self._people, self._threshold = people, threshold
        self._faces: dict[str, EncodingRows] = {}

    def add(self, person: str, encoding: Encoding) -> None:
        self._faces.setdefault(person, EncodingRows()).append(encoding)

    def clear(self) -> None:
        self._faces.clear()

    def hold(self, person: str, encoding: Encoding) -> bool:
        """Whether a face is nearer to an excluded one than to the person, and nearer than the threshold.

        Both distances are L2; the person's has its handicap, as whenever people are compared.
        """
        if person not in self._faces or person not in self._people:
            return False
        nearest = self._faces[person].nearest(encoding)
        to_person = self._people.distance(person, encoding)
        return nearest is not None and nearest[1] < self._threshold and nearest[1] <= to_person

    def pairs(self, tracks: Sequence[tuple[int, Collection[str | None]]], means: Matrix) -> Iterator[tuple[int, int]]:
        """Pairs of ids: of a track that is like an excluded face, and of one of the person that it is not.

        What lies with a person already stays: the user saw that face beside the excluded one.

        Parameters
        ----------
        tracks: the id of a face of each, and the persons of its faces.
        means: (tracks, 128), of their encodings.
        """
        for person, excluded in self._faces.items():
            of_person = [face_id for face_id, persons in tracks if person in persons]
            for number in excluded.near_any(means, self._threshold):
                face_id, persons = tracks[number]
                if person not in persons and self.hold(person, means[number]):
                    yield from ((face_id, other) for other in of_person)
