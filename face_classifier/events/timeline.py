"""A day as a picture: by camera, and on each by person, when they were there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from face_classifier.core.types import Image
from face_classifier.display.overlay import KNOWN, UNKNOWN, UNKNOWN_NAME
from face_classifier.display.patches import SHADE, Color, paste
from face_classifier.display.text import shortened, text
from face_classifier.events.times import bounds
from face_classifier.events.visits import Visit
from face_classifier.gallery.passing.table import Outage
from face_classifier.identity.naming import is_named, natural

_WIDTH, _LEFT, _RIGHT = 1600, 260, 24  # pixels: of all, beside the bars for names, and behind them
_LINE, _LETTERS, _EDGE = 30, 15, 12  # pixels: of a row, of its letters, above and below all
_BAR = 18  # pixels
_SHORTEST = 3  # pixels of a bar: somebody who passes by is seen, too
_INK: Color = (225, 225, 225)
_FAINT: Color = (60, 60, 60)
_NUMBERED: Color = (220, 190, 110)  # of people whom nobody has named
_AWAY: Color = (70, 70, 160)
_HOUR = timedelta(hours=1)
_MOST_ROWS = 500  # of people; who comes behind is counted


@dataclass(frozen=True)
class _Row:
    name: str
    color: Color
    visits: Sequence[Visit]


def draw(visits: Iterable[Visit], day: date, outages: Iterable[Outage] = (), *, whole: bool = False) -> Image:
    """The visits of a local day.

    Parameters
    ----------
    visits, outages : of any time; those of other days are left out
    day : of the clock on the wall
    whole : draw all its hours; otherwise the whole hours from the first to the last thing in it

    The picture has a line a person under each camera, with a bar for each visit, at least 3 pixels long: green for
    people with a name of the user's, blue for others, and the last line, in orange, for those whom nobody knows. Where
    a camera sent nothing, its lines are hatched in red.

    Returns
    -------
    (height, 1600, 3) uint8, BGR
    """
    (begin, end), now = bounds(day), datetime.now().astimezone()
    found = [visit for visit in visits if visit.last >= begin and visit.first < end]
    away = [outage for outage in outages if outage.first < end and (outage.last is None or outage.last >= begin)]
    cameras = sorted({visit.camera for visit in found} | {outage.camera for outage in away}, key=natural)
    rows = {camera: _rows([visit for visit in found if visit.camera == camera]) for camera in cameras}
    left_out = sum(max(0, len(lines) - _MOST_ROWS) for lines in rows.values())
    lines = 2 + sum(1 + min(len(rows[camera]), _MOST_ROWS) for camera in cameras) + (not cameras) + bool(left_out)
    image = np.full((2 * _EDGE + lines * _LINE, _WIDTH, 3), SHADE, np.uint8)
    times = [time for visit in found for time in (visit.first, visit.last)]
    times += [time for outage in away for time in (outage.first, outage.last or max(now, outage.first))]
    scale = _Scale(begin, end) if whole or not times else _Scale(*_hours_around(times, begin, end))
    _write(image, f"{day:%A %Y-%m-%d}", 0)
    scale.draw_hours(image)
    line = 2
    for camera in cameras:
        top = line
        _write(image, camera, line, size=_LETTERS + 2)
        for row in rows[camera][:_MOST_ROWS]:
            line += 1
            _write(image, row.name, line, indent=18, color=row.color)
            for visit in row.visits:
                scale.draw_bar(image, line, visit.first, visit.last, row.color)
        line += 1
        for outage in (outage for outage in away if outage.camera == camera):
            scale.hatch(image, top, line, outage.first, outage.last or min(end, max(now, outage.first)))
    if not cameras:
        _write(image, "nobody was seen", line, color=_INK)
    if left_out:
        _write(image, f"and {left_out} more", line)
    return image


def _hours_around(times: Sequence[datetime], begin: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The whole hours of a day, at least one, that hold all these times as far as they are of it."""
    last_hour = (end - begin) // _HOUR - 1
    first = min(max(0, (min(times) - begin) // _HOUR), last_hour)
    after = min(max(first, -(-(max(times) - begin) // _HOUR) - 1), last_hour) + 1
    return begin + first * _HOUR, begin + after * _HOUR


def _rows(visits: Sequence[Visit]) -> list[_Row]:
    people: dict[str, list[Visit]] = {}
    for visit in visits:
        if visit.person is not None:
            people.setdefault(visit.person, []).append(visit)
    rows = [
        _Row(person, KNOWN if is_named(person) else _NUMBERED, people[person])
        for person in sorted(people, key=lambda name: (not is_named(name), natural(name)))
    ]
    unknown = [visit for visit in visits if visit.person is None]
    return [*rows, *([_Row(f"{UNKNOWN_NAME} ({len(unknown)})", UNKNOWN, unknown)] if unknown else [])]


class _Scale:
    """Where a time of the day lies across the picture; the hours are those of the clock on the wall."""

    def __init__(self, begin: datetime, end: datetime) -> None:
        self._begin, self._end = begin, end

    def _across(self, time: datetime) -> int:
        share = (time - self._begin) / (self._end - self._begin)
        return _LEFT + round(min(1.0, max(0.0, share)) * (_WIDTH - _LEFT - _RIGHT))

    def _steps(self) -> Iterator[datetime]:
        """What is labelled: hours, or in a short time some minutes of them."""
        span, step = self._end - self._begin, self._begin
        while step <= self._end:
            yield step.astimezone()
            step += _HOUR / 6 if span <= 2 * _HOUR else _HOUR / 2 if span <= 6 * _HOUR else _HOUR

    def draw_hours(self, image: Image) -> None:
        top = _EDGE + _LINE
        for time in self._steps():
            across = self._across(time)
            image[top + _LINE - 6 : image.shape[0] - _EDGE, across] = _FAINT
            label = text(self._label(time), _LETTERS - 2, _INK)
            paste(image, label, across - label.shape[1] // 2, top)

    def _label(self, time: datetime) -> str:
        label = f"{time:%H:%M}" if self._end - self._begin <= 6 * _HOUR else f"{time:%H}"
        return label.replace("00", "24", 1) if time >= self._end and time.hour == 0 else label

    def draw_bar(self, image: Image, line: int, first: datetime, last: datetime, color: Color) -> None:
        left, right = self._across(first), self._across(last)
        top = _EDGE + line * _LINE + (_LINE - _BAR) // 2
        image[top : top + _BAR, left : max(right, left + _SHORTEST)] = color

    def hatch(self, image: Image, top: int, bottom: int, first: datetime, last: datetime) -> None:
        """``top``, ``bottom``: lines."""
        left, right = self._across(first), max(self._across(first) + _SHORTEST, self._across(last))
        part = image[_EDGE + top * _LINE + 2 : _EDGE + bottom * _LINE - 2, left:right]
        down, across = np.indices(part.shape[:2])
        part[(down + across + left) % 8 < 2] = _AWAY


def _write(image: Image, line: str, row: int, *, indent: int = 0, color: Color = _INK, size: int = _LETTERS) -> None:
    room = _LEFT - 2 * _EDGE - indent if row else _WIDTH - 2 * _EDGE
    patch = text(shortened(line, size, room), size, color)
    paste(image, patch, _EDGE + indent, _EDGE + row * _LINE + (_LINE - patch.shape[0]) // 2)
