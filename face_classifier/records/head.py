"""What a record tells of its source, and of how that was analysed; its name says both, for whoever looks for it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from face_classifier.core.messages import (
    MessageError,
    number_from,
    optional,
    text_from,
    time_from,
    truth_from,
    whole_from,
)
from face_classifier.records.plain import Origin
from face_classifier.sources.base import Sampling
from face_classifier.sources.chapters import Chapter

SUFFIX = ".record"  # how the names of records end
_NAME = re.compile(rf"[0-9a-f]{{24}}-[0-9a-f]{{8}}{re.escape(SUFFIX)}")
_SOURCE, _WHAT, _MADE = 8, 16, 8  # hexadecimal digits
_MOST_CHAPTERS = 1 << 20
_MOST_NOTES = 1000
_LAST = 1e12  # seconds of a source
_OF_CHAPTER = "number count begin end stream".split()  # what it is; how it is read, the source tells


@dataclass(frozen=True)
class Head:
    """What a record tells of its source, or of a chapter of it, and of how that was analysed."""

    origin: Origin
    start: datetime  # of the source, aware, UTC
    sampling: Sampling
    follows: bool  # whether the tracks of its faces count
    settings: dict[str, str | float | bool | None]  # those that the analysis depends on
    versions: dict[str, str]  # of the program, of the libraries and of the models that analysed it
    chapter: Chapter | None = None  # None: the whole source
    kernel: str | None = None  # digest of the canary: of processors that compute alike; None: nobody asked
    failure: str | None = None  # a sentence: it cannot be analysed, and there are no frames
    notes: tuple[str, ...] = ()  # sentences about what is lacking in it

    def of(self, chapter: Chapter) -> Head:
        """That of the record of a chapter; one chapter is the whole."""
        return replace(self, chapter=chapter if chapter.count > 1 else None)

    @property
    def part(self) -> str:
        """How the names of all records of this part of the source begin that were sampled and set alike."""
        told = _values(self)
        what = {key: told[key] for key in ("fingerprint", "chapter", "sampling", "follows", "settings")}
        if self.origin.fingerprint is None:
            what |= {"source": told["source"], "start": told["start"]}
        return f"{names_of_source(self.origin.fingerprint)}{_hash(what)[:_WHAT]}"

    @property
    def name(self) -> str:
        """Of the record's file: `part`, and by what it is analysed. Equal for what gives equal records."""
        return f"{self.part}-{_hash({'versions': self.versions, 'kernel': self.kernel})[:_MADE]}{SUFFIX}"


def names_of_source(fingerprint: str | None) -> str:
    """How the names of all records of a source begin."""
    return sha256((fingerprint or "").encode()).hexdigest()[:_SOURCE]


def is_name(name: str) -> bool:
    """Whether a file is called as a record that tells what it is of."""
    return _NAME.fullmatch(name) is not None


def _hash(told: dict[str, Any]) -> str:
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def head_values(head: Head) -> dict[str, str]:
    """The rows of the table ``head``: JSON by key."""
    return {key: json.dumps(value) for key, value in _values(head).items()}


def _values(head: Head) -> dict[str, Any]:
    return {
        "source": head.origin.source,
        "fingerprint": head.origin.fingerprint,
        "start": head.start.isoformat(),
        "sampling": vars(head.sampling),
        "follows": head.follows,
        "settings": head.settings,
        "versions": head.versions,
        "chapter": head.chapter and chapter_values(head.chapter),
        "kernel": head.kernel,
        "failure": head.failure,
        "notes": list(head.notes),
    }


def chapter_values(chapter: Chapter) -> dict[str, Any]:
    """What a chapter is, as JSON."""
    told = {key: value for key, value in vars(chapter).items() if key in _OF_CHAPTER}
    return told | {"end": chapter.end if math.isfinite(chapter.end) else None}


def head_from(rows: dict[str, Any]) -> Head:
    """The head of these values by key, of which nothing is believed. Raises MessageError."""
    try:
        return Head(
            Origin(text_from(rows["source"], "source"), _text_or_none(rows["fingerprint"], "fingerprint")),
            time_from(rows["start"]),
            Sampling(**rows["sampling"]),
            truth_from(rows["follows"]),
            _settings_from(rows["settings"]),
            {text_from(key, "library"): text_from(value, "version") for key, value in rows["versions"].items()},
            optional(rows["chapter"], chapter_from),
            _text_or_none(rows["kernel"], "kernel"),
            _text_or_none(rows["failure"], "failure"),
            _notes_from(rows["notes"]),
        )
    except MessageError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MessageError(f"its head is damaged ({error})") from error


def _text_or_none(value: object, name: str) -> str | None:
    return None if value is None else text_from(value, name)


def _notes_from(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MOST_NOTES:
        raise MessageError("its notes are not a short list")
    return tuple(text_from(note, "note") for note in value)


def _settings_from(value: Any) -> dict[str, str | float | bool | None]:
    for key, setting in value.items():
        text_from(key, "setting")
        if not isinstance(setting, str | float | int | None):
            raise MessageError(f"its setting {key} is missing")
    return dict(value)


def chapter_from(value: Any) -> Chapter:
    """What `chapter_values` told. Raises MessageError, KeyError, TypeError where it is none."""
    count = whole_from(value["count"], "count of chapters", 1, _MOST_CHAPTERS)
    begin = number_from(value["begin"], "begin", 0, _LAST)
    end = optional(value["end"], lambda one: number_from(one, "end", 0, _LAST))
    if end is not None and end <= begin:
        raise MessageError("its chapter ends before it begins")
    stream = optional(value["stream"], lambda one: whole_from(one, "stream", 0, _MOST_CHAPTERS))
    number = whole_from(value["number"], "chapter", 0, count)
    return Chapter(number, count, begin, math.inf if end is None else end, stream)
