"""What keys of the configuration hold: durations, sizes, hours, days, polygons, lists of words.

Each reader takes a text as it is written in a file or a variable, or what it makes of one. It raises a ValueError that
names the rule: `sentences` puts key, place and value before it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import time
from itertools import combinations
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from face_classifier.core.schedule import DAYS, Schedule

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SECONDS = {"": 1, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
for _word, _unit in (("second", "s"), ("minute", "m"), ("hour", "h"), ("day", "d"), ("week", "w")):
    _SECONDS |= {_word: _SECONDS[_unit], f"{_word}s": _SECONDS[_unit]}
_BYTES = {"": 1, "b": 1} | {f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)}
_BYTES |= {f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)\s*", re.IGNORECASE | re.ASCII)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_NAME = re.compile(r"[^\W_][\w .-]{0,62}(?<! )")
_VARIABLE = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE | re.ASCII)


class DisagreementError(ValueError):
    """What keys of one mapping say together cannot be: the text goes on after the mapping's key and place."""


class Part(BaseModel):
    """A mapping of the configuration: unknown keys are refused, and null is the default."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        defer_build=True,  # no command waits for what it does not use
    )

    @model_validator(mode="before")
    @classmethod
    def _default_for_null(cls, given: Any) -> Any:
        if given is None:
            return {}
        if not isinstance(given, dict):
            return given
        fields = cls.model_fields
        return {
            key: value
            for key, value in given.items()
            if value is not None or key not in fields or fields[key].default is None
        }


def _amount(given: object, units: dict[str, int]) -> float:
    """A number with a unit. Raises ValueError."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        number = float(given)
    elif isinstance(given, str) and (match := _AMOUNT.fullmatch(given)) and match[2].lower() in units:
        number = float(match[1]) * units[match[2].lower()]
    else:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise ValueError
    return number


def duration(given: object) -> float:
    """Seconds of ``90``, ``"90 s"``, ``"10 min"``, ``"72h"``, ``"30 d"`` or ``"2 w"``. Raises ValueError."""
    try:
        return _amount(given, _SECONDS)
    except (ValueError, OverflowError):
        raise ValueError('a duration, such as 30 (seconds), "10 min", "72h" or "30 d"') from None


def size(given: object) -> int:
    """Bytes of ``"2 GB"``, ``"500 MB"``, ``"1 GiB"`` or a number. Raises ValueError."""
    try:
        return int(_amount(given, _BYTES))
    except (ValueError, OverflowError):
        raise ValueError('a size, such as "500 MB" or "2 GB"') from None


def clock(given: object) -> time:
    """A time of day of ``"21:00"``. Raises ValueError."""
    if isinstance(given, time):
        return given
    match = _CLOCK.fullmatch(given.strip()) if isinstance(given, str) else None
    if not match:
        raise ValueError('a time of day, such as "21:00"')
    return time(int(match[1]), int(match[2]))


def hours(given: object) -> str:
    """A part of the day as `Schedule` takes it: ``07:00-22:00`` of ``"7:00 - 22:00"``. Raises ValueError."""
    ends = [end.strip() for end in given.split("-")] if isinstance(given, str) else []
    text = "-".join(end.zfill(5) for end in ends)
    try:
        Schedule([text])
    except ValueError:
        raise ValueError('hours from and to, such as "07:00-22:00" or over midnight "22:00-06:00"') from None
    return text


def day(given: object) -> str:
    """``mon`` of ``mon``, ``Mon`` or ``Monday``. Raises ValueError."""
    word = given.strip().lower() if isinstance(given, str) else ""
    if word not in DAYS and word not in _WEEKDAYS:
        raise ValueError(f"one of {', '.join(DAYS)}")
    return word[:3]


def name(given: str) -> str:
    """The name of a camera, zone or channel: it stands in topics, files and lines. Raises ValueError."""
    if not _NAME.fullmatch(given):
        raise ValueError(
            "a name of letters, digits, spaces, '.', '_' and '-', at most 63, that begins with a letter or digit"
        )
    return given


def variable(given: str) -> str:
    """The name of a variable of the environment. Raises ValueError."""
    if not _VARIABLE.fullmatch(given):
        raise ValueError("the name of a variable of the environment, such as DOOR_PASSWORD")
    return given


def listed(given: object) -> object:
    """A list of a text: JSON where it begins with ``[``, else words with commas between them. Raises ValueError."""
    if not isinstance(given, str):
        return given
    if given.lstrip().startswith("["):
        try:
            return json.loads(given)
        except (ValueError, RecursionError):
            raise ValueError("a list: words with commas between them, or JSON") from None
    return [word.strip() for word in given.split(",") if word.strip()]


def polygons(given: object) -> object:
    """A list of polygons; one alone is a list of it."""
    given = listed(given)
    is_one = isinstance(given, list | tuple) and len(given) > 0 and _is_point(given[0])
    return [given] if is_one else given


def _is_point(part: object) -> bool:
    return isinstance(part, list | tuple) and not any(isinstance(number, list | tuple) for number in part)


def polygon(given: object) -> object:
    """Corners (x, y), fractions of width and height from the upper left. Raises ValueError."""
    rule = "at least three points [x, y], fractions of width and height from 0 to 1"
    given = listed(given)
    if not isinstance(given, list | tuple) or len(given) < 3:
        raise ValueError(rule)
    corners = []
    for point in given:
        if not isinstance(point, list | tuple) or len(point) != 2:
            raise ValueError(rule)
        try:
            x, y = (float(number) for number in point)
        except (TypeError, ValueError):
            raise ValueError(rule) from None
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError(rule)
        corners.append((x, y))
    if _crosses_itself(corners):
        raise ValueError("a polygon whose sides do not cross: name its corners one after the other, all around it")
    return tuple(corners)


def _crosses_itself(corners: Sequence[tuple[float, float]]) -> bool:
    """Whether two sides of a polygon cross, so that a part of it would lie outside: a mask would not cover that."""

    def turn(one: tuple[float, float], other: tuple[float, float], third: tuple[float, float]) -> float:
        return (other[0] - one[0]) * (third[1] - one[1]) - (other[1] - one[1]) * (third[0] - one[0])

    sides = list(zip(corners, [*corners[1:], corners[0]], strict=True))
    return any(
        turn(*one, other[0]) * turn(*one, other[1]) < 0 and turn(*other, one[0]) * turn(*other, one[1]) < 0
        for one, other in combinations(sides, 2)
    )


Duration = Annotated[float, BeforeValidator(duration)]  # seconds
Size = Annotated[int, BeforeValidator(size)]  # bytes
Clock = Annotated[time, BeforeValidator(clock)]  # local
Name = Annotated[str, AfterValidator(name)]
Variable = Annotated[str, AfterValidator(variable)]
File = Annotated[str, Field(min_length=1)]  # its path
Words = Annotated[tuple[str, ...], BeforeValidator(listed)]
Hours = Annotated[tuple[Annotated[str, BeforeValidator(hours)], ...], BeforeValidator(listed)]  # as of `Schedule`
Days = Annotated[tuple[Annotated[str, BeforeValidator(day)], ...], BeforeValidator(listed)]
Polygon = Annotated[tuple[tuple[float, float], ...], BeforeValidator(polygon)]
Polygons = Annotated[tuple[Polygon, ...], BeforeValidator(polygons)]
Port = Annotated[int, Field(ge=0, le=65_535)]
