"""``/history``: what was changed, when, through which door, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from face_classifier.core.errors import UserError
from face_classifier.gallery.past.journal import FORGOTTEN
from face_classifier.gallery.past.pages import After, Group, Summed, after, latest
from face_classifier.gallery.places import UNKNOWNS, is_excluded, person_of
from face_classifier.gallery.reading.cards import FaceCard
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.gallery.table.row import DELETED
from face_classifier.web.asked import site_of
from face_classifier.web.pages.rendering import page

_COUNT = 40  # entries on a page

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@dataclass(frozen=True)
class Label:
    """Whose a face was, or became. ``kind``: person, unknown, not, excluded, deleted or forgotten."""

    kind: str
    person: str | None = None

    @classmethod
    def of(cls, folder: str, state: str) -> Label:
        """Of a folder and the state of a row."""
        if folder == FORGOTTEN:
            return cls("forgotten")
        if is_excluded(folder):
            person = person_of(folder)
            return cls("excluded") if person == UNKNOWNS else cls("not", person)
        if state == DELETED:
            return cls("deleted")
        return cls("unknown") if folder == UNKNOWNS else cls("person", folder)


@dataclass(frozen=True)
class ShownGroup:
    """Faces that went the same way, with pictures of some."""

    before: Label
    after: Label
    count: int
    faces: Sequence[FaceCard]


@dataclass(frozen=True)
class ShownEntry:
    """An entry as the page shows it."""

    entry: Summed
    door: str  # page, file, run, thoughts, undo, command
    who: str  # the name of who came through that door, or of the command
    groups: Sequence[ShownGroup]
    rest: int  # faces of no group here


@router.get("/history")
def history(request: Request) -> HTMLResponse:
    """Entries of the journal, the latest first; ``?to=`` says what going back to one would take back."""
    reader = site_of(request).reader
    catalogue = reader.now()
    before, to = (_number(request.query_params.get(key, "")) for key in ("before", "to"))
    problem = None
    entries: list[Summed] = []
    back: After | None = None
    try:
        entries = reader.ask(partial(latest, count=_COUNT + 1, before=before)) or []
        if to is not None and to < catalogue.revision:
            back = reader.ask(partial(after, number=to))
    except UserError as error:
        problem = str(error)
    return page(
        request,
        "history.html",
        catalogue=catalogue,
        entries=[_shown(entry, catalogue) for entry in entries[:_COUNT]],
        older=entries[_COUNT - 1].number if len(entries) > _COUNT else None,
        before=before,
        to=to,
        back=back,
        problem=problem,
    )


def _shown(entry: Summed, catalogue: Catalogue) -> ShownEntry:
    first, _, rest = entry.door.partition(" ")
    door, who = {
        "page": ("page", rest),
        "file": ("file", ""),
        "run": ("run", ""),
        "second": ("thoughts", ""),
        "command": ("command", rest),
    }.get(first, ("command", entry.door))
    groups = [_group(group, catalogue) for group in entry.groups]
    return ShownEntry(entry, door, who, groups, entry.faces - sum(group.count for group in groups))


def _group(group: Group, catalogue: Catalogue) -> ShownGroup:
    cards = [card for face in group.faces if (card := catalogue.face(face))]
    return ShownGroup(Label.of(*group.before), Label.of(*group.after), group.number, cards)


def _number(given: str) -> int | None:
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 18 else None
