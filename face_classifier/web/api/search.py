"""``/api/v1/search``: who looks like the faces in a picture that is uploaded; nothing of it is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import cv2
import numpy as np
from fastapi import Query
from pydantic import BaseModel, Field
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from face_classifier.core.config.settings import Settings
from face_classifier.core.types import Box, Encoding, Image
from face_classifier.gallery.opening import as_gallery, open_existing
from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.photos.finder import FaceFinder
from face_classifier.sources.picture import decode_bytes
from face_classifier.vision.engine import make_engine
from face_classifier.web.api.common import cards
from face_classifier.web.api.common.cards import Face, catalogue_of
from face_classifier.web.api.common.problems import ProblemError, told
from face_classifier.web.api.common.writing import reading, who_of
from face_classifier.web.asked import site_of

searcher = reading("search")

MOST_BYTES = 40_000_000  # of a picture: phones make no larger ones
_MOST_HEAD = 10_000  # bytes beside it in a form
_SECONDS = 30.0  # for receiving it, and as many for looking at it
_SIDE = 2560  # pixels of the longer side in which faces are looked for
_MOST_FACES = 50  # of a picture
_NAME = "picture"  # of the field
_NOT_READ = {"Connection": "close"}  # whoever sends more would send it to nobody


class Alike(BaseModel):
    """A face of the result folder that looks like one in the picture."""

    face: Face
    distance: float = Field(description="L2")


class Found(BaseModel):
    """A face in the picture."""

    box: tuple[int, int, int, int] = Field(description="top, right, bottom, left in the upright picture, pixels")
    quality: float | None = Field(description="0 to 1")
    people: list[cards.Person] = Field(description="the nearest people, with the L2 to their averages")
    faces: list[Alike] = Field(description="the nearest faces, unknown ones included")


class Seen(BaseModel):
    """What was found in a picture."""

    width: int
    height: int
    faces: list[Found] = Field(description="from left to right")
    revision: int


_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [_NAME],
                    "properties": {_NAME: {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


@searcher.post(
    "/search", summary="Who looks like the faces in a picture", responses=told(408, 413, 415, 429), openapi_extra=_FORM
)
async def search(
    request: Request, k: Annotated[int, Query(ge=1, le=100, description="how many people and faces each")] = 9
) -> Seen:
    """The picture is the field `picture` of a form; it is read in memory, and nothing of it is kept or written."""
    searches: Searches = request.app.state.searches
    with searches.one_of(who_of(request)):
        try:
            content = await asyncio.wait_for(_received(request), _SECONDS)
        except asyncio.TimeoutError:
            sentence = f"the picture took longer than {_SECONDS:g} seconds to arrive; send it again"
            raise ProblemError(408, sentence, _NOT_READ) from None
        work = asyncio.ensure_future(run_in_threadpool(_searched, request, searches, content, k))
        try:
            return await asyncio.wait_for(asyncio.shield(work), _SECONDS)
        except asyncio.TimeoutError:
            raise ProblemError(422, f"the picture takes longer than {_SECONDS:g} seconds; make it smaller") from None


class Searches:
    """What searches share: the engine, which is made by the first, and who searches now."""

    def __init__(self) -> None:
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._finders: dict[str, FaceFinder] = {}

    @contextmanager
    def one_of(self, who: str) -> Iterator[None]:
        """Within, ``who`` searches. Raises ProblemError where another search of theirs goes on."""
        with self._lock:
            if who in self._busy:
                raise ProblemError(
                    429, "another picture is searched for you; wait until that is done", {"Retry-After": "2"}
                )
            self._busy.add(who)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(who)

    def finder(self, settings: Settings) -> FaceFinder:
        """Finds faces and encodes them as the result folder does. Raises UserError where a model cannot be had."""
        with open_existing(settings, writing=False) as store:
            own = as_gallery(settings, store)
        with self._making:
            if own.encoder not in self._finders:
                chosen = own.engine, own.detector, 1.0, _pass_over, own.encoder
                engine = make_engine(*chosen, precision=own.precision)
                self._finders = {str(own.encoder): FaceFinder(engine)}
            return self._finders[str(own.encoder)]


def _pass_over(_sentence: str) -> None:
    """A hint about the engine, which the program told at its start."""


async def _received(request: Request) -> bytes:
    """The picture of the form. Raises ProblemError where there is none, or as soon as it is too large."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise ProblemError(415, f"the picture must come as the field {_NAME} of a form, multipart/form-data")
    if (length := request.headers.get("content-length", "")).isdecimal() and int(length) > MOST_BYTES + _MOST_HEAD:
        raise _too_large()
    received = 0
    try:
        form = _Form(boundary)
        async for block in request.stream():
            received += len(block)
            if received > MOST_BYTES + _MOST_HEAD:
                raise _too_large()
            form.take(block)
        form.parser.finalize()
    except (FormParserError, ValueError) as error:
        raise ProblemError(
            422, "what was sent is not a form that can be read; send it as multipart/form-data"
        ) from error
    except ClientDisconnect:
        raise ProblemError(408, "the picture did not arrive whole; send it again") from None
    if not form.content:
        raise ProblemError(422, f"the form has no picture; send it as its field {_NAME}")
    return bytes(form.content)


