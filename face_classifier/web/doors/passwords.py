"""The password of the page: its hash, which is slow on purpose, and how often it may be guessed."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from face_classifier.core.network.dial import is_public
from face_classifier.web.doors.hosts import address_of, household

LEAST = 8  # characters
LONGEST = 1000  # characters; argon2 takes any
_AT_A_TIME = 2  # comparisons: each takes 64 MB and a tenth of a second of a core
_WAITING = 8  # more at a time are told to come back
# Guesses: of one household; of this machine, of the networks around it, and of the internet, each of all together
_BURST, _EACH = 5, 30.0  # so many at once, then one in so many seconds
_BURST_OF_ALL, _EACH_OF_ALL = 30, 2.0
_ADDRESSES = 1000  # that are remembered; the least recent is forgotten
_WELCOME = 100  # addresses that gave the right password are remembered, so that nobody can lock them out


def hashed(word: str) -> str:
    """The hash of a password for the configuration: argon2id with RFC 9106's second recommended parameters."""
    return argon2.PasswordHasher().hash(_composed(word))


def _composed(word: str) -> bytes:
    """The same bytes for what looks the same: some keyboards give Hangul and accents in parts."""
    return unicodedata.normalize("NFC", word).encode("utf-8", "surrogatepass")


class LaterError(Exception):
    """It was guessed too often; ``seconds``: when it may be again."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class Password:
    """Compares what is typed with the hash, off the event loop."""

    def __init__(self, given: str, now: Callable[[], float] = time.monotonic) -> None:
        self._hash, self._attempts = given, Attempts(now)
        self._free, self._waiting = asyncio.Semaphore(_AT_A_TIME), 0

    async def is_right(self, word: str, address: str) -> bool:
        """Whether it is, as somebody at this address says. Raises LaterError, before anything is compared."""
        if not word or len(word) > LONGEST:
            return False
        if self._waiting >= _WAITING:
            raise LaterError(1.0)
        self._attempts.take(address)
        self._waiting += 1
        try:
            async with self._free:
                is_right = await asyncio.to_thread(self._compare, word)
        finally:
            self._waiting -= 1
        if is_right:
            self._attempts.welcome(address)
        return is_right

    def _compare(self, word: str) -> bool:
        try:
            return argon2.PasswordHasher().verify(self._hash, _composed(word))
        except (VerificationError, InvalidHashError):
            return False


@dataclass
class _Bucket:
    left: float
    since: float


class Attempts:
    """How often each address may guess, and all together; memory is bounded, and no clock of the day counts."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._of: OrderedDict[str, _Bucket] = OrderedDict()
        self._all = {kind: _Bucket(_BURST_OF_ALL, now()) for kind in ("own", "near", "far")}
        self._welcome: OrderedDict[str, None] = OrderedDict()

    def take(self, address: str) -> None:
        """Count a guess. Raises LaterError if there were too many."""
        guesser, now = household(address), self._now()
        bucket = self._of.setdefault(guesser, _Bucket(_BURST, now))
        self._of.move_to_end(guesser)
        if len(self._of) > _ADDRESSES:
            self._of.popitem(last=False)
        _refill(bucket, now, _BURST, _EACH)
        _refill(together := self._all[_kind(address)], now, _BURST_OF_ALL, _EACH_OF_ALL)
        if bucket.left < 1:
            raise LaterError((1 - bucket.left) * _EACH)
        if guesser not in self._welcome:
            if together.left < 1:
                raise LaterError((1 - together.left) * _EACH_OF_ALL)
            together.left -= 1
        bucket.left -= 1

    def welcome(self, address: str) -> None:
        """Who gave the right password: what all others guess costs them nothing from then on."""
        guesser = household(address)
        self._of.pop(guesser, None)
        self._welcome[guesser] = None
        self._welcome.move_to_end(guesser)
        if len(self._welcome) > _WELCOME:
            self._welcome.popitem(last=False)


def _refill(bucket: _Bucket, now: float, most: float, each: float) -> None:
    bucket.left = min(most, bucket.left + (now - bucket.since) / each)
    bucket.since = now


def _kind(address: str) -> str:
    """How near somebody is, so that strangers of the internet leave those at home their guesses."""
    found = address_of(address)
    return "own" if found and found.is_loopback else "near" if found and not is_public(found) else "far"
