"""A living gallery: a result folder, and its people as they are now, which every change brings up to date."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, TypeVar

from face_classifier.core.config.settings import Settings
from face_classifier.core.progress import Teller
from face_classifier.core.types import Box, Face, Frame, Match, Sighting
from face_classifier.gallery.folder.compare import collector_at_rest
from face_classifier.gallery.folder.faces import Faces, FacesNow
from face_classifier.gallery.opening import (
    as_opened,
    check_place,
    check_result_folder,
    open_to_look,
    tell_problems,
    with_threshold,
)
from face_classifier.gallery.places import UNKNOWNS, is_excluded
from face_classifier.gallery.snapshot import Snapshot, snapshot_of
from face_classifier.gallery.store import FoldersChangedError, Kept, LookResult, ReadPhoto, Store, at_once
from face_classifier.identity.person_db import CannotLinks, PersonDB
from face_classifier.identity.rules import empty_people
from face_classifier.vision.engine import Engine

_T = TypeVar("_T")
_MANY = 1000  # changed folders of which each takes longer than its share of all
LIVE_PICTURES = 8  # of a track of a live source; more gain nothing in clips of one person: see `curate.best_views`


def nobody_is_told(_sightings: Sequence[Sighting]) -> None:
    """For whoever does not ask which faces changed."""


class Gallery:
    """A result folder that only one thread uses, and who its faces are.

    Attributes
    ----------
    settings: with the encoder of the folder and a number instead of the threshold "auto".
    store: the folder.
    people: everybody in it, as they are now.
    faces: every face that is kept, by id, as it is now.
    looked: what the latest look found.
    stale: whether the folders are to be looked at before anything is placed.
    founded: people that the program made, until somebody takes them out of it.
    """

    def __init__(self, settings: Settings, store: Store, read_photo: ReadPhoto, observer: Teller) -> None:
        """``read_photo``: reads pictures that have no encoding; ``observer``: is told what goes wrong."""
        self.settings, self.store = settings, store
        self._read_photo, self._observer = read_photo, observer
        self.founded: set[str | None] = set()
        self._links = CannotLinks()  # of tracks that may go on
        self._unsaved: set[tuple[int, int]] = set()  # pairs of them that the store does not know yet
        self._next_track = self._noted_track = store.first_track()
        self.stale = True  # what the user did to the folders is still to be taken in
        self._undrawn: frozenset[str] | None = None  # folders whose montages are to be brought up to date; None: all
        self._is_pickled = False  # as far as montages are up to date, the pickle is, too
        known = None if settings.threshold == "auto" else _people_of(store.by_table(), settings, self._links)
        looked = store.look(read_photo)  # for which the folders were listed meanwhile
        if settings.threshold == "auto":
            self.settings = with_threshold(settings, looked.faces, store.cannot_links(), observer)
        self.people = _people_at(looked, self.settings, self._links, known)
        self._take(looked)

    @classmethod
    @contextmanager
    def open(
        cls,
        settings: Settings,
        observer: Teller,
        *,
        engine: Callable[[str], Engine] | None = None,
        analyses: bool = True,
        make: bool = False,
        until_done: Callable[[Callable[[], Any]], Any] = at_once,
    ) -> Iterator[Gallery]:
        """Opens a result folder to write to it, and closes it at the end.

        Parameters
        ----------
        settings: of them the folder, the encoder that it must belong to, if any is named, and how to decide.
        observer: is told what goes wrong.
        engine: makes the one of a run, with the encoder of that name; None = one is made as soon as a picture needs
            it, and no encoder is asked for.
        analyses: whether that of a run is made to begin with; else as soon as a picture needs it, too.
        make: whether the folder is made if there is none.
        until_done: does what it is given, again and again for as long as that raises DiskError.

        Raises
        ------
        UserError: the folder cannot be used, or is being written by another process.
        """
        folder = Path(settings.result)
        if make:
            check_place(settings)
        else:
            check_result_folder(folder)
        with open_to_look(settings, until_done) as store:
            settings, read_photo = as_opened(settings, store, observer, engine, analyses=analyses)
            gallery = cls(settings, store, read_photo, observer)
            gallery.tell_problems()
            yield gallery

    def look(self, *, confirmed: bool = False, touched: Collection[str] | None = None) -> LookResult:
        """Take the folders as they are now.

        ``confirmed``: the user deleted the faces that are missing; ``touched``: as of `Store.look`.
        """
        self.stale = True  # as long as this fails
        looked = self.store.look(self._read_photo, confirmed=confirmed, touched=touched)
        self.people = _people_at(looked, self.settings, self._links, None if looked.changed is None else self.people)
        self._take(looked)
        return looked

    def _take(self, looked: LookResult) -> None:
        """Take the rest of what a look found, once people are as they are by then."""
        self.looked, self.faces = looked, looked.faces.as_they_are()
        _take_words(looked, self.faces, self.people)
        self._undrawn = _both(self._undrawn, looked.changed)
        self.stale = False

    def snapshot(self) -> Snapshot:
        """The folders as they are now, with all that goes with their faces."""
        return snapshot_of(self.settings, self.look(), self.store.cannot_links())

    def tell_problems(self, observer: Teller | None = None) -> None:
        """Tell what the store left alone or set aside: the observer of a command, or that of the gallery."""
        tell_problems(self.store, observer or self._observer)

    # Placing

    def new_track(self) -> int:
        """The number of another track: no track of any source has it."""
        self._next_track += 1
        return self._next_track - 1

    def cannot_link(self, pairs: Collection[tuple[int, int]]) -> None:
        """Tracks that shared a frame, the lower number first, are two people. `save_cannot_links` makes it durable."""
        self._unsaved.update(pairs)
        for one, other in pairs:
            self._links.add(one, other)

    def end_tracks(self, tracks: Iterable[int]) -> None:
        """These tracks go on no more."""
        self._links.end(tracks)

    def prune_cannot_links(self) -> Iterator[None]:
        """Forget what `cannot_link` was told of tracks whose faces are gone, some at a step."""
        return self.store.prune_cannot_links(self._links)

    def save_cannot_links(self) -> None:
        """Write what `cannot_link` was told. Raises DiskError; then it is to be called again."""
        if self._unsaved:
            self.store.add_cannot_links(sorted(self._unsaved))
            self._unsaved.clear()

    @property
    def has_unsaved(self) -> bool:
        """Whether there is something for `save_cannot_links` to write."""
        return bool(self._unsaved)

    def same(self, frame: Frame, boxes: Sequence[Box], but: Collection[int]) -> dict[int, Sighting | None]:
        """As `Store.same`, with the folders as they are now."""
        if frame.fingerprint is None or not boxes:
            return {}  # a live source never shows anything again
        return _on_folders_as_they_are(self, partial(self.store.same, frame, boxes, but))

    def decide(self, face: Face, track: int | None) -> tuple[Match, int | None]:
        """Whose a face is, and the track that it goes on."""
        if track is not None and self.people.leaves(track, face.encoding):
            track = None
        return self.people.decide(face.encoding, track, face.quality), track

    def keep(
        self, frame: Frame, face: Face, order: int, track: int | None, picture: bytes, *, known_only: bool = False
    ) -> Kept:
        """Put a face where it belongs, durably; people and faces are as they are then.

        Parameters
        ----------
        frame: where it was seen; its image is not used.
        face: with its box in pixels of that image.
        order: its number in the frame, from 0, from left to right.
        track: the one that it belongs to, a number of `new_track` or of an earlier run.
        picture: PNG of what is kept of it.
        known_only: a face that is no person's so far is not kept, and founds none.

        Raises
        ------
        DiskError: nothing was kept.
        """
        return _on_folders_as_they_are(self, partial(self._keep, frame, face, order, track, picture, known_only))

    def _keep(
        self, frame: Frame, face: Face, order: int, track: int | None, picture: bytes, known_only: bool, /
    ) -> Kept:
        match, track = self.decide(face, track)
        if known_only and match.person is None:
            return Kept([], new=False)
        most = _most_pictures(self.settings, frame)
        kept = self.store.keep(frame, face, match, order, track, picture=picture, most=most)
        self.founded |= _take_kept(kept, match, self.people)
        return kept.staying()

    def face_now(self, face: int) -> Sighting | None:
        """A face (id) as it is now, or the one whose label it has if it gave way; None: the user deleted it."""
        return self.faces.get(face) or self.faces.get(self.store.label_of(face) or 0)

    # Views

    def draw_views(self) -> Iterator[None]:
        """Bring the montages up to date, one at a step; the pickle is left to `write_views`."""
        folders, self._undrawn = self._undrawn, frozenset()
        self._is_pickled &= folders == frozenset()
        try:
            yield from self.store.draw_montages(folders, self.looked.faces.hidden)
        except BaseException:
            self._undrawn = _both(folders, self._undrawn)
            raise

    def write_views(self, *, within: float = inf) -> None:
        """Bring the pickle, and montages ``within`` so many seconds, up to date; the rest is for the next time."""
        if self._is_pickled and self._undrawn == frozenset():
            return
        if self.store.write_views(self._undrawn, self.looked.faces.hidden, within):
            self._undrawn, self._is_pickled = frozenset(), True


def _on_folders_as_they_are(gallery: Gallery, action: Callable[[], _T]) -> _T:
    """Do something that writes where the folders should be; if the user changed them meanwhile, look and redo."""
    if gallery.stale:
        gallery.look()
    for _ in range(3):
        try:
            return action()
        except FoldersChangedError:
            gallery.look()
    return action()


def all_or_nothing(gallery: Gallery, action: Callable[[], _T]) -> _T:
    """Do something that writes much: all of it becomes durable together, or none, and the gallery is as before.

    It is tried again as a whole where the disk refuses something, and inside another one it is part of that.
    """
    if gallery.store.is_whole:
        return action()

    def attempt() -> _T:
        if gallery.stale:
            gallery.look()
        before = gallery._next_track, gallery._noted_track, gallery._unsaved.copy(), gallery.founded.copy()
        try:
            with gallery.store.all_or_nothing():
                return action()
        except BaseException:
            gallery._next_track, gallery._noted_track, gallery._unsaved, gallery.founded = before
            gallery.stale = True
            raise

    return gallery.store.until_done(attempt)


def note_tracks(gallery: Gallery) -> None:
    """Have no number of a track given again after the next start, though nothing of that was kept. Raises DiskError."""
    if gallery._next_track > gallery._noted_track:
        gallery.store.placed.note_track(gallery._next_track - 1)
        gallery._noted_track = gallery._next_track


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """Folders; None: all."""
    return None if one is None or other is None else one | other


def _people_of(faces: Faces, settings: Settings, links: CannotLinks) -> PersonDB:
    """Everybody as the folders have them."""
    people = empty_people(settings, links)
    with collector_at_rest():
        for some in faces.columns():
            people.add_columns(some)
    return people


def _people_at(looked: LookResult, settings: Settings, links: CannotLinks, known: PersonDB | None) -> PersonDB:
    """Everybody as of a look; ``known``: by the table before it, if it is the first one."""
    if known is None or looked.otherwise is None or len(looked.otherwise) > _MANY:
        return _people_of(looked.faces, settings, links)
    _take_changed(looked.faces, looked.otherwise, known)
    return known


def _take_changed(faces: Faces, folders: Collection[str], people: PersonDB) -> None:
    """Take in anew whoever has other faces than before; the sums of the others stay exactly what they are."""
    persons = {None if name == UNKNOWNS else name for name in folders if not is_excluded(name)}
    now = {person: faces.columns_of(person) for person in persons}
    for person in sorted(persons, key=lambda name: now[name].ids[0] if len(now[name]) else 0):
        if not people.holds(person, now[person]):
            people.drop(person)
            people.add_columns(now[person])


def _take_kept(kept: Kept, match: Match, people: PersonDB) -> set[str | None]:
    """Take in what was kept as ``match`` said; returns the person that was founded, if any was."""
    if not kept.new:
        return set()
    for partner in kept.sightings[1:]:
        people.remove(replace(partner, person=None))
    for face in kept.sightings:
        people.add(face)
    if kept.gone:
        people.remove(*kept.gone)
    return {kept.sightings[0].person} - {match.person, None}


def _most_pictures(settings: Settings, frame: Frame) -> int | None:
    """How many pictures a track of the source of a frame may have; None: any number."""
    is_live = frame.fingerprint is None
    return LIVE_PICTURES if settings.pictures_per_track is None and is_live else settings.pictures_per_track


def _take_words(looked: LookResult, faces: FacesNow, people: PersonDB) -> None:
    """Take what the user said of whom two people are, or one is not."""
    people.forget_words()
    persons = faces.persons({other for _, other in looked.kept_apart_tracks})
    for track, other in looked.kept_apart_tracks:
        if person := persons.get(other):
            people.keep_apart(track, person)
    for name, encoding in looked.excluded:
        people.exclude(name, encoding)
