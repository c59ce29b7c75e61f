"""``/suggestions``: who may be one, and who may be two, one question at a time; and faces that may be others'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from face_classifier.core.errors import UserError
from face_classifier.gallery.reading.cards import FaceCard, PersonCard
from face_classifier.gallery.reading.catalogue import Catalogue, kept_apart
from face_classifier.web.aside.elsewhere import MayBeTheirs
from face_classifier.web.aside.questions import MayBeOne, MayBeTwo, Questions
from face_classifier.web.asked import asides_of, site_of
from face_classifier.web.pages.rendering import page

_PATIENCE = 1.0  # seconds for the questions of now; a page that has none says so, and goes on by itself
_QUEUE = 20  # questions on a page, shown one after the other
_KINDS = ("one", "two", "odd", "answered")

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@dataclass(frozen=True)
class ShownPair:
    """Two people who may be one, as the page shows them."""

    question: MayBeOne
    people: tuple[PersonCard, PersonCard]  # who would keep the name comes first
    pairs: Sequence[tuple[FaceCard, FaceCard, float]]  # in that order, too


@dataclass(frozen=True)
class ShownSplit:
    """A person who may be two, as the page shows both halves."""

    question: MayBeTwo
    stay: Sequence[FaceCard]
    go: Sequence[FaceCard]


@router.get("/suggestions")
def suggestions(request: Request) -> HTMLResponse:
    """Questions of one kind, ``?show=`` one, two, odd or answered; else of the first one of which there is any."""
    catalogue = site_of(request).reader.now()
    wished = request.query_params.get("show")
    problem = None
    found: Questions | None = Questions()
    odd: Sequence[MayBeTheirs] | None = ()
    if catalogue.people:
        try:
            found = asides_of(request).asking.now(catalogue, _PATIENCE)
            odd = asides_of(request).asking.elsewhere(catalogue, _PATIENCE if wished == "odd" else 0.0)
        except UserError as error:
            problem = str(error)
    asked = found or Questions()
    kind = wished if wished in _KINDS else _first(asked, odd) if found is not None else "one"
    return page(
        request,
        "suggestions.html",
        kind=kind,
        catalogue=catalogue,
        is_ready=(odd if kind == "odd" else found) is not None,
        problem=problem,
        counts={
            "one": len(asked.ones),
            "two": len(asked.twos),
            "odd": sum(len(group.faces) for group in odd or ()),
            "answered": len(kept_apart(catalogue)),
        },
        pairs=[_pair(question, catalogue) for question in asked.ones[:_QUEUE]] if kind == "one" else [],
        splits=[_split(question, catalogue) for question in asked.twos[:_QUEUE]] if kind == "two" else [],
        groups=odd if kind == "odd" else (),
        answered=_answered(catalogue) if kind == "answered" else [],
    )


def _first(asked: Questions, odd: Sequence[MayBeTheirs] | None) -> str:
    if asked.ones or not (asked.twos or odd):
        return "one"
    return "two" if asked.twos else "odd"


def _pair(question: MayBeOne, catalogue: Catalogue) -> ShownPair:
    cards = [catalogue.person(question.one), catalogue.person(question.other)]
    one, other = (card for card in cards if card)
    faces = [
        (first, second, distance)
        for one_face, other_face, distance in question.pairs
        if (first := catalogue.face(one_face)) and (second := catalogue.face(other_face))
    ]
    if (other.named, other.faces) > (one.named, one.faces):
        return ShownPair(question, (other, one), [(second, first, distance) for first, second, distance in faces])
    return ShownPair(question, (one, other), faces)


def _split(question: MayBeTwo, catalogue: Catalogue) -> ShownSplit:
    stay, go = ([card for face in faces if (card := catalogue.face(face))] for faces in (question.stay, question.go))
    return ShownSplit(question, stay, go)


def _answered(catalogue: Catalogue) -> list[tuple[PersonCard, PersonCard]]:
    pairs = [(catalogue.person(one), catalogue.person(other)) for one, other in kept_apart(catalogue)]
    return [(one, other) for one, other in pairs if one and other]
