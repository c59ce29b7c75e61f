"""A configuration file: YAML of one level, ``key: value``, read event by event, so that no bomb ever goes off.

Nested values, references and other tags are refused at the event where they begin, before anything is built of them.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from face_classifier.core.errors import UserError, WrongUseError

_MOST_BYTES = 1_000_000
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60  # characters


class Entry(NamedTuple):
    key: str
    value: Any  # a str, int, float, bool or None
    line: int  # from 1


def quoted(value: object) -> str:
    """A value as an error message quotes it, shortened if it is long or deep."""
    try:
        return _SHORT.repr(value)
    except (ValueError, RecursionError):  # Python writes no number of more than 4,300 digits
        return f"a {type(value).__name__} that is too long to be shown"


def read(path: Path) -> list[Entry]:
    """The keys and values of a file. Raises UserError, which names file, line and key as far as they are known."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise UserError(
                f"the configuration file {path} is larger than {_MOST_BYTES // 1_000_000} MB; give a YAML file"
            )
        return list(_entries(path, content.decode("utf-8-sig")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise UserError(f"the configuration file {path} cannot be read ({reason}); give a YAML file") from error


def _entries(path: Path, text: str) -> Iterator[Entry]:
    loader: Any = yaml.SafeLoader(text)
    lines: dict[str, int] = {}  # on which each key stands
    try:
        loader.get_event()  # the stream begins
        if loader.check_event(yaml.StreamEndEvent):
            return
        loader.get_event()  # and the document
        first = loader.get_event()
        if isinstance(first, yaml.ScalarEvent) and _tag(loader, first).endswith(":null"):
            return
        if not isinstance(first, yaml.MappingStartEvent):
            kind = "list" if isinstance(first, yaml.SequenceStartEvent) else "text"
            raise WrongUseError(f"the configuration file {path} holds a {kind}; give lines of `key: value`")
        while not loader.check_event(yaml.MappingEndEvent):
            event = loader.get_event()
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent):
                raise WrongUseError(f"{path}, line {line}, has a key that is no word; give lines of `key: value`")
            if event.value in lines:
                where = f"lines {lines[event.value]} and {line}"
                raise WrongUseError(f"{quoted(event.value)} stands twice in {path}, on {where}; leave one out")
            lines[event.value] = line
            yield Entry(event.value, _value(loader, event.value, path), line)
        loader.get_event()
        if not (loader.check_event(yaml.DocumentEndEvent) and loader.get_event()) or not loader.check_event(
            yaml.StreamEndEvent
        ):
            line = loader.peek_event().start_mark.line + 1
            raise WrongUseError(f"{path}, line {line}, begins a second document; give lines of `key: value`")
    finally:
        loader.dispose()


def _value(loader: Any, key: str, path: Path) -> Any:
    event = loader.get_event()
    where = f"{quoted(key)} in {path}, line {event.start_mark.line + 1},"
    if not isinstance(event, yaml.ScalarEvent):
        kind = {yaml.SequenceStartEvent: "a list", yaml.MappingStartEvent: "a mapping"}.get(type(event), "an alias")
        raise WrongUseError(f"{where} is {kind}, but must be one value")
    tag = _tag(loader, event)
    node = yaml.ScalarNode(tag, event.value)
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError, KeyError, AttributeError, OverflowError) as error:
        # What looks like a date or a number, but is none: PyYAML raises whatever comes of it.
        kind = tag.rpartition(":")[2]
        raise WrongUseError(
            f"{where} is {quoted(event.value)}, which is no {kind} that can be; put it into quotes"
        ) from error


def _tag(loader: Any, event: yaml.ScalarEvent) -> str:
    """The YAML tag of a value: the one written before it, else the one that its look gives it."""
    return str(
        event.tag if event.tag not in (None, "!") else loader.resolve(yaml.ScalarNode, event.value, event.implicit)
    )
