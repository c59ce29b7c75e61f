"""``/api/v1/journal``: what was changed, by whom, and the way back; ``reload`` has the configuration read anew."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from face_classifier.curate.questions import log
from face_classifier.gallery.past.journal import Change, Entry
from face_classifier.web.api.common.cards import catalogue_of
from face_classifier.web.api.common.lists import Limit
from face_classifier.web.api.common.problems import ProblemError, told
from face_classifier.web.api.common.text import Name, Time
from face_classifier.web.api.common.writing import Done, Seen, carry_out, done, reading, writing
from face_classifier.web.asked import site_of

reader, writer = reading("journal"), writing("journal")

_MOST = 1000  # faces of an entry that are told


class Where(BaseModel):
    """Whose a face is."""

    person: Name | None = Field(description="null: nobody's")
    state: str = Field(description="kept, rejected, deleted …")


class Moved(BaseModel):
    """A face whose label an entry changed."""

    face: int
    before: Where
    after: Where

    @classmethod
    def of(cls, change: Change) -> Moved:
        before, after = (Where(**log.place_record(place)) for place in (change.before, change.after))
        return cls(face=change.face, before=before, after=after)


class Pair(BaseModel):
    """Two faces of which it was said that they are two people, or no longer."""

    face: int
    other: int
    apart: bool


class Decision(BaseModel):
    """An entry of the journal."""

    entry: int
    time: Time
    door: Name = Field(description="`file manager`, `run`, `second thoughts`, `page`, `command NAME`")
    what: str | None = Field(description="where the changes do not tell it")
    taken_back_by: int | None
    expired: int = Field(description="faces that it moved, and that are gone since by the rules of keeping")
    count: int = Field(description="how many faces it gave another label")
    faces: list[Moved] = Field(description=f"of these, {_MOST} at most")
    kept_apart: list[Pair]

    @classmethod
    def of(cls, entry: Entry) -> Decision:
        labelled = entry.labelled
        return cls(
            entry=entry.number,
            time=entry.time,
            door=entry.door,
            what=entry.what or None,
            taken_back_by=entry.undone,
            expired=entry.expired,
            count=len(labelled),
            faces=[Moved.of(change) for change in labelled[:_MOST]],
            kept_apart=[Pair(face=one, other=other, apart=apart) for one, other, apart in entry.pairs[:_MOST]],
        )


class Journal(BaseModel):
    """A page of the journal, the latest entry first."""

    items: list[Decision]
    next: str | None = Field(description="`cursor` of the next page; null: this is the last one")
    revision: int


@reader.get("/journal", summary="What was changed", responses=told(410))
def journal(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=20, description="`next` of the page before")] = None,
    limit: Limit = 50,
) -> Journal:
    """The latest entry first: who, what, when, and through which door."""
    revision = catalogue_of(request).revision
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise ProblemError(410, "this cursor is not valid; begin without one")
    if not revision:
        return Journal(items=[], next=None, revision=0)
    entries = log.latest(site_of(request).settings(), limit + 1, None if cursor is None else int(cursor) - 1)
    following = str(entries[limit - 1].number) if len(entries) > limit else None
    return Journal(items=[Decision.of(entry) for entry in entries[:limit]], next=following, revision=revision)


class Undoing(Seen):
    """How far back."""

    to: int | None = Field(
        default=None, ge=0, lt=1 << 63, description="all after this entry; null: the latest that stands"
    )
    entry: int | None = Field(default=None, ge=1, lt=1 << 63, description="instead: this entry alone")


class Left(BaseModel):
    """A face that stays where it is."""

    face: Name
    person: Name | None
    why: str


class Undone(Done):
    """What was taken back."""

    taken_back: list[int] = Field(description="entries, the oldest first")
    left: list[Left] = Field(description="faces that somebody moved since, which stay")
    expired: int = Field(description="faces that are gone by the rules of keeping, and stay so")


@writer.post("/journal/undo", summary="Take back", responses=told(404, 409))
def undo(request: Request, body: Undoing) -> Undone:
    """All that was changed after an entry, or one entry; forgetting stays."""
    if body.to is not None and body.entry is not None:
        raise ProblemError(422, "to and entry are both given; give one of them")
    if body.entry is not None:
        seen = Seen(revision=body.entry, mine=body.mine)
        answer = carry_out(request, "undo", {"to": None, "entry": body.entry}, seen)
    else:
        answer = carry_out(request, "undo", {"to": body.to}, body)
    more = {key: answer[key] for key in ("taken_back", "left", "expired")}
    return Undone(**dict(done(answer)), **more)


class Reloaded(BaseModel):
    """What becomes of the configuration."""

    reloading: bool = True


@writer.post("/reload", summary="Reload the configuration", status_code=202, responses=told(404))
def reload(request: Request) -> Reloaded:
    """Where cameras are watched; a configuration that is wrong is refused, and the one before stays."""
    site = site_of(request)
    if site.reload is None:
        raise ProblemError(404, "no camera is watched here, so there is nothing to reload; restart face-classifier web")
    site.reload()
    return Reloaded()