def _too_large() -> ProblemError:
    sentence = f"a picture may have at most {MOST_BYTES / 1e6:.0f} MB; make it smaller first"
    return ProblemError(413, sentence, _NOT_READ)


class _Form:
    """Takes the picture out of a form, as its pieces come."""

    def __init__(self, boundary: bytes) -> None:
        self.content = bytearray()
        self._header, self._value = b"", b""
        self._is_ours = self._was_ours = False
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._field,
                "on_header_value": self._of_value,
                "on_header_end": self._end_header,
                "on_part_data": self._data,
                "on_part_end": self._end,
            },
        )

    def take(self, block: bytes) -> None:
        self.parser.write(block)

    def _begin(self) -> None:
        self._is_ours = False

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._check()

    def _of_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check()

    def _check(self) -> None:
        if len(self._header) + len(self._value) > _MOST_HEAD:
            raise ValueError("a header is too long")

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._is_ours = options.get(b"name") == _NAME.encode() and not self._was_ours
        self._header = self._value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_ours:
            self.content += data[start:end]

    def _end(self) -> None:
        self._was_ours |= self._is_ours


def _searched(request: Request, searches: Searches, content: bytes, k: int) -> Seen:
    """What is in a picture, in a thread of its own. Raises UserError where it cannot be read."""
    catalogue = catalogue_of(request)
    image = decode_bytes(content, _NAME).image
    height, width = image.shape[:2]
    small, scale = _small(image)
    found, _ = searches.finder(site_of(request).settings()).find_in(small)
    return Seen(
        width=width,
        height=height,
        faces=[
            Found(
                box=_box(face.box, scale),
                quality=face.quality,
                people=_people(catalogue, face.encoding, k),
                faces=_faces(catalogue, face.encoding, k),
            )
            for face in found[:_MOST_FACES]
        ],
        revision=catalogue.revision,
    )


def _box(box: Box, scale: float) -> tuple[int, int, int, int]:
    top, right, bottom, left = (round(side * scale) for side in box.css)
    return top, right, bottom, left


def _small(image: Image) -> tuple[Image, float]:
    """A picture in which faces are found in time, and by how much it was made smaller."""
    scale = max(1.0, max(image.shape[:2]) / _SIDE)
    if scale == 1.0:
        return image, scale
    small = cv2.resize(image, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small, np.uint8), scale


def _people(catalogue: Catalogue, encoding: Encoding, k: int) -> list[cards.Person]:
    if not catalogue.names:
        return []
    averages = np.array([catalogue.faces(name).average for name in catalogue.names])
    distances = np.linalg.norm(averages - encoding, axis=1)
    nearest = [int(place) for place in np.argsort(distances, kind="stable")[:k]]
    found = [(catalogue.person(catalogue.names[place]), float(distances[place])) for place in nearest]
    return [cards.Person.of(card, catalogue, distance) for card, distance in found if card]


def _faces(catalogue: Catalogue, encoding: Encoding, k: int) -> list[Alike]:
    near: list[tuple[float, int]] = []
    for name in (None, *catalogue.names):
        columns = catalogue.faces(name)
        distances = columns.distances_to(encoding)
        near += [(float(distances[place]), int(columns.ids[place])) for place in np.argsort(distances)[:k]]
    cards_of = ((catalogue.face(face), distance) for distance, face in sorted(near)[:k])
    return [Alike(face=Face.of(card), distance=distance) for card, distance in cards_of if card]
