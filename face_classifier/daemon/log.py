"""The log of a daemon: a line an event, for people or as JSON. It outlives `forget`, so it names nobody."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import Any, TextIO

from face_classifier.core import names
from face_classifier.events.event import Event

logger = logging.getLogger("face_classifier.watch")

_OURS = "face_classifier", "uvicorn"  # whose records are lines of the log
_FIELDS = "fields"  # of a record: what else there is to tell, by key
_OFTEN, _WHILE = 3, 60.0  # so many equal warnings are told in so many seconds; the rest is counted
_KINDS = 200  # of warnings that are counted at a time
_NUMBER = re.compile(r"\d+(\.\d+)?")


def tell(event: str, text: str, level: int = logging.INFO, **fields: Any) -> None:
    """A line of the log.

    Parameters
    ----------
    event: what kind of event it is, in a word.
    text: a sentence.
    level: of `logging`.
    fields: what else is told, by key; such as ``camera``.
    """
    logger.log(level, "%s", text, extra={_FIELDS: {"event": event, **fields}})


def passed(event: Event) -> None:
    """A line about somebody who passed, by the number of the track; without the names that the user gave."""
    who = "somebody whom you named" if event.named else event.person or "somebody unknown"
    tell(
        event.kind,
        f"{'new: ' * (event.kind == 'new_person')}{who}, track {event.track}",
        camera=event.camera,
        track=event.track,
        visit=event.visit,
        distance=event.distance,
        zones=list(event.zones),
    )


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, _FIELDS, {})
    return fields


def _time(record: logging.LogRecord) -> str:
    """Local time with its offset, to a millisecond."""
    return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")


class _Text(logging.Formatter):
    """``2026-11-27T10:11:26.123+01:00 warning door: what happened``; always one line."""

    def format(self, record: logging.LogRecord) -> str:
        camera = _fields(record).get("camera") or _fields(record).get("channel")
        text = record.getMessage() + (f" [{_trace(record)}]" if record.exc_info else "")
        about = "" if not camera or text.startswith(f"{camera} ") else f"{camera}: "
        parts = [_time(record), record.levelname.lower(), about + text]
        return names.shown(" ".join(" ".join(parts).split()))


class _Json(logging.Formatter):
    """An object with ``time``, ``level``, ``event``, the other fields, and ``text``."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"time": _time(record), "level": record.levelname.lower(), "event": "note"} | _fields(record)
        line["text"] = record.getMessage()
        if record.exc_info:
            line["trace"] = _trace(record)
        return json.dumps(line, default=str)


def _trace(record: logging.LogRecord) -> str:
    kind, error, trace = record.exc_info or (None, None, None)
    return "".join(traceback.format_exception(kind, error, trace)) if isinstance(record.exc_info, tuple) else ""


class Bound(logging.Filter):
    """Lets the first warnings of a kind pass, and tells with the next one a minute later how many there were.

    Warnings are of one kind if they differ in their numbers alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: OrderedDict[tuple[Any, ...], tuple[float, int]] = OrderedDict()  # since when, how many

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        text = record.getMessage()
        key = (record.name, _fields(record).get("camera"), _NUMBER.sub("#", text))
        since, count = self._seen.pop(key, (monotonic(), 0))
        if monotonic() - since >= _WHILE:
            if count > _OFTEN:
                record.msg, record.args = "%s (and %d times more in the meantime)", (text, count - _OFTEN)
            since, count = monotonic(), 0
        self._seen[key] = since, count + 1
        while len(self._seen) > _KINDS:
            self._seen.popitem(last=False)
        return count < _OFTEN


@contextmanager
def logged(form: str, stream: TextIO | None = None) -> Iterator[None]:
    """Within, the program's log records are lines on a stream (stderr), instead of where they went before.

    ``form``: text or json.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    handler.addFilter(Bound())
    before = {name: (logging.getLogger(name).handlers[:], logging.getLogger(name).propagate) for name in _OURS}
    for name in _OURS:
        logging.getLogger(name).handlers[:] = [handler]
    logging.getLogger("uvicorn").propagate = False
    try:
        yield
    finally:
        for name, (handlers, propagates) in before.items():
            logging.getLogger(name).handlers[:] = handlers
            logging.getLogger(name).propagate = propagates
