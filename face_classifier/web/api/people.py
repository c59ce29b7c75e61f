"""``/api/v1/people``: who is there, and what can be done with whole people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from face_classifier.daemon.answers import Notes
from face_classifier.gallery.reading.cards import PersonCard
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.photos.forgetting import forget_everywhere
from face_classifier.web.addresses import person_url
from face_classifier.web.api.common import cards
from face_classifier.web.api.common.cards import Face, Faces, People, catalogue_of, check_faces, person_of
from face_classifier.web.api.common.lists import Cursor, Limit, Lists, numbers_of
from face_classifier.web.api.common.problems import ProblemError, told
from face_classifier.web.api.common.text import Name, PersonName
from face_classifier.web.api.common.writing import Done, Seen, carry_out, done, reading, writing
from face_classifier.web.asked import site_of
from face_classifier.web.words.typed import is_meant

reader, writer = reading("people"), writing("people")

Sort = Literal["name", "faces", "last", "first"]
Order = Literal["odd", "newest", "oldest", "best"]
_SIMILAR = 60


def _lists(request: Request) -> Lists:
    lists: Lists = request.app.state.lists
    return lists


@reader.get("/people", summary="Everybody", responses=told(410))
def people(
    request: Request,
    q: Annotated[str, Query(max_length=200, description="what is typed of a name; Hangul initials match")] = "",
    near: Annotated[str, Query(max_length=4000, description="numbers of faces: the nearest people come first")] = "",
    sort: Annotated[Sort, Query(description="by name, most faces, or latest time first")] = "name",
    named: Annotated[bool | None, Query(description="only who has a name of the user's, or only who has none")] = None,
    hidden: Annotated[bool, Query(description="also who is hidden")] = False,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> People:
    """A page of the list; it stays in the order in which it began."""
    catalogue = catalogue_of(request)
    distances = _near(catalogue, near)

    def begin() -> Sequence[str]:
        found = [
            card
            for card in catalogue.people
            if (hidden or not card.hidden) and named in (None, card.named) and (not q or is_meant(q, card.name))
        ]
        if distances:
            found.sort(key=lambda card: distances.get(card.name, float("inf")))
        elif sort != "name":
            found.sort(key=lambda card: _rank(card, sort), reverse=True)
        return [card.name for card in found]

    def show(name: str) -> cards.Person | None:
        card = catalogue.person(name) or catalogue.person(catalogue.successor(name) or "")
        return cards.Person.of(card, catalogue, distances.get(card.name)) if card else None

    page = _lists(request).page(cursor, limit, begin, show)
    items = list({person.name: person for person in page.items}.values())
    return People(items=items, next=page.next, total=page.total, revision=catalogue.revision)


def _near(catalogue: Catalogue, faces: str) -> dict[str, float]:
    numbers = numbers_of(faces, "near")
    return dict(catalogue.nearest(numbers, len(catalogue.names))) if numbers else {}


def _rank(card: PersonCard, sort: Sort) -> float:
    if sort == "faces":
        return card.faces
    time = card.last if sort == "last" else card.first
    return time.timestamp() if time else float("-inf")


@reader.get(
    "/people/{person}", summary="A person", responses=told(404) | {308: {"description": "has another name now"}}
)
def one(request: Request, person: PersonName) -> cards.Person:
    """A former name leads to who has it now, unless somebody else is called so."""
    catalogue = catalogue_of(request)
    if catalogue.person(person) is None and (now := catalogue.successor(person)):
        return _moved(f"/api/v1{person_url(now)}")  # type: ignore[return-value]  # FastAPI takes either
    return cards.Person.of(person_of(catalogue, person), catalogue)


def _moved(address: str) -> Response:
    return RedirectResponse(address, 308)


@reader.get("/people/{person}/faces", summary="The faces of a person", responses=told(404, 410))
def faces(
    request: Request,
    person: PersonName,
    order: Annotated[Order, Query(description="odd: those that look least like the person first")] = "odd",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Faces:
    """A page of the list; it stays in the order in which it began, without faces that were moved away since."""
    catalogue = catalogue_of(request)
    name = person_of(catalogue, person).name

    def begin() -> Sequence[int]:
        columns = catalogue.faces(name)
        found: list[int] = columns.ids[columns.ordered(order)].tolist()
        return found

    def show(number: int) -> Face | None:
        card = catalogue.face(number)
        return Face.of(card) if card and card.person == name else None

    page = _lists(request).page(cursor, limit, begin, show)
    return Faces(items=page.items, next=page.next, total=page.total, revision=catalogue.revision)


class Similar(BaseModel):
    """An unknown face that looks like somebody."""

    face: Face
    distance: float = Field(description="L2 to the person's average")


@reader.get("/people/{person}/similar", summary="Unknown faces like a person", responses=told(404))
def similar(
    request: Request, person: PersonName, limit: Annotated[int, Query(ge=1, le=1000)] = _SIMILAR
) -> list[Similar]:
    """The nearest first, without ignored ones and those of which it was said that they are not this person."""
    catalogue = catalogue_of(request)
    found = catalogue.similar_unknown(person_of(catalogue, person).name, limit)
    return [Similar(face=Face.of(card), distance=distance) for card, distance in found]


@reader.get("/people/{person}/not-them", summary="Faces that are not a person", responses=told(404))
def not_them(request: Request, person: PersonName) -> list[Face]:
    """What the user excluded from them, and what the user said is not them; faces/restore takes that back."""
    catalogue = catalogue_of(request)
    return [Face.of(card) for card in catalogue.not_them(person_of(catalogue, person).name)]


class Change(Seen):
    """What is to become of a person; what is left out stays."""

    name: Name | None = Field(default=None, description="a new name; one that is taken is a conflict")
    hidden: bool | None = Field(default=None, description="from lists of people")
    cover: int | None = Field(default=None, ge=0, description="the face that stands for the person; one of theirs")


@writer.patch(
    "/people/{person}", summary="Rename, hide or show a person, or choose the cover", responses=told(404, 409)
)
def change(request: Request, person: PersonName, body: Change) -> Done:
    """A name that somebody has is refused with `merge_into`: nobody is merged without being asked for."""
    if (body.name, body.hidden, body.cover) == (None, None, None):
        raise ProblemError(422, "there is nothing to change; give name, hidden or cover")
    answer, name = {}, _known(request, person, body)
    if body.cover is not None:
        answer = carry_out(request, "cover", {"person": name, "face": body.cover}, body)
    if body.hidden is not None:
        answer = carry_out(request, "hide" if body.hidden else "show", {"person": name}, body)
    if body.name is not None:
        answer = carry_out(request, "rename", {"person": name, "name": body.name}, body)
        name = answer.get("name", body.name)
    return done(answer | {"person": name})


class Merging(Seen):
    """Who is the person of the address, too."""

    from_: list[Name] = Field(
        alias="from",
        min_length=1,
        max_length=1000,
        description="whose faces go to the person",
        examples=[["person_02"]],
    )
    name: Name | None = Field(default=None, description="how the one is called afterwards; null: as before")


@writer.post("/people/{person}/merge", summary="Make people one", responses=told(404, 409))
def merge(request: Request, person: PersonName, body: Merging) -> Done:
    """The faces of `from` go to the person of the address."""
    arguments = {"person": _known(request, person, body), "from": body.from_, "name": body.name}
    return done(carry_out(request, "merge", arguments, body))


class Splitting(Seen):
    """Who is somebody else."""

    faces: list[int] = Field(min_length=1, max_length=100_000, description="of the person, which are another one's")
    name: Name | None = Field(default=None, description="how that one is called; null: the program chooses")


class Parted(Done):
    """What became of a person who was two."""

    part: Name | None = Field(default=None, description="the other one's name")


@writer.post("/people/{person}/split", summary="Make one person two", responses=told(404, 409))
def split(request: Request, person: PersonName, body: Splitting) -> Parted:
    """The faces become another person's, and the two are kept apart from then on."""
    check_faces(catalogue_of(request), body.faces, body.revision)
    arguments = {"person": _known(request, person, body), "faces": body.faces, "name": body.name}
    answer = carry_out(request, "part", arguments, body)
    return Parted(**dict(done(answer)), part=answer.get("new"))


