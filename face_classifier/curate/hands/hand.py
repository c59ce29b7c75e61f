"""A command of somebody who saw the gallery as it was: what was done since may be against what they mean."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from face_classifier.core.errors import UserError
from face_classifier.core.names import alike, composed
from face_classifier.core.progress import Teller
from face_classifier.curate.enrolment import name_known
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.past.journal import RENAME, RUN, Change, Entry
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS, check_name, person_of
from face_classifier.gallery.said.words import Lying

Arguments = dict[str, Any]
MOST_TOLD = 1000  # faces of an answer
_MOST = 20_000  # faces or tracks of a command


class ConflictError(Exception):
    """What somebody asks for is against what was done since they looked; nothing was changed.

    ``merge_into``: the person who has the name that was asked for.
    """

    def __init__(self, sentence: str, merge_into: str | None = None) -> None:
        super().__init__(sentence)
        self.merge_into = merge_into


class Hand:
    """A gallery as it is now, looked at where a command is about to change it, and what was done since the user looked.

    Attributes
    ----------
    gallery: that is changed.
    words: of its store.
    faces: where each of the command's faces (ids) lies.
    since: what others did since the user looked, but for what a run kept.
    """

    def __init__(
        self, gallery: Gallery, arguments: Arguments, faces: Collection[int] = (), people: Iterable[str] = ()
    ) -> None:
        """Looks at the folders of these faces and people.

        ``arguments``: of the command; what its user saw is told as `seen_of` and `mine_of` read it. Raises UserError,
        or ConflictError where a face is gone.
        """
        seen, mine = seen_of(arguments), mine_of(arguments)
        self.gallery, self.words = gallery, gallery.store.words
        touched = {place for name in people for place in (name, f"{EXCLUDED}/{name}")}
        touched |= {lying.folder for lying in self.words.lying(faces).values()}
        gallery.look(touched=None if gallery.stale else touched)
        self._saw = seen is not None
        past = gallery.store.past
        if seen is not None and seen > past.latest():
            raise ConflictError("the result folder is not the one that the page shows; reload the page")
        later = [] if seen is None else past.entries(seen)
        self.since = [entry for entry in later if entry.door != RUN and entry.number not in mine]
        self.faces = self._lying(faces)

    def _lying(self, faces: Collection[int]) -> dict[int, Lying]:
        lying = self.words.lying(faces)
        gone = next((face for face in faces if face not in lying), None)
        if gone is not None:
            if self._saw:
                raise ConflictError("some of these faces are gone by now")
            raise UserError(f"there is no face {gone}; give the numbers of faces that have a picture")
        return {face: lying[face] for face in faces}

    def look(self) -> None:
        """Take in what was moved just now."""
        self.gallery.look(touched=())

    # What was done since

    def check_faces(self) -> None:
        """Raise ConflictError if somebody moved one of the faces since the user looked, but with its whole folder."""
        for entry in self.since:
            if any(change.face in self.faces and _is_moved(change) for change in entry.changes):
                raise ConflictError("some of these faces have been moved in the meantime")

    def check_untouched(self, people: Sequence[str]) -> None:
        """Raise ConflictError if one of the people was renamed, merged or split, or faces moved in or out, since."""
        for name in people:
            self.check_same(name)
            if any(name in _people_of(entry) for entry in self.since):
                raise ConflictError(f"faces of {name} have been moved in the meantime")

    def check_same(self, name: str) -> None:
        """Raise ConflictError if a person of this name is somebody else than when the user looked, or was nobody."""
        changes = [change for entry in self.since for change in entry.labelled]
        for change in changes:
            if change.kind == RENAME and change.before.folder == name:
                raise ConflictError(f"{name} has been renamed to {change.after.folder} in the meantime")
        now = set(self.words.faces_of(name))
        went = {change.face for change in changes if change.before.folder == name}
        came = {change.face for change in changes if change.after.folder == name and change.face not in went}
        if went and not now:
            raise ConflictError(f"{name} no longer has faces")
        if now and now <= came and not went:
            raise ConflictError(f"somebody has been named {name} in the meantime", name)

    def check_apart(self, ones: Iterable[int], others: Iterable[int]) -> None:
        """Raise ConflictError if it was said since of two people, by their faces (ids), that they are two, or not."""
        own, theirs = set(ones), set(others)
        for entry in self.since:
            for one, other, _ in entry.pairs:
                if (one in own and other in theirs) or (one in theirs and other in own):
                    raise ConflictError("somebody has answered in the meantime whether these are one person")

    # People

    def person(self, name: str) -> str:
        """The same name as a person has it. Raises UserError unless that one has faces, or ConflictError."""
        people = self.gallery.store.people()
        known = name_known(name, people)
        if known not in people or not self.words.faces_of(known):
            if any(name in _people_of(entry) for entry in self.since):
                self.check_same(name)
                raise ConflictError(f"{name} no longer has faces")
            raise UserError(f"there is no person {name!r} with faces; `face-classifier people` lists the names")
        return known

    def holder(self, name: str, but: Collection[str] = ()) -> str | None:
        """The person with faces who has a name, however it is written, or one that some file systems take for it."""
        people = [other for other in self.gallery.store.people() if alike(other) == alike(name) and other not in but]
        people.sort(key=lambda other: (other != name, composed(other) != composed(name), other))
        return next((other for other in people if self.words.faces_of(other)), None)

    def free_name(self, name: str, but: Collection[str] = ()) -> str:
        """A name that nobody has but these. Raises UserError where no folder can be called so, or ConflictError."""
        check_name(name)
        if holder := self.holder(name, but):
            raise ConflictError(f"there is a person {holder!r} already", holder)
        return name


def _is_moved(change: Change) -> bool:
    """Whether a face is somebody else's, or is to be left alone or no longer; a folder's new name moves nobody."""
    is_other = change.before.label != change.after.label or change.before.pinned != change.after.pinned
    return is_other and change.kind != RENAME


def _people_of(entry: Entry) -> set[str]:
    """The people whose faces an entry moved, and to whom."""
    folders = {place.folder for change in entry.labelled for place in (change.before, change.after)}
    return {person_of(folder) for folder in folders} - {UNKNOWNS}


def seen_of(arguments: Arguments) -> int | None:
    """The latest entry of the journal that the user saw; None: nothing is against them. Raises as `number_of`."""
    return number_of(arguments, "seen")


def number_of(arguments: Arguments, key: str) -> int | None:
    """The number of an entry, or None. Raises UserError where it can be none."""
    number = arguments.get(key)
    if number is None or _is_number(number):
        return number
    raise UserError(f"{key} is {number!r}, but must be the number of an entry of the log, or null")


def mine_of(arguments: Arguments) -> frozenset[int]:
    """Later entries that the user made from the same page: none of them is against what they mean now."""
    mine = arguments.get("mine") or []
    if not isinstance(mine, list) or not all(map(_is_number, mine)) or len(mine) > _MOST:
        raise UserError(f"mine must be a list of at most {_MOST} numbers of entries of the log")
    return frozenset(mine)


def numbers_of(arguments: Arguments, key: str) -> list[int]:
    """The faces (ids) or tracks of a command, each once. Raises UserError unless there are some."""
    numbers = arguments.get(key)
    if not isinstance(numbers, list) or not numbers or not all(map(_is_number, numbers)) or len(numbers) > _MOST:
        raise UserError(f"{key} must be a list of the numbers of one to {_MOST} of them")
    return list(dict.fromkeys(numbers))


def _is_number(value: object) -> bool:
    """Whether a row of the table can have this number."""
    return type(value) is int and 0 <= value < 1 << 63


def name_of(arguments: Arguments, key: str) -> str | None:
    """A name that a command tells, or None. Raises UserError where it is something else."""
    name = arguments.get(key)
    if name is None or _is_text(name):
        return name
    raise UserError(f"{key} is {name!r}, but must be a name")


def _is_text(value: object) -> bool:
    """Whether a table can hold it."""
    return isinstance(value, str) and value == value.encode("utf-8", "replace").decode("utf-8")


def names_of(arguments: Arguments, key: str) -> list[str]:
    """Names that a command tells. Raises UserError unless there are some."""
    names = arguments.get(key)
    if not isinstance(names, list) or not names or not all(map(_is_text, names)):
        raise UserError(f"{key} must be a list of the names of one person or more")
    return names


def person_in(arguments: Arguments, key: str) -> str:
    """The same; there must be one."""
    name = name_of(arguments, key)
    if name is None:
        raise UserError(f"{key} is missing; give the name of a person")
    return name


def answering(act: Callable[[Gallery, Arguments], Arguments]) -> Callable[[Gallery, Arguments, Teller], Arguments]:
    """A handler that answers what it did, or the conflict for which it did nothing."""
    return answering_conflicts(lambda gallery, arguments, _tell: act(gallery, arguments) | done(gallery, arguments))


def answering_conflicts(
    handler: Callable[[Gallery, Arguments, Teller], Arguments],
) -> Callable[[Gallery, Arguments, Teller], Arguments]:
    """The handler, which answers a conflict for which it does nothing."""

    def careful(gallery: Gallery, arguments: Arguments, tell: Teller) -> Arguments:
        try:
            return handler(gallery, arguments, tell)
        except ConflictError as conflict:
            return {"conflict": str(conflict), "merge_into": conflict.merge_into}

    return careful


def done(gallery: Gallery, arguments: Arguments) -> Arguments:
    """What the open entry did: which ``faces`` it changed, how many, and the ``revision`` that it made.

    ``entry``: its number, ``undo``: what `undo` takes as ``to`` to take it back; None: nothing was changed.
    ``changed``: ids, of at most a thousand. ``unseen``: how many entries others wrote since the one that the user saw,
    so that whoever shows the gallery knows whether it is now as shown but for ``changed``.
    """
    past, seen, mine = gallery.store.past, seen_of(arguments), mine_of(arguments)
    own = past.written
    first = seen if seen is not None else past.latest() if own is None else own - 1
    entries = past.entries(first)
    changed = [change.face for entry in entries if entry.number == own for change in entry.changes if _counts(change)]
    return {
        "entry": own,
        "undo": None if own is None else own - 1,
        "changed": changed[:MOST_TOLD],
        "faces": len(changed),
        "revision": past.latest(),
        "unseen": sum(entry.number not in {own, *mine} for entry in entries) if seen is not None else 0,
    }


def _counts(change: Change) -> bool:
    """Whether it is about the face itself, not about what the program remembers of a folder."""
    is_confirmed = change.before.placed is not None and change.after.placed is None
    return is_confirmed or change.before.label != change.after.label or change.before.pinned != change.after.pinned
