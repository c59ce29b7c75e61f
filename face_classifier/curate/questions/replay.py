"""What if: a gallery decided again from its encodings, without the video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from face_classifier.core.config.settings import Settings
from face_classifier.core.progress import Teller
from face_classifier.core.types import Sighting
from face_classifier.core.words import counted
from face_classifier.gallery.snapshot import take_snapshot
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.naming import natural, number_in, numbered
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.rethink import rethink
from face_classifier.identity.rules import rule_of, threshold_of

_UNKNOWN = "unknown"
_AHEAD = 256  # faces that are matched at once


@dataclass(frozen=True)
class Change:
    """Faces that would go from one person to another together."""

    now: str | None  # None = unknown
    then: str | None  # None = unknown; a person that there is not yet is called "new person 1" and so on
    faces: tuple[str, ...]  # their names, in the order in which they came


@dataclass(frozen=True)
class Replayed:
    faces: int  # all of them
    people_now: int
    people_then: int
    changes: list[Change]  # sorted by names, unknown and new people last


def replay_gallery(settings: Settings, observer: Teller) -> tuple[Replayed, float]:
    """What would be decided otherwise with these settings, and the threshold that they mean."""
    snapshot = take_snapshot(settings, observer)
    thinks = settings.engine != "original" and not settings.online_only
    rule = rule_of(snapshot.settings) if thinks else None
    replayed = replay(snapshot.faces, snapshot.cannot_links, snapshot.kept_apart, snapshot.nobody(), rule)
    return replayed, threshold_of(snapshot.settings)


def replay(
    sightings: Iterable[Sighting],
    cannot_links: Sequence[tuple[int, int]],
    kept_apart: Sequence[tuple[int, int]],
    people: PersonDB,
    rule: Rule | None,
) -> Replayed:
    """Decide all faces anew in the order in which they came: one after another, then all together.

    A face that the user placed stays where it is.

    Parameters
    ----------
    sightings: in that order, each with an id of its own.
    cannot_links: pairs of tracks that shared a frame, all of them known from the start.
    kept_apart: pairs of faces (ids) of which the user said that they are two people, which second thoughts obey.
    people: nobody yet.
    rule: of second thoughts; None = there are none.

    Raises
    ------
    ValueError: a face has no encoding.
    """
    faces = list(sightings)
    for one, other in cannot_links:
        people.links.add(one, other)
    names = _Names(faces)
    decided = _one_by_one(faces, people, names)
    if rule is not None:
        decided = _all_together(decided, cannot_links, kept_apart, rule, names)
    called = _called(faces, decided)
    return Replayed(
        len(faces),
        len({face.person for face in faces} - {None}),
        len({face.person for face in decided} - {None}),
        _changes(faces, [called.get(face.person) for face in decided]),
    )


class _Names:
    """Names for the people that a replay founds, which nobody has yet and which are no user's."""

    def __init__(self, faces: Iterable[Sighting]) -> None:
        numbers = [number for face in faces if (number := number_in(face.person or ""))]
        self._last = max(numbers, default=0)

    def new(self) -> str:
        self._last += 1
        return numbered(self._last)


def _one_by_one(faces: Sequence[Sighting], people: PersonDB, names: _Names) -> list[Sighting]:
    decided: dict[int, Sighting] = {}
    for number, face in enumerate(faces):
        if number % _AHEAD == 0:
            people.foresee([other.encoding for other in faces[number : number + _AHEAD] if other.encoding is not None])
        if face.encoding is None:
            raise ValueError(f"the face {face.face} has no encoding")
        if face.corrected or face.pinned:
            changed = [face]
        else:
            match = people.decide(face.encoding, face.track, face.quality)
            person = match.person or (names.new() if match.partners else None)
            partners = [decided[partner] for partner in match.partners] if person else []
            for partner in partners:
                people.remove(replace(partner, person=None))
            changed = [replace(before, person=person) for before in (face, *partners)]
        for after in changed:
            people.add(after)
            decided[after.id] = after
    return [decided[face.id] for face in faces]


def _all_together(
    faces: Sequence[Sighting],
    cannot_links: Sequence[tuple[int, int]],
    kept_apart: Sequence[tuple[int, int]],
    rule: Rule,
    names: _Names,
) -> list[Sighting]:
    decided = {face.id: face for face in faces}
    for move in rethink(faces, cannot_links, kept_apart, rule).moves:
        person = names.new() if move.new else move.person
        decided |= {number: replace(decided[number], person=person) for number in move.faces}
    return [decided[face.id] for face in faces]


def _called(faces: Sequence[Sighting], decided: Sequence[Sighting]) -> dict[str | None, str]:
    """What each person of the replay is called now: by most of its faces, one to one; the others are new.

    A name that the user gave stays with those who have it for certain.
    """
    order = list(dict.fromkeys(face.person for face in decided if face.person is not None))
    called: dict[str | None, str] = {
        face.person: face.person for face in faces if face.corrected and face.person is not None
    }
    shared = Counter((before.person, after.person) for before, after in zip(faces, decided, strict=True))
    taken = set(called.values())
    for (now, then), _ in sorted(shared.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1] or "")):
        if now is not None and then is not None and then not in called and now not in taken:
            called[then] = now
            taken.add(now)
    new = (then for then in order if then not in called)
    return called | {then: f"new person {number}" for number, then in enumerate(new, 1)}


def _changes(faces: Sequence[Sighting], then: Sequence[str | None]) -> list[Change]:
    groups: dict[tuple[str | None, str | None], list[str]] = {}
    for face, person in zip(faces, then, strict=True):
        if face.person != person:
            groups.setdefault((face.person, person), []).append(face.face)
    ordered = sorted(groups.items(), key=lambda group: [(name is None, natural(name or "")) for name in group[0]])
    return [Change(now, person, tuple(names)) for (now, person), names in ordered]


def record(replayed: Replayed, threshold: float) -> dict[str, Any]:
    """As JSON."""
    return {
        "threshold": threshold,
        "faces": replayed.faces,
        "people": {"now": replayed.people_now, "then": replayed.people_then},
        "changes": [
            {"person": change.now, "then": change.then, "faces": list(change.faces)} for change in replayed.changes
        ],
    }


def lines(replayed: Replayed, threshold: float) -> Iterator[str]:
    """What a replay found, in words: one line for all, then one for each group of faces."""
    moved = sum(len(change.faces) for change in replayed.changes)
    yield (
        f"threshold {threshold:g}: {moved} of {counted(replayed.faces, 'face')} would change; "
        f"{counted(replayed.people_now, 'person', 'people')} now, {replayed.people_then} then"
    )
    for change in replayed.changes:
        yield f"{change.now or _UNKNOWN} -> {change.then or _UNKNOWN}, {len(change.faces)}: {', '.join(change.faces)}"
