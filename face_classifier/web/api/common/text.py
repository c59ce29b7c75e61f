"""Names and times as JSON has them: a name may hold bytes that are no UTF-8, and times are RFC 3339 in UTC."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any

from fastapi import Path
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from starlette.responses import JSONResponse

from face_classifier.core import names

_LONGEST = 1000  # signs of a name


class Json(JSONResponse):
    """JSON in which what no text can show is escaped, so that readers get the same names."""

    def render(self, content: Any) -> bytes:
        return names.json_text(content).encode()


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a name must be a text")
    if not 0 < len(value) <= _LONGEST:
        raise ValueError(f"a name must have 1 to {_LONGEST} signs")
    return value


def _time(value: object) -> datetime:
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(time, datetime):
        raise ValueError("must be a time")
    return time.astimezone(timezone.utc)


def rfc3339(time: datetime) -> str:
    """``2026-11-27T10:11:26.123456Z``."""
    return time.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


Name = Annotated[
    str,
    PlainValidator(_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": _LONGEST, "examples": ["Ann"]}),
]
"""A name of a person or a file; unlike pydantic's texts it may hold bytes that are no UTF-8, as lone surrogates."""

Time = Annotated[
    datetime,
    PlainValidator(_time),
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-27T10:11:26.123456Z"]}),
]


PersonName = Annotated[str, Path(max_length=_LONGEST, description="the name of a person", examples=["Ann"])]
"""The name of a person in an address: the program leaves folders alone whose names are no UTF-8."""
