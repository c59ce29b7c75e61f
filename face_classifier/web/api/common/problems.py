"""Errors of the API, each as a problem of RFC 9457 whose ``detail`` is one sentence."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from face_classifier.core.disk.retry import ROOM, DiskError
from face_classifier.core.errors import InUseError, UserError
from face_classifier.core.names import shown
from face_classifier.web.api.common.text import Json
from face_classifier.web.doors.refusing import API
from face_classifier.web.pages.rendering import page

AGAIN = 5  # seconds after which it may be tried again, where the owner of the gallery is busy
_TYPE = "application/problem+json"
_PROGRAMS = re.compile(f"{API}|/faces/.*[.]jpg$")  # addresses of which they read the errors
_FULL = {errno.ENOSPC, errno.EDQUOT}
_MOST_FAULTS = 20  # of a request that are told
_logger = logging.getLogger(__name__)


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(default="about:blank", description="the kind of problem; about:blank: as HTTP's status says")
    title: str = Field(description="the status in words", examples=["Not Found"])
    status: int = Field(description="of HTTP", examples=[404])
    detail: str = Field(
        description="one sentence: what is wrong, and what to do", examples=["there is no person 'Ann'"]
    )
    merge_into: str | None = Field(default=None, description="of a name that is taken: who has it")


class ProblemError(Exception):
    """A request cannot be answered as it was asked."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        """What the problem tells.

        Parameters
        ----------
        status: of HTTP.
        detail: one sentence.
        headers: of the answer.
        more: further members of the problem.
        """
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, headers, more


def missing(detail: str) -> ProblemError:
    """What a request names is not there."""
    return ProblemError(404, detail)


def told(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that an endpoint may answer, for its documentation; those that any may are added."""
    return {
        status: {"model": Problem, "content": {_TYPE: {}}, "description": HTTPStatus(status).phrase}
        for status in sorted({*statuses, 401, 403, 422, 503})
    }


def handle_problems(app: FastAPI) -> None:
    """Have errors of the API answered as problems, and those of pages as pages."""

    def answer(request: Request, error: Exception) -> Response:
        problem = _problem_of(error)
        if not _PROGRAMS.match(request.url.path):
            if "text/html" in request.headers.get("accept", ""):
                status, sentence = problem.status, problem.detail
                return page(request, "problem.html", status_code=status, status=status, sentence=sentence)
            return PlainTextResponse(problem.detail[:1].upper() + problem.detail[1:] + ".\n", problem.status)
        return _answer(problem)

    for kind in (ProblemError, UserError, OSError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, answer)


def _answer(problem: ProblemError) -> Response:
    title = HTTPStatus(problem.status).phrase
    content = {"type": "about:blank", "title": title, "status": problem.status, "detail": problem.detail}
    return Json(content | problem.more, problem.status, dict(problem.headers or {}), _TYPE)


def _problem_of(error: Exception) -> ProblemError:
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, RequestValidationError):
        faults = error.errors()[:_MOST_FAULTS]
        return ProblemError(422, "; ".join(map(_fault, faults)), errors=[_place(fault["loc"]) for fault in faults])
    if isinstance(error, HTTPException):
        return ProblemError(error.status_code, _sentence_of(error), error.headers)
    if isinstance(error, InUseError):
        return ProblemError(503, shown(str(error)), {"Retry-After": str(AGAIN)})
    if isinstance(error, DiskError):
        return ProblemError(507 if ROOM in error.cure or "quota" in error.cure else 503, shown(str(error)))
    if isinstance(error, OSError):
        _logger.debug("a request fails", exc_info=error)
        full = error.errno in _FULL
        what = shown(f"{error.filename or 'the result folder'} cannot be used ({error.strerror or error})")
        return ProblemError(507 if full else 503, f"{what}; {ROOM if full else 'check that disk'} and try again")
    return ProblemError(422, shown(str(error)))


def _sentence_of(error: HTTPException) -> str:
    if error.status_code == 404 and error.detail == HTTPStatus.NOT_FOUND.phrase:
        return "there is nothing at this address; /api/v1/openapi.json tells what there is"
    if error.status_code == 405:
        return "this cannot be done at this address; /api/v1/openapi.json tells what can"
    return error.detail


def _fault(fault: Mapping[str, Any]) -> str:
    """What is wrong with a value of a request; the value itself is left out, since it may be long."""
    what = str(fault["msg"]).removeprefix("Value error, ")
    return f"{_place(fault['loc'])}: {what[:1].lower()}{what[1:]}"


def _place(place: Sequence[str | int]) -> str:
    return shown(".".join(map(str, place[1:])) or str(place[0] if place else "the request"))
