"""Corrections of a gallery, as functions: each asks its owner, or opens the result folder if nobody owns it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from face_classifier.core.config.settings import Settings
from face_classifier.core.progress import Observer
from face_classifier.core.words import counted
from face_classifier.curate.ask import carry_out
from face_classifier.gallery.snapshot import take_snapshot
from face_classifier.identity.naming import natural


class Change(NamedTuple):
    """A face that is someone else's than before."""

    face: str  # its name
    person: str | None  # before
    then: str | None  # after; None = unknown
    new: bool  # a new person, who gets a name only when it is not a dry run

    def record(self) -> dict[str, Any]:
        """As JSON; ``then``: null = unknown, or a new person without a name yet where it is ``new``."""
        return self._asdict()


class ExcludedFace(NamedTuple):
    """A face that the user excluded."""

    face: str
    person: str | None  # whom it is not; None = it was unknown
    picture: str  # the path where it is kept now

    def sentence(self) -> str:
        never = f"is not {self.person}" if self.person else "is no face to be known"
        return f"{self.face} {never}; {self.picture}"


def rethink(settings: Settings, observer: Observer, *, dry_run: bool = False) -> list[Change]:
    """Second thoughts on all faces. ``dry_run``: change nothing. Raises UserError."""
    if dry_run:
        from face_classifier.curate.decide import moves_of

        snapshot = take_snapshot(settings, observer)
        before = {face.id: face for face in snapshot.faces}
        return [
            Change(before[face].face, before[face].person, move.person, move.new)
            for move in moves_of(snapshot)
            for face in move.faces
        ]
    moved = carry_out(settings, "rethink", {}, observer)
    return [Change(face, person, then, new=False) for face, person, then in moved]


def draw_montages(settings: Settings, observer: Observer, folders: Sequence[str]) -> dict[str, list[Path]]:
    """Bring the montages of these people (or of the unknown faces) up to date; their files, by name. Raises UserError.

    However many people there are: above a number these are the only montages.
    """
    made = carry_out(settings, "montage", {"folders": list(folders)}, observer)
    return {name: [Path(settings.result) / file for file in files] for name, files in made.items()}


def accept(settings: Settings, observer: Observer, one: str, other: str) -> dict[str, Any]:
    """Two people are one, by the user's word; as `decide.accept` answers. Raises UserError."""
    answer: dict[str, Any] = carry_out(settings, "suggest accept", {"one": one, "other": other}, observer)
    return answer


def keep_apart(settings: Settings, observer: Observer, one: str, other: str) -> None:
    """Two people are two, by the user's word, whatever their names will be. Raises UserError."""
    carry_out(settings, "suggest reject", {"one": one, "other": other}, observer)


def split(settings: Settings, observer: Observer, person: str) -> dict[str, Any]:
    """A person is two, by the user's word; as `decide.split` answers. Raises UserError."""
    answer: dict[str, Any] = carry_out(settings, "suggest accept --split", {"person": person}, observer)
    return answer


def keep_whole(settings: Settings, observer: Observer, person: str) -> int:
    """All faces of a person are that person, by the user's word; how many these are. Raises UserError."""
    return int(carry_out(settings, "suggest reject --split", {"person": person}, observer))


def exclude(settings: Settings, observer: Observer, names: Iterable[str]) -> tuple[list[ExcludedFace], int]:
    """Put faces, given by name or the path of a picture, aside for good; and how many could not be, each of which is
    told. Raises UserError.
    """
    faces = [[name, str(Path(name).resolve())] for name in names]
    answer = carry_out(settings, "reject", {"faces": faces}, observer)
    excluded = [
        ExcludedFace(face, person, str(Path(settings.result, picture))) for face, person, picture in answer["excluded"]
    ]
    return excluded, answer["failed"]


def lines(changes: Sequence[Change], *, dry_run: bool) -> Iterator[str]:
    """What second thoughts changed, or would change, in words: a line for each person, and how many faces in all."""
    yield from per_person(changes, names=True)
    yield f"{counted(len(changes), 'face')} {'would move' if dry_run else 'moved'}"


def per_person(changes: Iterable[Change], *, names: bool) -> Iterator[str]:
    """A line for each person who gets faces, and for the unknown ones; ``names``: of the faces, too."""
    groups: dict[tuple[bool, str | None], list[Change]] = defaultdict(list)
    for change in changes:
        groups[change.new, change.then].append(change)
    for (new, then), group in sorted(groups.items(), key=lambda item: (item[0][0], natural(item[0][1] or ""))):
        origins = Counter(change.person or "unknown" for change in group)
        whence = ", ".join(name if len(origins) == 1 else f"{name} ({n})" for name, n in origins.most_common())
        how = "taken out of" if then is None and not new else "joined from"
        faces = f": {', '.join(change.face for change in group)}" if names else ""
        yield f"{'a new person' if new else then or 'unknown'}: {counted(len(group), 'face')} {how} {whence}{faces}"
