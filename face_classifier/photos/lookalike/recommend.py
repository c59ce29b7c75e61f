"""Your type: faces to choose from round after round, and the people who are nearest to the chosen ones on average."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from face_classifier.core.disk.files import content_hash
from face_classifier.core.errors import UserError
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Encoding, Image
from face_classifier.display import contact_sheet
from face_classifier.display.overlay import UNKNOWN
from face_classifier.display.text import SHADE
from face_classifier.photos.find import find_pictures
from face_classifier.photos.finder import TILE, FaceFinder
from face_classifier.photos.lookalike.people import Gallery, Person, Portrait

HEADER = ("rank", "name", "distance", "photo")
_COLUMNS = 7  # faces in a row of the picture
# Of the usual distance between people. On LFW 95 % of three picks by chance are further apart with SFace, and more than
# half with dlib; 95 % of three who are alike are less far apart with both.
_IN_COMMON = 0.95
_FEWEST, _SAMPLE = 10, 1000  # people, to tell what is usual


@dataclass(frozen=True, eq=False)
class Pick:
    """A face that was picked."""

    person: Person | None  # whose it is; None = a picture that is none of the gallery's
    portrait: Portrait  # to show
    encoding: Encoding  # (128,) float64, what counts: the portrait's, or the average of the person

    @property
    def name(self) -> str:
        return self.person.name if self.person else Path(self.portrait.photo).name


@dataclass(frozen=True, eq=False)
class Recommended:
    """A person near to what was picked."""

    person: Person
    portrait: Portrait  # the person's nearest
    distance: float  # L2 from the average of the picks to the centre of the person


@dataclass(frozen=True, eq=False)
class Recommendation:
    """What was picked, and who is recommended for it."""

    picks: tuple[Pick, ...]  # in the order in which they were picked
    results: tuple[Recommended, ...]  # the nearest first, by name where they are as near; none of the picked people

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "picks": [{"name": pick.name, "photo": pick.portrait.photo} for pick in self.picks],
            "results": [
                {"name": one.person.name, "photo": one.portrait.photo, "distance": one.distance} for one in self.results
            ],
        }

    def rows(self) -> Iterator[Sequence[str]]:
        """A line for each person who is recommended, as ``HEADER`` has it."""
        for rank, one in enumerate(self.results, 1):
            yield str(rank), one.person.name, f"{one.distance:.4f}", one.portrait.photo


def centre(person: Person) -> Encoding:
    """(128,) float64: the average of a person's encodings, made as long as these are.

    An average of several is shorter than each, and so nearer to every average of picks. Without this, with SFace on
    LFW, only people with several photos are ever recommended, who are half of them. With dlib, whose encodings have
    most of their length in common, it changes little.
    """
    average = person.average
    length = float(np.mean([np.linalg.norm(portrait.encoding) for portrait in person.portraits]))
    return average * (length / max(float(np.linalg.norm(average)), 1e-9))


def centres(gallery: Gallery) -> npt.NDArray[np.float64]:
    """(people, 128): the centre of each person."""
    return np.array([centre(person) for person in gallery.people], np.float64)


def recommend(gallery: Gallery, picks: Sequence[Pick], k: int) -> Recommendation:
    """The ``k`` people nearest to the average of the picked encodings, without those who were picked.

    Raises UserError if nothing was picked, or everybody.
    """
    if not picks:
        raise UserError("nothing was picked, so nobody can be recommended; pick at least one face")
    average = np.mean([pick.encoding for pick in picks], axis=0)
    picked = {pick.person.name for pick in picks if pick.person}
    if picked >= {person.name for person in gallery.people}:
        raise UserError(f"all people of the gallery ({len(picked)}) were picked, so nobody is left; pick fewer")
    distances = np.linalg.norm(centres(gallery) - average, axis=1)
    order = [number for number in np.argsort(distances, kind="stable") if gallery.people[number].name not in picked]
    results = (
        Recommended(gallery.people[number], gallery.people[number].nearest(average), float(distances[number]))
        for number in order[:k]
    )
    return Recommendation(tuple(picks), tuple(results))


def caution(gallery: Gallery, recommendation: Recommendation) -> str | None:
    """A sentence where the picks are about as far from each other as people of the gallery are.

    The distances of those who are recommended do not tell it: with SFace on LFW, the nearest is at 0.86 of the median
    distance for three people by chance, and at 0.85 for three who are alike. Those of the picks do: 1.36 and 1.21.
    """
    picks = np.array([pick.encoding for pick in recommendation.picks])
    people = centres(gallery)
    people = people[:: -(-len(people) // _SAMPLE)]
    if len(picks) < 2 or len(people) < _FEWEST:
        return None
    between, usual = float(np.mean(_apart(picks))), float(np.median(_apart(people)))
    if between < _IN_COMMON * usual:
        return None
    others = float(np.median(np.linalg.norm(people - picks.mean(axis=0), axis=1)))
    return (
        f"the picks have little in common: they are {between:.2f} apart on average, and people of this gallery "
        f"{usual:.2f}; so the nearest, at {recommendation.results[0].distance:.2f}, mean little (half of all people "
        f"are within {others:.2f})"
    )


def _apart(encodings: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n (n - 1) / 2,): L2 between each two."""
    return np.concatenate([np.linalg.norm(encodings[:n] - encodings[n], axis=1) for n in range(1, len(encodings))])


# Faces to choose from


