"""``/api/v1/suggestions``: two people who may be one; ``unknowns``: faces of nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from face_classifier.curate.questions.groups import UnknownGroup
from face_classifier.gallery.reading.cards import FaceCard
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.web.api.common import cards
from face_classifier.web.api.common.cards import Face, Faces, catalogue_of, person_of
from face_classifier.web.api.common.lists import Cursor, Limit, Lists
from face_classifier.web.api.common.problems import AGAIN, ProblemError, told
from face_classifier.web.api.common.text import Name, PersonName, Time
from face_classifier.web.api.common.writing import Done, Seen, carry_out, done, reading, writing
from face_classifier.web.aside.questions import MayBeOne
from face_classifier.web.asked import asides_of

_PATIENCE = 20.0  # seconds for what takes long to work out
_SHOWN = 12  # faces of a group

reader, writer = reading("questions"), writing("questions")


class Two(BaseModel):
    """A face of one person and one of the other, which are near."""

    one: Face
    other: Face
    distance: float = Field(description="L2")


class Suggestion(BaseModel):
    """Two people who may be one."""

    one: cards.Person
    other: cards.Person
    distance: float = Field(description="L2")
    margin: float = Field(description="how far below the limit")
    pairs: list[Two] = Field(description="the nearest faces of both")


class Halves(BaseModel):
    """A person who may be two."""

    person: cards.Person
    why: str = Field(description="frame: seen beside each other; said: by the user; apart; thought")
    distance: float = Field(description="L2 between the averages of both halves")
    stay: list[int] = Field(description="some faces of the one")
    go: list[int] = Field(description="faces that would be another one's; people/{id}/split carries it out")


class Questions(BaseModel):
    """What there is to ask."""

    items: list[Suggestion]
    splits: list[Halves]
    revision: int


@reader.get("/suggestions", summary="Who may be one person", responses=told())
def suggestions(request: Request) -> Questions:
    """The nearest first; a No is kept, and not asked again."""
    catalogue = catalogue_of(request)
    if not catalogue.revision and not catalogue.people:
        return Questions(items=[], splits=[], revision=0)
    asides = asides_of(request)
    made = asides.asking.now(catalogue, _PATIENCE)
    if made is None:
        raise ProblemError(
            503, "the suggestions are still being worked out; ask again in a moment", {"Retry-After": str(AGAIN)}
        )
    items = [shown for question in made.ones if (shown := _suggestion(question, catalogue))]
    splits = [
        Halves(
            person=cards.Person.of(card, catalogue),
            why=question.why,
            distance=question.distance,
            stay=list(question.stay),
            go=list(question.movable),
        )
        for question in made.twos
        if (card := catalogue.person(question.person))
    ]
    return Questions(items=items, splits=splits, revision=catalogue.revision)


def _suggestion(question: MayBeOne, catalogue: Catalogue) -> Suggestion | None:
    """As it is told, if both people are there still."""
    one, other = catalogue.person(question.one), catalogue.person(question.other)
    if one is None or other is None:
        return None
    pairs = [(catalogue.face(one), catalogue.face(other), distance) for one, other, distance in question.pairs]
    return Suggestion(
        one=cards.Person.of(one, catalogue),
        other=cards.Person.of(other, catalogue),
        distance=question.distance,
        margin=question.margin,
        pairs=[Two(one=Face.of(a), other=Face.of(b), distance=distance) for a, b, distance in pairs if a and b],
    )


class Answer(Seen):
    """Whether two people are one."""

    same: bool | None = Field(description="true: they are made one; false: two for good; null: a No is taken back")


@writer.post("/suggestions/{one}/{other}", summary="Answer a suggestion", responses=told(404, 409))
def answer(
    request: Request,
    one: PersonName,
    other: PersonName,
    body: Answer,
) -> Done:
    """Of two the one with a name of the user's stays; a No is kept whatever they are called later."""
    if body.revision is None:
        catalogue = catalogue_of(request)
        for name in (one, other):
            person_of(catalogue, name)
    return done(carry_out(request, "judge", {"one": one, "other": other, "same": body.same}, body))


@reader.get("/unknowns", summary="Faces of nobody", responses=told(410))
def unknowns(
    request: Request,
    order: Annotated[Literal["newest", "oldest", "best"], Query()] = "newest",
    ignored: Annotated[bool, Query(description="those that are ignored, instead")] = False,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Faces:
    """A page of the list; it stays in the order in which it began, without faces that have somebody by now."""
    catalogue = catalogue_of(request)
    lists: Lists = request.app.state.lists

    def begin() -> Sequence[int]:
        columns = catalogue.faces(None)
        places = columns.ordered(order)
        found: list[int] = columns.ids[places[columns.pinned[places] == ignored]].tolist()
        return found

    def show(number: int) -> Face | None:
        card = catalogue.face(number)
        return Face.of(card) if card and _is_unknown(card, ignored=ignored) else None

    page = lists.page(cursor, limit, begin, show)
    return Faces(items=page.items, next=page.next, total=page.total, revision=catalogue.revision)


class Group(BaseModel):
    """Unknown faces that are probably one person's."""

    faces: list[int] = Field(description="all of them, the best first; faces/assign names them")
    shown: list[Face] = Field(description=f"the best of them, {_SHOWN} at most")
    days: list[date] = Field(description="local, on which they were seen")
    sources: list[Name] = Field(description="in which they were seen")
    first: Time | None
    last: Time | None


class Groups(cards.Page):
    """A page of groups."""

    items: list[Group]


@reader.get("/unknowns/groups", summary="Unknown faces in groups", responses=told(410))
def groups(request: Request, cursor: Cursor = None, limit: Limit = 50) -> Groups:
    """Each probably of one person, those of most days first; then single ones. Ignored ones are left out."""
    catalogue = catalogue_of(request)
    lists: Lists = request.app.state.lists

    def begin() -> Sequence[UnknownGroup]:
        asides = asides_of(request)
        made = asides.unknown.now(catalogue, _PATIENCE)
        if made is None:
            sentence = "the groups are still being worked out; ask again in a moment"
            raise ProblemError(503, sentence, {"Retry-After": str(AGAIN)})
        return [*made.groups, *made.singles]

    def show(group: UnknownGroup) -> Group | None:
        found = [card for face in group.faces if (card := catalogue.face(face)) and _is_unknown(card)]
        if not found:
            return None
        return Group(
            faces=[card.id for card in found],
            shown=[Face.of(card) for card in found[:_SHOWN]],
            days=list(group.days),
            sources=list(group.sources),
            first=group.first,
            last=group.last,
        )

    page = lists.page(cursor, limit, begin, show)
    return Groups(items=page.items, next=page.next, total=page.total, revision=catalogue.revision)


def _is_unknown(card: FaceCard, *, ignored: bool = False) -> bool:
    return card.person is None and not card.excluded and card.pinned == ignored
