"""What a process that reads a camera is told, and what it tells: one line of JSON each, over pipes.

An empty line is the most frequent message: there is a new picture in the shared memory.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Literal

Kind = Literal["stream", "snapshot", "device", "file"]

# Why a camera shows nothing, as its reader tells it: `reasons` has a sentence for each.
Why = Literal[
    "refused",
    "unauthorized",
    "forbidden",
    "not found",
    "failing",
    "unreachable",
    "silent",
    "ended",
    "not a video",
    "no stream",
    "not allowed",
    "too large",
    "damaged",
    "no device",
    "no process",
    "crashed",
    "finished",
    "unknown",
]


@dataclass(frozen=True)
class Job:
    """What to read, and how. Its text never holds the login."""

    kind: Kind
    address: str = field(repr=False)  # with user and password; the number or path of a device; the path of a file
    silence: float = 5.0  # seconds that opening, or the next part of a stream, may take
    every: float = 1.0  # seconds between two snapshots
    speed: float = 1.0  # of a file; 0 = as fast as its pictures are taken
    repeat: bool = False  # a file begins anew at its end

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> Job:
        return cls(**json.loads(line))


@dataclass(frozen=True)
class Message:
    """What a reader tells."""

    opened: str | None = None  # what was opened: "h264 1280x720"
    fps: float = 0.0  # frames a second, as the source tells; 0 = it does not
    failed: Why | None = None  # the job is over; the reader waits for the next one
    detail: str = ""  # of a failure: the kind of an error, a size; never what a library says, which may hold a login
    changed: float | None = None  # share of pixels that changed since an earlier picture, 0 to 1

    def line(self) -> bytes:
        told = {one.name: value for one in fields(self) if (value := getattr(self, one.name)) != one.default}
        return json.dumps(told).encode() + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> Message:
        return cls(**json.loads(line)) if line.strip() else cls()
