"""Writes: a command of `curate.commands` carried out for whoever asks, once for each Idempotency-Key."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from face_classifier.gallery.past.journal import PAGE
from face_classifier.web.api.common.problems import ProblemError
from face_classifier.web.api.common.text import Json, Name
from face_classifier.web.asked import site_of

_MOST = 2000  # answers that are remembered
_MOST_BYTES = 8 << 20  # of these
_LONGEST = 24 * 3600.0  # seconds
_OWNER = "owner"  # what `request.state.who` is for who is logged in


class Seen(BaseModel):
    """What whoever writes saw before."""

    revision: int | None = Field(
        default=None,
        ge=0,
        description="the revision that was seen: what was done since may be a conflict",
        examples=[12],
    )
    mine: list[int] = Field(
        default=[],
        max_length=1000,
        description="entries of the journal since that whoever writes made; none is a conflict",
    )


class Done(BaseModel):
    """What a write did."""

    undo: int | None = Field(description="`to` of journal/undo that takes it back; null: nothing was changed")
    entry: int | None = Field(default=None, description="its entry of the journal; null: nothing was changed")
    changed: list[int] = Field(description="faces that are somebody else's now, of at most a thousand")
    faces: int = Field(description="how many these are in all")
    revision: int = Field(description="of the result folder, after it")
    unseen: int = Field(default=0, description="entries of others since the revision that was seen")
    person: Name | None = Field(default=None, description="whose they are now, or who was written about")
    notes: list[str] = Field(default=[], description="sentences about what could not be done beside it")


def who_of(request: Request) -> str:
    """Who asks, as the doors know it."""
    return getattr(request.state, "who", None) or _OWNER


def carry_out(request: Request, name: str, arguments: dict[str, Any], seen: Seen | None = None) -> dict[str, Any]:
    """Have the owner carry out a command; returns its answer with ``notes``.

    Parameters
    ----------
    request : of whoever asks, whose name goes into the journal.
    name : one of `curate.commands.HANDLERS`.
    arguments : of that command, but for those of ``seen``.
    seen : what whoever asks saw before; None: the command takes no such thing.

    Raises
    ------
    ProblemError : 409, a conflict.
    UserError, InUseError : as the command does.
    """
    who = who_of(request)
    door = PAGE if who == _OWNER else f"{PAGE} {who}"
    given = {**arguments, "door": door}
    if seen is not None:
        given |= {"seen": seen.revision, "mine": seen.mine}
    answer, notes = site_of(request).carry_out(name, given)
    answer = dict(answer or {})
    if "conflict" in answer:
        more = {"merge_into": answer["merge_into"]} if answer.get("merge_into") else {}
        raise ProblemError(409, answer["conflict"], **more)
    return answer | {"notes": [*answer.pop("notes", []), *notes]}


def done(answer: dict[str, Any], person: str | None = None) -> Done:
    """The answer of a write. ``person``: whom it is about, unless the command answers that."""
    return Done(
        undo=answer["undo"],
        entry=answer["entry"],
        changed=answer.get("changed", []),
        faces=answer.get("faces", 0),
        revision=answer["revision"],
        unseen=answer.get("unseen", 0),
        person=answer.get("person", person),
        notes=answer["notes"],
    )


class Once:
    """Answers of writes, by who asked and their key, so that what is sent again is not done again."""

    def __init__(self, most: int = _MOST, most_bytes: int = _MOST_BYTES) -> None:
        """``most``: answers that are remembered; ``most_bytes``: of all of them."""
        self._most, self._most_bytes, self._bytes = most, most_bytes, 0
        self._answers: OrderedDict[tuple[str, str], tuple[bytes, float, Response | None]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, asked: tuple[str, str], what: bytes) -> Response | None:
        """The answer that was given to the same request; None: it is to be carried out, and `end` to be called.

        Parameters
        ----------
        asked: by whom, and the key.
        what: a hash of the request.

        Raises
        ------
        ProblemError: the key was another request's, or its request is still being carried out.
        """
        with self._lock:
            known = self._answers.get(asked)
            if known and known[2] is not None and monotonic() - known[1] > _LONGEST:
                self._drop(asked)
                known = None
            if known is None:
                self._answers[asked] = what, monotonic(), None
                return None
            if known[0] != what:
                raise ProblemError(422, "this Idempotency-Key was used for another request; make a new one for each")
            if known[2] is None:
                raise ProblemError(
                    409, "the request with this Idempotency-Key is still being carried out; ask again in a moment"
                )
            return known[2]

    def end(self, asked: tuple[str, str], answer: Response | None) -> None:
        """Remember the answer; None: it failed, and may be tried again."""
        with self._lock:
            what, began, _ = self._answers.pop(asked)
            if answer is None:
                return
            self._answers[asked] = what, began, answer
            self._bytes += len(answer.body)
            done = (key for key, known in list(self._answers.items()) if known[2] is not None)
            while len(self._answers) > self._most or self._bytes > self._most_bytes:
                if (oldest := next(done, None)) is None:
                    return
                self._drop(oldest)

    def _drop(self, asked: tuple[str, str]) -> None:
        _, _, answer = self._answers.pop(asked)
        self._bytes -= len(answer.body) if answer else 0


class _Write(APIRoute):
    """A route whose requests with an Idempotency-Key are carried out once."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def carry_out_once(request: Request) -> Response:
            key = request.headers.get("idempotency-key")
            if not key or request.method in ("GET", "HEAD"):
                return await handle(request)
            once: Once = request.app.state.once
            asked = who_of(request), key
            what = hashlib.sha256(f"{request.method} {request.url.path}\n".encode("utf-8", "surrogateescape"))
            what.update(await request.body())
            if answer := once.begin(asked, what.digest()):
                return Response(answer.body, answer.status_code, dict(answer.headers))
            answer = None
            try:
                answer = await handle(request)
            finally:
                once.end(asked, answer if answer is not None and answer.status_code < 300 else None)
            return answer

        return carry_out_once


def _key(
    idempotency_key: Annotated[
        str | None,
        Header(max_length=200, description="what is sent again with the same key and body is not done again"),
    ] = None,
) -> None:
    """Told in the documentation; `_Write` reads it."""


def reading(tag: str) -> APIRouter:
    """A router of endpoints that change nothing."""
    return APIRouter(prefix="/api/v1", tags=[tag], default_response_class=Json)


def writing(tag: str) -> APIRouter:
    """A router of endpoints that change something, once for each Idempotency-Key."""
    return APIRouter(
        prefix="/api/v1", tags=[tag], default_response_class=Json, route_class=_Write, dependencies=[Depends(_key)]
    )
