"""Who is in a result folder, as its table had it at one moment. It never changes, so threads share it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from operator import attrgetter
from typing import Protocol, TypeVar

import numpy as np

from face_classifier.core.types import ENCODING_SIZE
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS, is_excluded
from face_classifier.gallery.reading.cards import FaceCard, PersonCard
from face_classifier.gallery.reading.folder_faces import FolderFaces, Ints, Order, no_faces
from face_classifier.gallery.reading.former_names import successor_of
from face_classifier.gallery.reading.loading import Known
from face_classifier.gallery.reading.lookup import Lookup
from face_classifier.gallery.reading.together import Together, read_spans, together
from face_classifier.gallery.table.file import Table
from face_classifier.gallery.table.notes import Notes
from face_classifier.identity.matching.nearest import Matrix
from face_classifier.identity.naming import natural

_T = TypeVar("_T")


class Ask(Protocol):
    """As `Reader.ask`."""

    def __call__(self, question: Callable[[Table], _T], /) -> _T | None: ...


class Catalogue:
    """The people and faces of a result folder at one revision.

    ``revision``: the number of the latest entry of the journal; 0: there is none. ``problem``: a sentence where the
    folder cannot be read just now, so that this is what it was, or empty; None: it is as it is. ``not_person``: pairs
    of faces (ids), of which the first is not the person of the second by the user's word.
    """

    def __init__(self, known: Known, ask: Ask, problem: str | None = None) -> None:
        """Take what was read.

        Parameters
        ----------
        known: of the table.
        ask: as `Reader.ask`, what is asked too rarely to be read each time.
        """
        self.revision, self.problem = known.revision, problem
        self._known, self._folders, self._words, self._ask = known, known.folders, known.words, ask
        self.not_person = known.words.not_person

    def with_problem(self, problem: str) -> Catalogue:
        """The same, with a sentence why the folder cannot be read just now."""
        return Catalogue(self._known, self._ask, problem)

    @property
    def spaces(self) -> Collection[str]:
        """The encoders (``Provenance.space``) that made the encodings of the faces."""
        return {name for name in self._known.spaces if name}

    def cannot_links(self) -> Sequence[tuple[int, int]]:
        """Pairs of tracks that shared a frame, as the table has them now."""
        return self._ask(lambda table: Notes(table).pairs()) or []

    @property
    def reviewed(self) -> Collection[int]:
        """The tracks (numbers) that the user has looked through."""
        return self._words.reviewed

    @cached_property
    def people(self) -> Sequence[PersonCard]:
        """Everybody with a face, in natural order of the names."""
        return tuple(self._card(self._folders[name]) for name in self.names)

    @cached_property
    def names(self) -> Sequence[str]:
        """Of everybody with a face, in natural order."""
        people = (faces for name, faces in self._folders.items() if _is_person(name))
        return [faces.folder for faces in sorted(people, key=attrgetter("place_of_name"))]

    def person(self, name: str) -> PersonCard | None:
        faces = self._folders.get(name) if _is_person(name) else None
        return self._card(faces) if faces else None

    def _card(self, faces: FolderFaces) -> PersonCard:
        card, name = faces.portrait, faces.folder
        if name in self._covers or name in self._hidden:
            return replace(card, best=self._covers.get(name, card.best), hidden=name in self._hidden)
        return card

    @cached_property
    def _covers(self) -> dict[str, int]:
        return {folder: face for face in sorted(self._words.covers) if (folder := self._by_id.folder_of(face))}

    @cached_property
    def _hidden(self) -> set[str]:
        """A person has that flag on each face."""
        return self._by_id.folders_of(self._words.hidden) if self._words.hidden else set()

    def successor(self, name: str) -> str | None:
        """The person who has a former name now: renamed or merged since, however often; None if nobody is known to.

        Raises UserError where the table cannot be read.
        """
        return self._ask(partial(successor_of, name=name, until=self.revision, people=self._folders.keys()))

    @property
    def unknown(self) -> int:
        """How many faces are of nobody yet, without the ignored ones."""
        return len(self._of_nobody.unpinned)

    @property
    def ignored(self) -> int:
        """How many faces lie in `unknowns` by the user's word."""
        return len(self._of_nobody) - self.unknown

    @cached_property
    def _of_nobody(self) -> FolderFaces:
        return self._folders.get(UNKNOWNS) or no_faces(UNKNOWNS)

    def faces(self, person: str | None) -> FolderFaces:
        """All faces of a person, or of nobody (None; the ignored ones, too), in columns."""
        if person is None:
            return self._of_nobody
        return (self._folders.get(person) if _is_person(person) else None) or no_faces(person)

    def face(self, face: int) -> FaceCard | None:
        """A face by its id; None if it is none, or none any more."""
        found = self._by_id.find(face)
        return found and found[0].card(found[1])

    def faces_of(
        self, person: str | None, order: Order = "newest", start: int = 0, count: int | None = None
    ) -> Sequence[FaceCard]:
        """Some faces of a person.

        Parameters
        ----------
        person : its name; None: nobody's faces, without the ignored ones.
        order : odd: the farthest from the person's average first.
        start : the first one's place in that order, from 0.
        count : how many at most; None: all that follow.
        """
        return _cards(self.faces(person), self._places(person, order), start, count)

    def ids_of(self, person: str | None, order: Order = "newest") -> list[int]:
        """The ids of all of them, in the same order: much quicker than the faces."""
        ids: list[int] = self.faces(person).ids[self._places(person, order)].tolist()
        return ids

    def _places(self, person: str | None, order: Order) -> Ints:
        faces = self.faces(person)
        places = faces.ordered(order)
        return places if person is not None else places[~faces.pinned[places]]

    def ignored_faces(self, order: Order = "newest", start: int = 0, count: int | None = None) -> Sequence[FaceCard]:
        """Some of the faces that lie in `unknowns` by the user's word; parameters as `faces_of` has them."""
        faces = self._of_nobody
        places = faces.ordered(order)
        return _cards(faces, places[faces.pinned[places]], start, count)

    def excluded(self) -> Sequence[FaceCard]:
        """All excluded pictures, by the person among whose they lie, then the latest first."""
        folders = [self._folders[name] for name in sorted(self._folders, key=natural) if is_excluded(name)]
        return [card for faces in folders for card in _cards(faces, faces.ordered("newest"), 0, None)]

    def not_them(self, person: str) -> Sequence[FaceCard]:
        """Excluded pictures, then the faces of which the user said that they are not this person; by id."""
        excluded = self._folders.get(f"{EXCLUDED}/{person}") or no_faces(person)
        said = sorted(face for face, names in self._noes.items() if person in names)
        cards = [card for face in said if (card := self.face(face)) and card.person != person]
        return [*_cards(excluded, np.arange(len(excluded)), 0, None), *cards]

    @cached_property
    def _noes(self) -> Mapping[int, Collection[str]]:
        """By face (id) the people of whom the user said that it is not theirs."""
        noes: dict[int, set[str]] = defaultdict(set)
        for one, other in self._words.not_person:
            folder = self._by_id.folder_of(other)
            if folder is not None and _is_person(folder):
                noes[one].add(folder)
        return noes

    def nearest(self, faces: Collection[int], count: int) -> list[tuple[str, float]]:
        """The people to whose averages the mean of some faces (ids) is nearest, with the L2; the nearest first.

        Left out are who all of them are already, who the user said that one of them is not, and hidden people.
        """
        found = [place for face in faces if (place := self._by_id.find(face))]
        if not found or not self.names:
            return []
        mean = np.mean([of.encodings[place] for of, place in found], axis=0, dtype=np.float64)
        out = {name for face in faces for name in self._noes.get(face, ())} | self._hidden
        owners = {of.folder for of, _ in found}
        if len(owners) == 1:
            out |= owners
        distances = np.linalg.norm(self._averages - mean, axis=1)
        order = (int(place) for place in np.argsort(distances, kind="stable"))
        near = ((self.names[place], float(distances[place])) for place in order if self.names[place] not in out)
        return [pair for pair, _ in zip(near, range(count), strict=False)]

    @cached_property
    def _averages(self) -> Matrix:
        """(people, 128), parallel to ``names``."""
        return np.array([self._folders[name].average for name in self.names]).reshape(-1, ENCODING_SIZE)

    def similar_unknown(self, person: str, count: int) -> Sequence[tuple[FaceCard, float]]:
        """The unknown faces nearest to a person's average, with the L2: neither ignored nor said to be not them."""
        faces, nobody = self.faces(person), self._of_nobody
        if not len(faces):
            return []
        distances = nobody.distances_to(faces.average)
        distances[nobody.pinned] = np.inf
        said = np.array([face for face, names in self._noes.items() if person in names], np.int64)
        distances[np.isin(nobody.ids, said)] = np.inf
        order = np.argsort(distances, kind="stable")[:count]
        return [(nobody.card(int(place)), float(distances[place])) for place in order if np.isfinite(distances[place])]

    @cached_property
    def together(self) -> Sequence[Together]:
        """People who were seen together, those with the most occasions first.

        Raises UserError where the table cannot be read.
        """
        return together([self._folders[name] for name in self.names], self._ask(read_spans) or {})

    @cached_property
    def _by_id(self) -> Lookup:
        return Lookup(self._folders.values())


def kept_apart(catalogue: Catalogue) -> list[tuple[str, str]]:
    """The people of whom the user said that they are two, in natural order of the names."""
    cards = {face: catalogue.face(face) for pair in catalogue.not_person for face in pair}
    whose = {face: card.person for face, card in cards.items() if card}
    said = {(whose.get(one), whose.get(other)) for one, other in catalogue.not_person}
    names = catalogue.names
    people = {name: place for place, name in enumerate(names)}
    apart = [(people.get(one or ""), people.get(other or "")) for one, other in said if (other, one) in said]
    order = sorted((one, other) for one, other in apart if one is not None and other is not None and one < other)
    return [(names[one], names[other]) for one, other in order]


def _is_person(folder: str) -> bool:
    return folder != UNKNOWNS and not is_excluded(folder)


def _cards(faces: FolderFaces, places: Ints, start: int, count: int | None) -> list[FaceCard]:
    chosen = places[start : None if count is None else start + count]
    return [faces.card(int(place)) for place in chosen]
