"""The page of the addresses that the page answers: the API by its OpenAPI document, the pages, health and figures."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from starlette.routing import Mount, Route, WebSocketRoute

from face_classifier.core.config.settings import Settings
from face_classifier.daemon.status import GalleryStatus, Status, Times
from face_classifier.web import health
from face_classifier.web.app import make_app
from face_classifier.web.doors.who import is_open, scope_of
from face_classifier.web.site import Site
from scripts.reference.tables import plain, table, value

_NONE = Times()
STATUS = Status(1, 0.0, GalleryStatus("", 0.0, 0, 0, 0, 0, _NONE), (), (), _NONE, 0, ())
TEXT = """# Addresses of the page

What `watch` and `web` answer. [The page](page.md) tells who may ask, and [Use the page](../page.md#for-programs) shows
how with `curl`. `/api/v1/openapi.json` tells the API to programs.

A token needs the scope that stands behind an address; `open` needs none. Every answer but a picture is JSON. An error
is a problem of RFC 9457, with one of the statuses that are named. Times are RFC 3339 in UTC, distances L2.
"""


def page() -> str:
    settings = Settings()
    app = make_app(Site(lambda: settings, _nothing, None, lambda: STATUS))  # type: ignore[arg-type]  # nobody asks it
    document = app.openapi()
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    others = [row for row in _routes(app.routes, lambda route: route.path) if tuple(row[:2]) not in told]
    return "\n".join(
        [
            TEXT,
            *_operations(document),
            "## What is sent and answered\n",
            *_schemas(document["components"]["schemas"]),
            "## Other addresses\n",
            table(
                ("address", "what it is", "scope"),
                ((f"`{method} {path}`", text, scope) for method, path, text, scope in sorted(others, key=_by_path)),
            ),
            "## Figures\n",
            "What `/metrics` tells Prometheus.\n",
            table(("figure", "meaning", "kind", "labels"), _figures()),
        ]
    )


def _nothing(command: str, _arguments: dict[str, Any]) -> Any:
    raise AssertionError(f"{command} was carried out")


def _by_path(row: Sequence[str]) -> tuple[str, str]:
    return row[1], row[0]


def _operations(document: dict[str, Any]) -> Iterator[str]:
    """A section a tag, with a part an operation."""
    tag = None
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag != (tag := operation["tags"][0]):
                yield f"## {tag.capitalize()}\n"
            yield f"### {method.upper()} {path.removeprefix('/api/v1')}\n"
            statuses = ", ".join(sorted(operation["responses"]))
            yield (
                f"`{method.upper()} {path}`, scope `{_scope(method.upper(), path)}`. {plain(operation['summary'])}. "
                f"{plain(operation['description'])}\n"
            )
            yield table(
                ("parameter", "meaning", "values", "default"),
                (
                    (
                        f"`{one['name']}` ({one['in']})",
                        plain(one.get("description", "")),
                        _kind(one["schema"]),
                        "must be given" if one["required"] else _default(one["schema"]),
                    )
                    for one in operation.get("parameters", [])
                ),
            )
            yield f"{_body(operation)}Answers {_answer(operation)}. Statuses: {statuses}.\n"


def _scope(method: str, path: str) -> str:
    asked = {"type": "http", "method": method, "path": path}
    return "open" if is_open(asked) else scope_of(asked)


def _body(operation: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    told = [_kind(one["schema"]) + (f" (`{kind}`)" if "json" not in kind else "") for kind, one in content.items()]
    return f"Send {' or '.join(told)}. " if told else ""


def _answer(operation: dict[str, Any]) -> str:
    (good,) = [one for status, one in operation["responses"].items() if status.startswith("2")]
    told = [
        _kind(one["schema"]) if one.get("schema") and "json" in kind else f"`{kind}`"
        for kind, one in good.get("content", {}).items()
    ]
    return " or ".join(told) or "nothing"


def _schemas(schemas: dict[str, Any]) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        yield f"### {name}\n"
        yield plain(schema.get("description", "")) + "\n"
        needed = schema.get("required", [])
        yield table(
            ("key", "meaning", "values", "default"),
            (
                (
                    f"`{key}`",
                    plain(one.get("description", "")),
                    _kind(one),
                    "" if key in needed else _default(one),
                )
                for key, one in schema.get("properties", {}).items()
            ),
        )


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema:
        return "may be left out"
    return '`""`' if schema["default"] == "" else value(schema["default"])


def _kind(schema: dict[str, Any]) -> str:
    """What a schema takes, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return ", ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"a list of {_kind(schema.get('items', {}))}"
    words = {"string": "text", "integer": "whole number", "boolean": "true, false", "object": "object", "null": "null"}
    word = words.get(schema.get("type", ""), "number" if schema.get("type") == "number" else "anything")
    if schema.get("format") == "date-time":
        word = "time"
    low, high = schema.get("minimum"), schema.get("maximum")
    return word + (f" from {low:g}" if low is not None else "") + (f" to {high:g}" if high is not None else "")


def _routes(routes: Sequence[Any], path_of: Callable[[Any], str]) -> Iterator[tuple[str, str, str, str]]:
    """Method, path, the first sentence about it, and scope."""
    for route in routes:
        if context := getattr(route, "include_context", None):  # FastAPI's, since it includes routers as they are
            yield from _routes(route.original_router.routes, context.path_for)
            continue
        path = path_of(route)
        if isinstance(route, Mount):
            yield "GET", f"{path}/…", "Scripts, styles and pictures of the pages.", "open"
        elif isinstance(route, WebSocketRoute):
            yield "GET", path, _sentence(route.endpoint), scope_of({"type": "websocket", "path": path})
        elif isinstance(route, Route):
            for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
                yield method, path, _sentence(route.endpoint), _scope(method, path)


def _sentence(endpoint: Any) -> str:
    text = inspect.getdoc(endpoint) or ""
    return plain(re.split(r"(?<=\.)\s", text, maxsplit=1)[0])


def _figures() -> Iterator[tuple[str, str, str, str]]:
    for one in health.Figures(lambda: STATUS).collect():
        name = one.name + ("_total" if one.type == "counter" else "")
        yield f"`{name}`", plain(one.documentation), one.type, ", ".join(f"`{label}`" for label in one._labelnames)
