"""People and faces as the API tells them."""

from __future__ import annotations

from pydantic import BaseModel, Field
from starlette.requests import Request

from face_classifier.gallery.reading.cards import FaceCard, PersonCard
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.web.addresses import face_url
from face_classifier.web.api.common.problems import AGAIN, ProblemError, missing
from face_classifier.web.api.common.text import Name, Time
from face_classifier.web.asked import site_of


def picture_of(face: FaceCard) -> str:
    """The address of its picture, 112 pixels wide."""
    return face_url(face.id, face.hash, 112)


class Face(BaseModel):
    """A face that is kept."""

    id: int
    name: Name = Field(description="of its picture's file, without the ending", examples=["20261127_101126.123-0"])
    person: Name | None = Field(description="whose it is; null: nobody's yet")
    time: Time | None = Field(description="when it was seen")
    source: Name | None = Field(description="path of the file as given, or name of the camera")
    position: float | None = Field(description="seconds, the source's clock")
    track: int | None
    quality: float | None = Field(description="0 to 1; null: never assessed")
    distance: float | None = Field(description="L2 to the average of its person as it is now")
    corrected: bool = Field(description="the user said whose it is")
    ignored: bool = Field(description="it is unknown by the user's word, and not asked about")
    excluded: bool = Field(description="the user put it aside for good")
    picture: str = Field(description="address of its picture", examples=["/faces/12.jpg?w=112&v=0a1b2c3d"])

    @classmethod
    def of(cls, card: FaceCard) -> Face:
        return cls(
            id=card.id,
            name=card.name,
            person=card.person,
            time=card.time,
            source=card.source,
            position=card.position,
            track=card.track,
            quality=card.quality,
            distance=card.distance,
            corrected=card.corrected,
            ignored=card.pinned,
            excluded=card.excluded,
            picture=picture_of(card),
        )


class Person(BaseModel):
    """Somebody with at least one face."""

    id: Name = Field(description="of addresses: the name")
    name: Name
    faces: int = Field(description="how many")
    first: Time | None = Field(description="when they were seen first")
    last: Time | None
    named: bool = Field(description="by the user, rather than by the program")
    hidden: bool = Field(description="from lists, by the user's word")
    face: int = Field(description="the face that stands for them")
    picture: str | None = Field(description="address of its picture", examples=["/faces/12.jpg?w=112&v=0a1b2c3d"])
    distance: float | None = Field(default=None, description="L2 to the faces that were asked about")

    @classmethod
    def of(cls, card: PersonCard, catalogue: Catalogue, distance: float | None = None) -> Person:
        face = catalogue.face(card.best)
        return cls(
            id=card.name,
            name=card.name,
            faces=card.faces,
            first=card.first,
            last=card.last,
            named=card.named,
            hidden=card.hidden,
            face=card.best,
            picture=picture_of(face) if face else None,
            distance=distance,
        )


class Page(BaseModel):
    """A page of a list."""

    next: str | None = Field(description="`cursor` of the next page; null: this is the last one")
    total: int = Field(description="how many the whole list has")
    revision: int = Field(description="of the result folder, for writes")


class Faces(Page):
    """A page of faces."""

    items: list[Face]


class People(Page):
    """A page of people."""

    items: list[Person]


def catalogue_of(request: Request) -> Catalogue:
    """Who is in the result folder now. Raises ProblemError where it cannot be read."""
    catalogue = site_of(request).reader.now()
    if catalogue.problem:
        raise ProblemError(503, catalogue.problem, {"Retry-After": str(AGAIN)})
    return catalogue


def face_of(catalogue: Catalogue, face: int) -> FaceCard:
    """A face. Raises ProblemError where there is none."""
    card = catalogue.face(face)
    if card is None:
        raise missing(f"there is no face {face}; it may be gone by now")
    return card


def check_faces(catalogue: Catalogue, faces: list[int], revision: int | None) -> None:
    """Raise ProblemError where one of the faces is not there: a conflict for who saw it."""
    gone = next((face for face in faces if catalogue.face(face) is None), None)
    if gone is not None and revision is None:
        raise missing(f"there is no face {gone}; it may be gone by now")


def person_of(catalogue: Catalogue, name: str) -> PersonCard:
    """A person. Raises ProblemError where there is none of that name."""
    card = catalogue.person(name)
    if card is None:
        raise missing(f"there is no person {name!r} with faces; /api/v1/people lists the names")
    return card
