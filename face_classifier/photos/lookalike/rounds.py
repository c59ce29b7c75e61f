"""Faces to choose from, round after round."""

from __future__ import annotations

import cv2
import numpy as np

from face_classifier.core.errors import UserError, WrongUseError
from face_classifier.photos.lookalike.people import PhotoGallery
from face_classifier.photos.lookalike.recommend import Pick, centres


class Rounds:
    """Rounds in which one of several faces is picked, each person's most typical one.

    A round shows one person of each of as many clusters as it has faces, so that they differ. The first third of the
    rounds spreads over the whole gallery, the others over the quarter that is nearest to the picks so far. For 300
    simulated tastes on the 612 people of LFW, who is recommended has the mean rank 26 with dlib, 116 with SFace; with
    random choices 39 and 123. Smaller neighbourhoods find no nearer people.
    Nobody is shown again while there are others, and nobody who was picked.
    """

    def __init__(self, gallery: PhotoGallery, rounds: int, choices: int, seed: int) -> None:
        """``rounds``: at most, fewer where people run out; ``choices``: faces in each, at least 2.

        The same ``seed`` and picks give the same faces. Raises UserError for fewer than 2 choices or people.
        """
        if choices < 2:
            raise WrongUseError("--choices is 1, but must be at least 2, or there is nothing to choose between")
        self._people, self._centres = gallery.people, centres(gallery)
        if len(self._people) < 2:
            raise UserError(
                f"the gallery has nobody but {self._people[0].name}, and a recommendation needs at least 2 people; "
                "add photos of others"
            )
        self.total = min(rounds, len(self._people) - 1)
        self._choices, self._seed = choices, seed
        self._offered: list[list[int]] = []
        self._answers: list[int | None] = []

    @property
    def answered(self) -> int:
        """How many rounds are answered."""
        return len(self._answers)

    @property
    def picks(self) -> list[Pick]:
        """What was picked so far."""
        return [self.face(number) for number in self._answers if number is not None]

    def face(self, number: int) -> Pick:
        """The person of a number as there is to pick."""
        person = self._people[number]
        portrait = person.nearest(person.average)
        return Pick(person, portrait, portrait.encoding)

    def answer(self, turn: int) -> int | None:
        """Whom a round (from 0) was answered with; None = nobody, or not yet."""
        return self._answers[turn] if turn < self.answered else None

    def offer(self, turn: int) -> list[int]:
        """The numbers of the people to choose from in a round (from 0).

        Raises ValueError if it is none, or those before it are not answered.
        """
        if not 0 <= turn <= min(self.answered, self.total - 1):
            raise ValueError(f"round {turn} of {self.total} cannot be offered after {self.answered} answers")
        if turn == len(self._offered):
            self._offered.append(self._chosen(turn))
        return self._offered[turn]

    def pick(self, turn: int, number: int | None) -> None:
        """Answer a round, also once more; None = nobody. Another answer than before takes back the rounds after it.

        Raises ValueError as `offer` does, and for somebody whom it does not offer.
        """
        if number not in (None, *self.offer(turn)):
            raise ValueError(f"person {number} is not offered in round {turn}")
        if turn < self.answered and self._answers[turn] == number:
            return
        del self._answers[turn:], self._offered[turn + 1 :]
        self._answers.append(number)

    def _chosen(self, turn: int) -> list[int]:
        random = np.random.default_rng([self._seed, turn])
        shown = {number for numbers in self._offered for number in numbers}
        left = [number for number in range(len(self._people)) if number not in self._answers]
        fresh = [number for number in left if number not in shown]
        picks = self.picks
        if turn >= -(-self.total // 3) and picks:
            average = np.mean([pick.encoding for pick in picks], axis=0)
            fresh.sort(key=lambda number: float(np.linalg.norm(self._centres[number] - average)))
            fresh = fresh[: max(2 * self._choices, len(fresh) // 4)]
        chosen = self._spread(fresh, self._choices, random)
        again = self._spread([number for number in left if number in shown], self._choices - len(chosen), random)
        return [int(number) for number in random.permutation(chosen + again)]

    def _spread(self, among: list[int], count: int, random: np.random.Generator) -> list[int]:
        """One of each of ``count`` clusters, or all if there are no more."""
        if len(among) <= count:
            return among
        if count < 1:
            return []
        cv2.setRNGSeed(int(random.integers(1 << 31)))
        points = self._centres[among].astype(np.float32)
        enough = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 1e-4)
        labels = cv2.kmeans(points, count, None, enough, 2, cv2.KMEANS_PP_CENTERS)[1].ravel()
        clusters = (np.flatnonzero(labels == cluster) for cluster in range(count))
        chosen = [among[int(random.choice(members))] for members in clusters if len(members)]
        # Where faces are the same picture, there are fewer clusters.
        return (chosen + [number for number in among if number not in chosen])[:count]
