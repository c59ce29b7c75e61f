"""What of all that rules ask for is really told: blips, cooldown, snooze and the ceiling.

Time is given, so that a day can be played again in a moment. What must outlive the program is a `Memory`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from face_classifier.alerts.channels.base import Alert
from face_classifier.alerts.rules import OF_PEOPLE, Match, Rules
from face_classifier.core.config.parts.alerts import Alerts, Rule
from face_classifier.core.names import alike
from face_classifier.core.words import counted
from face_classifier.events.event import Event

_MINUTE = timedelta(minutes=1)
_WORDS = {
    "person": "of people",
    "new_person": "of new people",
    "unknown": "of unknown people",
    "camera_lost": "of lost cameras",
    "camera_back": "of cameras that are back",
    "summary": "summaries",
}


@dataclass
class Memory:
    """What is remembered over a restart, without the name of any person."""

    salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))  # of the digests
    cooling: dict[tuple[str, str], datetime] = field(default_factory=dict)  # when it began: by rule and digest of whom
    lost: set[str] = field(default_factory=set)  # cameras of which it was told that they are lost

    def key(self, rule: Rule, event: Event) -> tuple[str, str]:
        """By what a cooldown is remembered: a person's, or that of all the unknown people of a camera."""
        whom = f"camera {event.camera}" if event.person is None else f"person {alike(event.person)}"
        digest = hashlib.blake2b(whom.encode("utf-8", "surrogateescape"), key=self.salt, digest_size=16)
        return rule.name, digest.hexdigest()


@dataclass(frozen=True)
class Sent:
    """One alert and the channel to which it goes."""

    channel: str
    alert: Alert


class Decider:
    """Decides about one event after the other. Not for several threads."""

    def __init__(self, config: Alerts, memory: Memory, is_snoozed: Callable[[str], bool] = lambda rule: False) -> None:
        """``is_snoozed``: tells whether the rule of a name is to be silent now."""
        self.memory, self._is_snoozed = memory, is_snoozed
        self._shaky: dict[str, tuple[Event, datetime]] = {}  # cameras that are lost, maybe for a moment only
        self._told: deque[datetime] = deque()  # within the last minute
        self._excess = _Excess()
        self.snoozed = 0  # events that were silenced
        self.configure(config)

    def configure(self, config: Alerts) -> None:
        """Go on by other rules."""
        self._rules, self._blip, self._most = Rules(config.rules), timedelta(seconds=config.blip), config.per_minute
        known = {rule.name for rule in config.rules}
        self.memory.cooling = {key: begun for key, begun in self.memory.cooling.items() if key[0] in known}

    def decide(self, event: Event, now: datetime) -> list[Sent]:
        """What is told of an event at once, one alert a channel. ``now``: aware, and never earlier than before."""
        if event.kind == "camera_lost":
            if event.camera not in self.memory.lost:
                self._shaky.setdefault(event.camera, (event, now))
            return self.due(now)
        if event.kind == "camera_back":
            if self._shaky.pop(event.camera, None) or event.camera not in self.memory.lost:
                return []
            self.memory.lost.discard(event.camera)
        return self._tell(event, now)

    def due(self, now: datetime, *, last: bool = False) -> list[Sent]:
        """What is told since time has passed: cameras that stay lost, and how much was over the ceiling.

        ``last``: nothing comes after it, so what is over the ceiling is told now.
        """
        sent: list[Sent] = []
        for camera, (event, since) in list(self._shaky.items()):
            if now - since >= self._blip:
                del self._shaky[camera]
                self.memory.lost.add(camera)
                sent += self._tell(event, now)
        if self._excess.since and (last or now - self._excess.since >= _MINUTE):
            sent += self._excess.told(self._most, now)
            self._excess = _Excess()
        return sent

    def next_due(self) -> datetime | None:
        """When `due` may have something to tell; None: not before an event comes."""
        times = [since + self._blip for _, since in self._shaky.values()]
        return min([*times, self._excess.since + _MINUTE] if self._excess.since else times, default=None)

    def _tell(self, event: Event, now: datetime) -> list[Sent]:
        matches = self._rules.matches(event, event.time)
        awake = [match for match in matches if not self._is_snoozed(match.rule.name)]
        self.snoozed += bool(matches) and not awake
        warm = [match for match in awake if not self._is_cooling(match.rule, event, now)]
        if not warm:
            return []
        if not self._has_room(now):
            self._excess.add(event, warm, now)
            return []
        for match in warm:
            self._cool(match.rule, event, now)
        return list(_alerts(event, warm))

    def _has_room(self, now: datetime) -> bool:
        while self._told and now - self._told[0] >= _MINUTE:
            self._told.popleft()
        if len(self._told) >= self._most:
            return False
        self._told.append(now)
        return True

    def _is_cooling(self, rule: Rule, event: Event, now: datetime) -> bool:
        if not _may_cool(rule, event):
            return False
        begun = self.memory.cooling.get(self.memory.key(rule, event))
        # One that began in the future was remembered by a clock that went wrong.
        return begun is not None and timedelta(0) <= now - begun < timedelta(seconds=rule.cooldown)

    def _cool(self, rule: Rule, event: Event, now: datetime) -> None:
        cooling = self.memory.cooling
        for key in [key for key, begun in cooling.items() if key[0] == rule.name and _is_over(begun, rule, now)]:
            del cooling[key]
        if _may_cool(rule, event):
            cooling[self.memory.key(rule, event)] = now


def _is_over(begun: datetime, rule: Rule, now: datetime) -> bool:
    return now - begun >= timedelta(seconds=rule.cooldown)


def _may_cool(rule: Rule, event: Event) -> bool:
    return rule.cooldown > 0 and event.kind in OF_PEOPLE


def _alerts(event: Event, matches: list[Match]) -> Iterator[Sent]:
    """One alert a channel, of the first rule that names it; with the picture if any of its rules lets it out."""
    bare = replace(event, picture=None)
    for channel in dict.fromkeys(channel for match in matches for channel in match.channels):
        rules = [match.rule for match in matches if channel in match.channels]
        picture = event.picture if any(rule.picture for rule in rules) else None
        yield Sent(channel, Alert(event.id, bare, rules[0].name, picture))


class _Excess:
    """What was over the ceiling and is not told yet."""

    def __init__(self) -> None:
        self.since: datetime | None = None
        self._kinds: Counter[str] = Counter()
        self._channels: dict[str, None] = {}
        self._last: Event | None = None

    def add(self, event: Event, matches: list[Match], now: datetime) -> None:
        self.since = self.since or now
        self._kinds[event.kind] += 1
        self._channels |= dict.fromkeys(channel for match in matches for channel in match.channels)
        self._last = event

    def told(self, most: int, now: datetime) -> Iterator[Sent]:
        assert self._last is not None
        each = ", ".join(f"{count} {_WORDS.get(kind, kind)}" for kind, count in self._kinds.items())
        held = counted(self._kinds.total(), "more alert was", "more alerts were")
        text = f"{held} held back, since {most} a minute are told: {each}"
        note = Event(f"{self._last.id}:ceiling", "held_back", now, self._last.decided, "", text=text)
        yield from (Sent(channel, Alert(note.id, note)) for channel in self._channels)
