"""``/api/v1/suggestions``: two people who may be one; ``unknowns``: faces of nobody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field
from starlette.requests import Request

from face_classifier.web.api.common.cards import Face, Faces, catalogue_of, person_of
from face_classifier.web.api.common.lists import Cursor, Limit, Lists
from face_classifier.web.api.common.problems import told
from face_classifier.web.api.common.text import PersonName
from face_classifier.web.api.common.writing import Done, Seen, carry_out, done, reading, writing

reader, writer = reading("questions"), writing("questions")


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
        is_so = card is not None and card.person is None and not card.excluded and card.pinned == ignored
        return Face.of(card) if card and is_so else None

    page = lists.page(cursor, limit, begin, show)
    return Faces(items=page.items, next=page.next, total=page.total, revision=catalogue.revision)
