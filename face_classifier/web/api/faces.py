"""``/api/v1/faces``: what can be said of faces, and their pictures."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from face_classifier.curate.questions import explain
from face_classifier.web.api.common import cards
from face_classifier.web.api.common.cards import Face, catalogue_of, check_faces, face_of
from face_classifier.web.api.common.lists import numbers_of
from face_classifier.web.api.common.problems import ProblemError, told
from face_classifier.web.api.common.text import Json, Name
from face_classifier.web.api.common.writing import Done, Seen, carry_out, done, reading, writing
from face_classifier.web.asked import site_of

reader, writer = reading("faces"), writing("faces")
pictures = APIRouter(tags=["faces"])

NEW = "new"
_YEAR = 365 * 24 * 3600  # seconds
_MOST = 100_000  # faces of a request
_NUMBERS = 1 << 63  # of faces
Number = Annotated[int, Path(ge=0, lt=_NUMBERS, description="number of the face", examples=[12])]


class Nearest(BaseModel):
    """A person who may be meant."""

    person: Name
    distance: float = Field(description="L2 of the person's average to the mean of the faces")
    faces: int = Field(description="how many the person has")
    picture: str | None


@reader.get("/faces/nearest", summary="The people nearest to some faces", responses=told())
def nearest(
    request: Request,
    faces: Annotated[str, Query(max_length=20_000, description="their numbers", examples=["12,13"])],
    k: Annotated[int, Query(ge=1, le=100, description="how many people")] = 9,
) -> list[Nearest]:
    """Without who it is already, and of whom it was said that it is not them."""
    catalogue = catalogue_of(request)
    found = []
    for name, distance in catalogue.nearest(numbers_of(faces, "faces"), k):
        if card := catalogue.person(name):
            person = cards.Person.of(card, catalogue)
            found.append(Nearest(person=name, distance=distance, faces=card.faces, picture=person.picture))
    return found


@reader.get("/faces/{face}", summary="A face", responses=told(404))
def one(request: Request, face: Number) -> Face:
    """What is known of a face."""
    return Face.of(face_of(catalogue_of(request), face))


@reader.get("/faces/{face}/explain", summary="Why a face is whose it is", responses=told(404), response_class=Json)
def why(request: Request, face: Number) -> dict[str, Any]:
    """As `face-classifier explain --json` tells it."""
    card = face_of(catalogue_of(request), face)
    if card.excluded:
        raise ProblemError(404, f"face {face} was put aside by the user, which is all there is to explain")
    return explain.record(explain.explain_number(site_of(request).settings(), face, _Silent()))


class _Silent:
    """Is told what is wrong with other faces, which is not what was asked."""

    def problem(self, sentence: str) -> None: ...

    def at_end(self, sentence: str) -> None: ...


class Some(Seen):
    """Faces, by their numbers."""

    faces: list[Annotated[int, Field(ge=0, lt=_NUMBERS)]] = Field(min_length=1, max_length=_MOST, examples=[[12, 13]])


class Assigning(Some):
    """Whose faces are, or are not."""

    person: Name | None = Field(
        description='a name, of whom is there or is made; null: nobody\'s, and not to be placed; "new": a new person',
        examples=["Ann"],
    )
    not_: Name | None = Field(
        default=None, alias="not", description="a person whom they are not, which is kept until it is taken back"
    )
    new: bool | None = Field(
        default=None, description='a new person; false: "new" is the name of a person. null: as `person` says'
    )


@writer.post("/faces/assign", summary="Say whose faces are", responses=told(404, 409))
def assign(request: Request, body: Assigning) -> Done:
    """Faces become a person's, a new person's, or nobody's; with `not` it is kept who they are not."""
    check_faces(catalogue_of(request), body.faces, body.revision)
    is_new = body.new if body.new is not None else body.person == NEW
    person = None if is_new else body.person
    return done(
        carry_out(request, "assign", {"faces": body.faces, "person": person, "new": is_new, "not": body.not_}, body)
    )


@writer.post("/faces/ignore", summary="Leave faces unknown", responses=told(404, 409))
def ignore(request: Request, body: Some) -> Done:
    """They are not placed, and not asked about again."""
    return _said(request, "ignore", body)


@writer.post("/faces/exclude", summary="Put faces aside for good", responses=told(404, 409))
def exclude(request: Request, body: Some) -> Done:
    """They are nobody's, and a lasting "not this person"; as `face-classifier reject`."""
    return _said(request, "exclude", body)


class Restoring(Some):
    """What is no longer said of faces."""

    not_: Name | None = Field(default=None, alias="not", description="besides, that they are not this person")


@writer.post("/faces/restore", summary="Take back what was said of faces", responses=told(404, 409))
def restore(request: Request, body: Restoring) -> Done:
    """Excluded and ignored ones are as they were; of others it is no longer said that they are not somebody."""
    return _said(request, "restore", body, {} if body.not_ is None else {"not": body.not_})


def _said(request: Request, command: str, body: Some, more: dict[str, Any] | None = None) -> Done:
    check_faces(catalogue_of(request), body.faces, body.revision)
    return done(carry_out(request, command, {"faces": body.faces, **(more or {})}, body))


@pictures.get(
    "/faces/{face}.jpg",
    summary="The picture of a face",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 304: {"description": "as the browser has it"}, **told(404)},
)
def picture(
    request: Request,
    face: Annotated[int, Path(description="number of the face", examples=[12])],
    w: Annotated[int | None, Query(ge=1, le=10_000, description="pixels that are needed; none: as it is")] = None,
    v: Annotated[str | None, Query(max_length=64, description="its hash, by which it never changes")] = None,
) -> Response:
    """With the right hash a browser keeps it for a year; it is gone from here with the face."""
    found = site_of(request).reader.picture(face, w) if 0 <= face < _NUMBERS else None
    if found is None:
        raise ProblemError(404, f"there is no face {face}; it may be gone by now", {"Cache-Control": "no-store"})
    etag = f'"{found.hash[:16]}-{w or 0}"'
    kept = f"private, max-age={_YEAR}, immutable" if v == found.hash[:8] else "private, no-cache"
    headers = {"Cache-Control": kept, "ETag": etag, "X-Content-Type-Options": "nosniff"}
    if etag in {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(found.jpeg, headers=headers, media_type="image/jpeg")