class Forgotten(BaseModel):
    """What became of a person who is forgotten."""

    faces: int
    captures: int = Field(description="that were removed")
    pixelated: int = Field(description="captures in which they cannot be known any more")
    lines: int = Field(description="of logs, that are gone or name nobody")
    photos: int = Field(description="that indexes of photos remembered")
    left: list[str] = Field(description="sentences about what was left")
    revision: int


@writer.post("/people/{person}/forget", summary="Forget a person for good", responses=told(404, 409))
def forget(request: Request, person: PersonName, body: Seen | None = None) -> Forgotten:
    """Pictures, encodings and whatever tells of them are gone; nothing takes that back."""
    known = person_of(catalogue_of(request), person).name
    notes = Notes()
    answer = forget_everywhere(
        site_of(request).settings(),
        known,
        notes,
        lambda command, given: carry_out(request, command, given),
        None if body is None or body.revision is None else {"seen": body.revision, "mine": body.mine},
    )
    left = [*answer["left"], *notes.sentences]
    return Forgotten(**answer | {"left": left, "revision": catalogue_of(request).revision})


def _known(request: Request, person: str, seen: Seen) -> str:
    """The name of a person who is there, or was when the user looked: then it is a conflict, which the command tells.

    Raises ProblemError (404) else.
    """
    catalogue = catalogue_of(request)
    if catalogue.person(person) is None and (seen.revision is None or catalogue.successor(person) is None):
        person_of(catalogue, person)
    return person