class Rounds:
    """Rounds in which one of several faces is picked, each person's most typical one.

    A round shows one person of each of as many clusters as it has faces, so that they differ. The first third of the
    rounds spreads over the whole gallery, the others over the quarter that is nearest to the picks so far. For 300
    simulated tastes on the 612 people of LFW, who is recommended has the mean rank 26 with dlib, 116 with SFace; with
    random choices 39 and 123. Smaller neighbourhoods find no nearer people.
    Nobody is shown again while there are others, and nobody who was picked.
    """

    def __init__(self, gallery: Gallery, rounds: int, choices: int, seed: int) -> None:
        """``rounds``: at most, fewer where people run out; ``choices``: faces in each, at least 2.

        The same ``seed`` and picks give the same faces. Raises UserError for fewer than 2 choices or people.
        """
        if choices < 2:
            raise UserError("--choices is 1, but must be at least 2, or there is nothing to choose between")
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


# Picks in words


def find_picks(
    given: Iterable[str], gallery: Gallery, folder: str | None, finder: Callable[[], FaceFinder]
) -> list[Pick]:
    """What the arguments of ``--picks`` stand for, each one pick, or several with commas between.

    A pick is a photo of the gallery by its path, its path in the ``folder``, its file's name or as a copy, a person by
    name, or another picture, of which the largest face counts. ``finder``: finds that. Raises UserError where one is
    none of these, or several.
    """
    finder = cache(finder)
    owned = [(person, portrait) for person in gallery.people for portrait in person.portraits]
    by_path = {os.path.realpath(portrait.photo): (person, portrait) for person, portrait in owned}
    by_content = {portrait.content: (person, portrait) for person, portrait in owned if portrait.content}

    def find(word: str) -> Pick | None:
        for path in (word, os.path.join(folder or "", word)):
            if found := by_path.get(os.path.realpath(path)):
                return Pick(*found, found[1].encoding)
        named = [one for one in owned if _plain(Path(one[1].photo).name) == _plain(word)]
        if len(named) > 1:
            paths = " or ".join(portrait.photo for _, portrait in named[:2])
            raise UserError(f"{len(named)} photos of the gallery are called {word}; give the path, such as {paths}")
        if named:
            return Pick(*named[0], named[0][1].encoding)
        for person in gallery.people:
            if _plain(person.name) == _plain(word):
                return Pick(person, person.nearest(person.average), centre(person))
        if not os.path.isfile(word):
            return None
        if copied := by_content.get(content_hash(Path(word))):
            return Pick(*copied, copied[1].encoding)
        return _other_picture(Path(word), finder)

    def nearest(word: str) -> list[str]:
        return _nearest_names(word, (person.name for person in gallery.people))

    return [pick for argument in given for pick in _resolved(argument, find, nearest)]


def _resolved(argument: str, find: Callable[[str], Pick | None], nearest: Callable[[str], list[str]]) -> Iterator[Pick]:
    if whole := find(argument):
        yield whole
        return
    for word in filter(None, map(str.strip, argument.split(","))):
        pick = find(word)
        if pick is None:
            near = nearest(word)
            such = f", such as {' or '.join(near)}," if near else ""
            raise UserError(
                f"no photo and no person of the gallery is called {word}, and there is no such file; give --picks the "
                f"name of a person{such} or the path of a photo"
            )
        yield pick


def _nearest_names(word: str, names: Iterable[str]) -> list[str]:
    """The names that somebody may have meant."""
    by_key: dict[str, list[str]] = {}
    for name in names:
        by_key.setdefault(_key(name), []).append(name)
    return [name for key in get_close_matches(_key(word), by_key, 2) for name in by_key[key]][:2]


def _key(name: str) -> str:
    return _plain(name).casefold().replace("_", " ")


def _plain(name: str) -> str:
    """Macs write letters and their accents apart."""
    return unicodedata.normalize("NFC", name)


def _other_picture(path: Path, finder: Callable[[], FaceFinder]) -> Pick:
    with supervised(path):
        _, faces, _ = finder().find(*find_pictures(str(path)))
    if not faces:
        raise UserError(f"no face was found in {path}; pick a photo with a larger or clearer face")
    face = max(faces, key=lambda face: face.box.area)
    return Pick(None, Portrait(str(path), face.encoding, face.tile), face.encoding)


# Picture


def shown(portrait: Portrait, tell: Callable[[str], None]) -> Image:
    """A portrait as (160, 160, 3) uint8 BGR; where its photo is gone that is told, and it is dark."""
    try:
        with supervised(portrait.photo):
            return portrait.image()
    except UserError as error:
        tell(str(error))
        return np.full((TILE, TILE, 3), SHADE, np.uint8)


def picture(recommendation: Recommendation, tell: Callable[[str], None]) -> Image:
    """The picked faces, and those recommended with names and distances below: (height, width, 3) uint8 BGR.

    ``tell``: is told which photos are gone.
    """
    picked = [
        contact_sheet.captioned(shown(pick.portrait, tell), pick.name, color=UNKNOWN) for pick in recommendation.picks
    ]
    nearest = [
        contact_sheet.captioned(shown(one.portrait, tell), f"{rank}  {one.person.name}", f"{one.distance:.4f}")
        for rank, one in enumerate(recommendation.results, 1)
    ]
    columns = max(_COLUMNS, len(picked))
    strips = [contact_sheet.grid(picked, columns), contact_sheet.grid(nearest, columns)]
    width = max(strip.shape[1] for strip in strips)
    return contact_sheet.stacked(
        [contact_sheet.heading("picked", width), strips[0], contact_sheet.heading("recommended", width), strips[1]]
    )
