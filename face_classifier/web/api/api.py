"""All of /api/v1, with the pictures of faces."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from face_classifier.web.api import cameras, faces, past, people, questions, search, visits
from face_classifier.web.api.common.lists import Lists, Remembered
from face_classifier.web.api.common.problems import Problem, handle_problems, told
from face_classifier.web.api.common.writing import Once
from face_classifier.web.api.search import Searches

_ROUTERS = (
    people.reader,
    people.writer,
    faces.reader,
    faces.writer,
    faces.pictures,
    questions.reader,
    questions.writer,
    visits.reader,
    visits.writer,
    past.reader,
    past.writer,
    search.searcher,
)
TEXT = """Who is in a result folder, who passed when, and corrections of who is who.

Reading takes no lock and asks nobody. A write may tell the `revision` that was seen: what was done since may be a
conflict (409), and then nothing is changed. Errors are problems of RFC 9457, times RFC 3339 in UTC."""


def add_api(app: FastAPI) -> None:
    """Add the API to an application, whose ``state.site`` it asks."""
    app.state.lists, app.state.remembered = Lists(), Remembered()
    app.state.once, app.state.searches = Once(), Searches()
    app.description = TEXT
    handle_problems(app)
    for router in _ROUTERS:
        app.include_router(router)
    app.include_router(cameras.router, tags=["cameras"], responses=told(404, 409))
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_problems(made())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI's documentation tells


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """The document, in which errors are problems alone: FastAPI tells JSON, and its own errors, too."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.setdefault("Problem", Problem.model_json_schema())
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response["content"] = problem
    for gone in ("HTTPValidationError", "ValidationError"):
        schemas.pop(gone, None)
    return document
