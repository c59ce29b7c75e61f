"""What all sources of pictures share: sampling by the source's own time, and what a file on disk tells."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from face_classifier.core.errors import UserError

_LARGEST = 36_000_000  # pixels of a frame: 8K; of larger ones decoders keep more than fit into 1 GB
MOST_BYTES = 320_000_000  # of a picture's file: 100 megapixels of a raw format, or of 8 bits without compression
SAME_TIME = 0.0005  # seconds: containers round their times to a millisecond
USUAL_FPS = 25.0  # frames a second, where a source does not tell

AnyFile = TypeVar("AnyFile", bound="File")


@dataclass(frozen=True)
class Sampling:
    """Which frames are analysed. Every field in seconds of the source's own time.

    The first analysed frame is the first at or after ``skip``, then the first at or after ``skip + every``,
    ``skip + 2 * every`` ... Half a millisecond early counts as in time. Raises ValueError.
    """

    every: float = 1.0  # 0 = every frame
    skip: float = 0.0  # nothing before this position
    stop: float = 0.0  # nothing after this position; 0 = until the end
    bridged: bool = True  # a jump of the source's clock takes no time; False: as sources were read that are long known

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is a number of seconds from 0 up, not {value}")

    def ends_before(self, position: float) -> bool:
        return self.stop > 0 and position > self.stop + SAME_TIME


class Grid:
    """Which positions are due, of one run or of a part of it; those of a part are those that they are in the whole."""

    def __init__(self, sampling: Sampling, begin: float = 0.0) -> None:
        """``begin``: seconds; the first time of the grid that counts is the first at or after this."""
        self._sampling = sampling
        every, skip = sampling.every, sampling.skip
        steps = max(0, math.ceil((begin - SAME_TIME - skip) / every)) if every > 0 else 0
        self._next = skip + every * steps if every > 0 else max(skip, begin)

    @property
    def next(self) -> float:
        """The position from which on a frame is due."""
        return self._next - SAME_TIME

    def due(self, position: float) -> bool:
        return position >= self.next

    def advance(self, position: float) -> None:
        """The frame at ``position`` was taken; it also stands for the grid times that it came too late for."""
        every, skip = self._sampling.every, self._sampling.skip
        if every > 0:
            self._next = skip + every * (math.floor((position + SAME_TIME - skip) / every) + 1)


class File:
    """What video files and pictures have in common.

    ``name`` is the path as given; ``duration`` in seconds, None where the file does not tell.
    """

    live = False
    duration: float | None = None

    def __init__(self, path: str) -> None:
        self.name = path
        self._path = Path(path)

    @cached_property
    def fingerprint(self) -> str:
        """Who this content is, wherever it lies: ``<size in bytes>-<SHA-256 in hex>`` of the file. Reads it once."""
        digest = hashlib.sha256()
        size = 0
        try:
            with self._path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
                    size += len(block)
        except OSError as error:
            raise unreadable(self.name, error) from error
        return f"{size}-{digest.hexdigest()}"

    def notes(self) -> list[str]:
        """Sentences about what was passed over in it, once its frames were taken."""
        return []

    def close(self) -> None:
        """Nothing to do: the file is open only while its frames are read."""

    def __enter__(self: AnyFile) -> AnyFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _modified(self) -> datetime:
        try:
            return datetime.fromtimestamp(self._path.stat().st_mtime, timezone.utc)
        except OSError as error:
            raise unreadable(self.name, error) from error


def frame_duration(fps: float) -> float:
    """Seconds; of 25 frames a second where the source tells nothing that can be true."""
    return 1 / (fps if 0 < fps <= 1000 else USUAL_FPS)


def check_size(path: str, width: float, height: float) -> None:
    """Raises UserError if a video of ``width`` x ``height`` pixels is larger than any that is read."""
    if width * height > _LARGEST:
        raise too_large(path, width, height, _LARGEST, "video")


def too_large(path: str, width: float, height: float, most: int, kind: str) -> UserError:
    """The error of a picture or video that has too many pixels.

    Parameters
    ----------
    path : of the file
    width, height : in pixels
    most : pixels, the most that are read of its kind
    kind : of file, for the sentence: ``video``, ``JPEG``
    """
    return UserError(
        f"{path} has {width:.0f} x {height:.0f} pixels, but a {kind} may have at most {most / 1e6:.0f} megapixels; "
        "make it smaller first"
    )


def check_bytes(path: Path) -> None:
    """Raises UserError if a picture's file is larger than MOST_BYTES."""
    try:
        size = path.stat().st_size
    except OSError:
        return  # the reader tells it
    if size > MOST_BYTES:
        raise too_many_bytes(path, size)


def too_many_bytes(path: Path | str, size: int) -> UserError:
    return UserError(
        f"{path} has {size / 1e6:.0f} MB, but a picture may have at most {MOST_BYTES / 1e6:.0f} MB; save it smaller"
    )


def missing(path: str) -> UserError:
    return UserError(f"{path!r} does not exist; give a video, a picture, a folder or a camera's number")


def unreadable(path: str, error: OSError) -> UserError:
    return UserError(f"{path} cannot be read ({error.strerror}); check that it is there and that you may read it")
