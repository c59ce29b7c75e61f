"""What was told and what is still to be told, in a file of its own: ``alerts.sqlite`` in the result folder (0600).

Alerts are durable here before they are sent. The name of a person and the picture stay only until the alert is
delivered or given up; then its id alone is left, so that it is never told again, and what stood there is overwritten.
No write-ahead log, in which names would stay longer.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from face_classifier.alerts.channels.base import PATIENCE, Alert
from face_classifier.alerts.decide import Memory, Sent
from face_classifier.alerts.kept import DAMAGED, AlertsFile
from face_classifier.core.disk.markers import ALERTS as FILE
from face_classifier.core.names import alike
from face_classifier.events.event import Event

ALL = ""  # instead of the name of a rule, where a snooze is of all
_REMEMBERED = timedelta(days=30)  # for which the id of an alert is known: no event comes again that late
_SAVED = {field.name for field in fields(Event)} - {"decided", "picture"}


@dataclass(frozen=True)
class Outcome:
    """What became of an alert."""

    channel: str
    id: str
    word: str  # delivered, given up


@dataclass(frozen=True)
class Missed:
    """Alerts that a channel never got and was not told of yet."""

    count: int
    first: datetime  # UTC, of the first and the last of their deciding frames
    last: datetime

    def __add__(self, other: Missed) -> Missed:
        return Missed(self.count + other.count, min(self.first, other.first), max(self.last, other.last))

    def less(self, told: Missed) -> Missed | None:
        """What is left once a part of it, which came first, is told."""
        return Missed(self.count - told.count, told.last, self.last) if self.count > told.count else None


class Outbox:
    """All calls come from one thread. What goes wrong with the file costs only what it is for: see `AlertsFile`."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        """``folder``: of the result; ``tell``: is given sentences about what goes wrong."""
        self._file = AlertsFile(folder, tell)

    def close(self) -> None:
        self._file.close()

    # What is to be told

    def keep(self, sent: Iterable[Sent], memory: Memory) -> list[Sent]:
        """Make alerts, and what is remembered, durable. Returns those that were not told before."""
        offered = list(sent)

        def work(database: sqlite3.Connection) -> list[Sent]:
            insert = "INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, NULL, ?, ?)"
            fresh = [one for one in offered if database.execute(insert, _row(one)).rowcount]
            _write_memory(database, memory)
            return fresh

        return self._file.do(work, offered)

    def finish(self, outcomes: Iterable[Outcome], missed: dict[str, Missed | None]) -> None:
        """Note what became of alerts, and blank them. ``missed``: by channel, where it has changed; None: nothing."""
        rows = [(outcome.word, outcome.channel, outcome.id) for outcome in outcomes]

        def work(database: sqlite3.Connection) -> None:
            database.executemany(
                "UPDATE alerts SET outcome = ?, body = NULL, picture = NULL WHERE channel = ? AND id = ?", rows
            )
            for channel, one in missed.items():
                database.execute("DELETE FROM missed WHERE channel = ?", (channel,))
                if one:
                    values = channel, one.count, one.first.isoformat(), one.last.isoformat()
                    database.execute("INSERT INTO missed VALUES (?, ?, ?, ?)", values)
            database.execute("DELETE FROM alerts WHERE decided < ?", (_text(-_REMEMBERED),))

        self._file.do(work, None)

    def pending(self) -> list[Sent]:
        """What is to be told yet, oldest first; the monotonic times are those of this process."""

        def work(database: sqlite3.Connection) -> list[Sent]:
            query = "SELECT channel, id, decided, body, picture FROM alerts WHERE outcome IS NULL ORDER BY rowid"
            return [sent for row in database.execute(query).fetchall() if (sent := _sent(*row))]

        return self._file.do(work, [])

    def forgotten(self) -> set[tuple[str, str]]:
        """Channel and id of what must not be told any more."""
        query = "SELECT channel, id FROM alerts WHERE outcome = 'forgotten'"
        return self._file.do(lambda database: set(database.execute(query).fetchall()), set())

    # What is remembered

    def memory(self) -> Memory:
        """What was remembered before this process."""

        def work(database: sqlite3.Connection) -> Memory:
            (salt,) = database.execute("SELECT value FROM salt").fetchone()
            rows = database.execute("SELECT rule, whom, begun FROM cooling").fetchall()
            cooling = {(rule, whom): datetime.fromisoformat(begun) for rule, whom, begun in rows}
            return Memory(salt, cooling, {camera for (camera,) in database.execute("SELECT camera FROM lost")})

        return self._file.do(work, Memory())

    def missed(self) -> dict[str, Missed]:
        """What each channel has missed, and was not told yet."""

        def work(database: sqlite3.Connection) -> dict[str, Missed]:
            rows = database.execute("SELECT channel, count, first, last FROM missed").fetchall()
            return {row[0]: Missed(row[1], *map(datetime.fromisoformat, row[2:])) for row in rows}

        return self._file.do(work, {})

    def has_changed(self) -> bool:
        """Whether another process has written since the last call."""
        return self._file.has_changed()

    # What the owner wants

    def snoozes(self) -> dict[str, datetime]:
        """Until when each rule is silent, UTC; `ALL`: every rule."""

        def work(database: sqlite3.Connection) -> dict[str, datetime]:
            rows = database.execute("SELECT rule, until FROM snoozed WHERE until > ?", (_text(),)).fetchall()
            return {rule: datetime.fromisoformat(until) for rule, until in rows}

        return self._file.do(work, {})

    def snooze(self, rule: str, until: datetime | None) -> None:
        """Silence a rule, or `ALL`, until a time; None: no more, and for `ALL` every rule speaks again."""

        def work(database: sqlite3.Connection) -> None:
            database.execute("DELETE FROM snoozed WHERE rule = ? OR until <= ?", (rule, _text()))
            if until:
                database.execute("INSERT INTO snoozed VALUES (?, ?)", (rule, _utc(until)))
            elif rule == ALL:
                database.execute("DELETE FROM snoozed")

        self._file.do(work, None)

    def reached(self) -> list[str]:
        """The channels that have taken alerts of the last 30 days, of whomever: names are blanked by then."""
        query = "SELECT DISTINCT channel FROM alerts WHERE outcome = 'delivered' ORDER BY channel"
        return self._file.do(lambda database: [channel for (channel,) in database.execute(query)], [])

    def forget(self, what: str) -> int:
        """Give up all that is to be told of a person, or of the face of a name, and whatever is too old to be told.

        Returns how many alerts that were.
        """

        def work(database: sqlite3.Connection) -> int:
            query = "SELECT channel, id, decided, body FROM alerts WHERE outcome IS NULL"
            oldest = _text(-timedelta(seconds=PATIENCE))
            rows = [
                (channel, name)
                for channel, name, decided, body in database.execute(query).fetchall()
                if decided < oldest or _is_of(body, what)
            ]
            database.executemany(
                "UPDATE alerts SET outcome = 'forgotten', body = NULL, picture = NULL WHERE channel = ? AND id = ?",
                rows,
            )
            return len(rows)

        self._file.remove_damaged()
        return self._file.do(work, 0)


def forget_in(folder: Path, what: str) -> list[str]:
    """Have a result folder forget what was to be told of a person or a face, whoever watches into it meanwhile.

    Returns sentences about what could not be done, and to which channels alerts went.
    """
    faults: list[str] = []
    reached: list[str] = []
    if any(os.path.lexists(folder / name) for name in (FILE, DAMAGED)):
        outbox = Outbox(folder, faults.append)
        outbox.forget(what)
        reached = outbox.reached()
        outbox.close()
    left = [f"{folder / FILE} may still name them: look through it yourself, or remove it" for _ in faults[:1]]
    if reached:
        left.append(
            f"alerts of the last {_REMEMBERED.days} days, of whomever, went to {', '.join(reached)}; what such a "
            "channel sent elsewhere stays there: remove it there"
        )
    return left


def _write_memory(database: sqlite3.Connection, memory: Memory) -> None:
    database.execute("DELETE FROM cooling")
    rows = [(rule, whom, begun.isoformat()) for (rule, whom), begun in memory.cooling.items()]
    database.executemany("INSERT INTO cooling VALUES (?, ?, ?)", rows)
    database.execute("DELETE FROM lost")
    database.executemany("INSERT INTO lost VALUES (?)", [(camera,) for camera in sorted(memory.lost)])


def _row(sent: Sent) -> tuple[Any, ...]:
    alert = sent.alert
    event = {name: getattr(alert.event, name) for name in _SAVED}
    # ASCII, so that a name that is no UTF-8 comes back as it was
    body = json.dumps({"rule": alert.rule, "event": event}, default=datetime.isoformat)
    return sent.channel, alert.id, _text(-timedelta(seconds=alert.age())), body, alert.picture


def _sent(channel: str, id: str, decided: str, body: str, picture: bytes | None) -> Sent | None:
    """An alert as it was kept; None: another version of the program kept it."""
    try:
        kept = json.loads(body)
        event = {name: value for name, value in kept["event"].items() if name in _SAVED}
        event |= {name: datetime.fromisoformat(event[name]) for name in ("time", "first") if event.get(name)}
        event["zones"] = tuple(event["zones"])
        age = datetime.now(timezone.utc) - datetime.fromisoformat(decided)
        made = Event(decided=time.monotonic() - max(age, timedelta(0)).total_seconds(), **event)
        return Sent(channel, Alert(id, made, kept["rule"], picture))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _is_of(body: str, what: str) -> bool:
    """Whether a kept alert is about a person, or about the face of that name."""
    with suppress(ValueError, KeyError, TypeError):
        event = json.loads(body)["event"]
        person, face = event["person"], event["face_name"]
        if person is None and alike(what) in alike(event["text"]):  # the summary of a day
            return True
        return (person is not None and alike(person) == alike(what)) or (face is not None and face == Path(what).stem)
    return True


def _text(less: timedelta = timedelta(0)) -> str:
    return _utc(datetime.now(timezone.utc) + less)


def _utc(moment: datetime) -> str:
    """Always in one form, so that texts are in the order of times."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")
