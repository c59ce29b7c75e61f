"""The log: every change of whose face it is, when it was made and by whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from face_classifier.core.config.settings import Settings
from face_classifier.core.words import counted
from face_classifier.gallery.opening import open_existing
from face_classifier.gallery.past.journal import FORGOTTEN, Entry, Place
from face_classifier.gallery.places import UNKNOWNS, is_excluded, person_of
from face_classifier.gallery.table.row import DELETED

_GROUPS = 3  # that a line of the log tells


def read(settings: Settings) -> tuple[list[Entry], dict[int, str]]:
    """The entries of a result folder, and how its faces are called, by id; works while another process runs."""
    with open_existing(settings, writing=False) as store:
        return store.past.entries(), store.past.names()


def latest(settings: Settings, most: int, until: int | None = None) -> list[Entry]:
    """The latest entries up to a number, the latest first; ``most``: how many. Raises UserError."""
    with open_existing(settings, writing=False) as store:
        last = store.past.latest() if until is None else until
        found: list[Entry] = []
        step = most
        while last > 0 and len(found) < most:
            found += reversed(store.past.entries(max(0, last - step), last))
            last, step = last - step, 2 * step
    return found[:most]


def record(entries: Iterable[Entry], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Entries as JSON; ``names``: of the faces, by id."""
    return [
        {
            "entry": entry.number,
            "time": entry.time.isoformat(),
            "door": entry.door,
            "what": entry.what or None,
            "taken_back_by": entry.undone,
            "expired": entry.expired,
            "faces": [
                {
                    "face": names.get(change.face),
                    "before": place_record(change.before),
                    "after": place_record(change.after),
                }
                for change in entry.labelled
            ],
            "kept_apart": [
                {"face": names.get(one), "other": names.get(other), "apart": added} for one, other, added in entry.pairs
            ],
        }
        for entry in entries
    ]


def place_record(place: Place) -> dict[str, Any]:
    """Whose a face is, as JSON."""
    folder = person_of(place.folder)
    state = "rejected" if is_excluded(place.folder) else place.state
    return {"person": None if folder in (UNKNOWNS, FORGOTTEN) else folder, "state": state}


def rows(entries: Iterable[Entry]) -> Iterator[tuple[str, str, str, str, str]]:
    """A line of the log an entry: number, local time, door, what it did, and whether it stands."""
    for entry in entries:
        stands = "" if entry.undone is None else f"taken back by {entry.undone}"
        yield str(entry.number), f"{entry.time.astimezone():%Y-%m-%d %H:%M:%S}", entry.door, _what(entry), stands


def _what(entry: Entry) -> str:
    """What an entry did, by where most of its faces went."""
    ways = Counter((label_of(*change.before.label), label_of(*change.after.label)) for change in entry.labelled)
    told = [f"{counted(count, 'face')}: {before} -> {after}" for (before, after), count in ways.most_common(_GROUPS)]
    if rest := sum(ways.values()) - sum(count for _, count in ways.most_common(_GROUPS)):
        told.append(f"{counted(rest, 'face')} elsewhere")
    if not told and entry.pairs:
        told = ["two people kept apart" if any(pair.added for pair in entry.pairs) else "two people not kept apart"]
    if entry.expired:
        told.append(f"{counted(entry.expired, 'face')} removed since, as `keep` says")
    return "; ".join([*([entry.what] if entry.what else []), *told])


def label_of(folder: str, state: str) -> str:
    """Whose a face is, in words."""
    if folder == FORGOTTEN:
        return "forgotten"
    if is_excluded(folder):
        return "rejected" if person_of(folder) == UNKNOWNS else f"not {person_of(folder)}"
    if state == DELETED:
        return "deleted"
    return "unknown" if folder == UNKNOWNS else folder
