"""What is known of files, beside their records: a file that is as it was need not be read again for its fingerprint."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.messages import MessageError, optional, truth_from, whole_from
from face_classifier.records.head import chapter_from, chapter_values
from face_classifier.sources.base import File
from face_classifier.sources.chapters import Chapter
from face_classifier.sources.discover import Source, chapters_of
from face_classifier.sources.video import VideoFile

_SUFFIX = ".source"  # how the names of files end that tell what is known of a source, beside records
_LONGEST = 1 << 24  # bytes of such a file
_FINGERPRINT = re.compile(r"\d{1,18}-[0-9a-f]{64}")
_MOST_CHAPTERS = 10_000  # that are remembered of a file
_SETTLED = 3.0  # seconds: a file that was written since then may be written again without another time


@dataclass(frozen=True)
class Known:
    """What was found out of a file's content."""

    fingerprint: str  # as of `File.fingerprint`
    facts: dict[str, Any] = field(default_factory=dict)  # JSON by name; whoever reads one believes nothing of it


def state_of(path: str) -> dict[str, Any]:
    """What tells whether a file has changed meanwhile. Raises OSError."""
    state = os.stat(path)
    return {
        "path": os.path.realpath(path),
        "size": state.st_size,
        "mtime": state.st_mtime_ns,
        "inode": state.st_ino,
    }


def _identity_of(path: str) -> dict[str, Any]:
    """`state_of`, and when the file last changed in any way, which no copying program sets back. Raises OSError."""
    return state_of(path) | {"ctime": os.stat(path).st_ctime_ns}


def recall(root: Root, path: str) -> Known | None:
    """What was remembered of a file, if it has the size, times and inode that it had then; else None.

    ``root``: a folder of records; ``path``: as given. Raises OSError where the file cannot be looked at.
    """
    state = _identity_of(path)
    with suppress(OSError, UserError, ValueError, TypeError, KeyError, RecursionError):
        told = json.loads(_read(root, path))
        fingerprint, facts = told["fingerprint"], told["facts"]
        is_so = {key: told[key] for key in state} == state and isinstance(facts, dict)
        if is_so and _FINGERPRINT.fullmatch(fingerprint) and fingerprint.startswith(f"{state['size']}-"):
            return Known(fingerprint, facts)
    return None


def remember(root: Root, path: str, known: Known, before: dict[str, Any]) -> None:
    """Remember it for `recall`, unless the file may have changed since it was looked at.

    ``before``: what `state_of` told before it was read, or more. Raises OSError.
    """
    state = _identity_of(path)
    if state == state | before and time.time() - os.stat(path).st_mtime > _SETTLED:
        told = state | {"fingerprint": known.fingerprint, "facts": known.facts}
        root.write(_name(path), json.dumps(told).encode(), durable=False)


def recall_into(root: Root, file: File) -> None:
    """Have a file know its fingerprint: from before, or by reading it, which is remembered.

    Raises UserError where it cannot be read.
    """
    with suppress(OSError):  # which reading it tells, or it is read again by the next one
        if known := recall(root, file.name):
            file.fingerprint = known.fingerprint
            return
        before = _identity_of(file.name)
        remember(root, file.name, Known(file.fingerprint), before)
    assert file.fingerprint


def recalled_chapters(root: Root, source: Source, seconds: float) -> Sequence[Chapter]:
    """As `chapters_of`; those of a long file are remembered, so that its frames need not be looked at again.

    Raises UserError where it cannot be read.
    """
    if not isinstance(source, VideoFile):
        return chapters_of(source, seconds)
    facts: dict[str, Any] = {}
    key, before = f"chapters of {seconds!r} s", None
    with suppress(OSError, MessageError, TypeError, KeyError):
        before = _identity_of(source.name)
        if known := recall(root, source.name):
            facts = known.facts
            found: Sequence[Chapter] = [_chapter_from(told) for told in facts.get(key, [])]
            if found and [(one.number, one.count) for one in found] == [(n, len(found)) for n in range(len(found))]:
                return found
    found = source.chapters(seconds)
    if before and 1 < len(found) <= _MOST_CHAPTERS:
        facts = facts | {key: [_chapter_values(chapter) for chapter in found]}
        with suppress(OSError):
            remember(root, source.name, Known(source.fingerprint, facts), before)
    return found


def _chapter_values(chapter: Chapter) -> dict[str, Any]:
    return chapter_values(chapter) | {"first": chapter.first, "is_sought": chapter.is_sought}


def _chapter_from(told: Any) -> Chapter:
    first = optional(told["first"], lambda one: whole_from(one, "frame", 0, 1 << 48))
    return replace(chapter_from(told), first=first, is_sought=truth_from(told["is_sought"]))


def _name(path: str) -> str:
    return sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:24] + _SUFFIX


def _read(root: Root, path: str) -> bytes:
    with os.fdopen(root.open_to_read(_name(path)), "rb") as file:
        return file.read(_LONGEST)
