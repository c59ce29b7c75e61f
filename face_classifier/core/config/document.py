"""A configuration file: YAML of mappings, lists and words, read event by event, so that no bomb ever goes off.

References, tags of our own and second documents are refused at the event where they begin, before anything is built of
them; so are lists and mappings where a plain value stands. Depth and size are bounded.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from face_classifier.core.configfile import Fault, Node, quoted
from face_classifier.core.errors import UserError, WrongUseError

_MOST_BYTES = 1_000_000
_MOST_VALUES = 20_000
_DEEPEST = 8  # levels; a point of a mask is the sixth: cameras, door, masks, polygon, point, number

# What PyYAML says of common slips, and what a user is told of them; ``begun``: the line in which the part began.
_MISREAD = (
    (r".*'\\t' that cannot", "line {line}, has a tab before a key; indent by spaces"),
    (r".*found character (\S+) that cannot", "line {line}, has a value that begins with {0}; put it into quotes"),
    (r"while scanning an (?:alias|anchor)", "line {line}, has a value that begins with * or &; put it into quotes"),
    (
        r".*expected the node content, but found (\S+)",
        "line {line}, has a value that begins with {0}; put it into quotes",
    ),
    (r".*sequence entries are not", "line {line}, has a `- ` after something; begin each part of a list in a new line"),
    (r"while scanning a block scalar", "line {line}, has a value that begins with | or >; put it into quotes"),
    (
        r": mapping values are not allowed",
        "line {line}, has a colon where none is expected; indent the keys of one mapping alike, end the line above "
        "with a colon if these are its keys, and put a value with a colon and a space into quotes",
    ),
    (
        r"while parsing a block .*<(?:scalar|anchor|alias)>",
        "line {line}, goes on after a quote; put it all into one pair",
    ),
    (
        r"while parsing a block .*expected <block end>",
        "line {line}, is indented differently from line {begun}, where its mapping or list begins; indent both alike",
    ),
    (r"while scanning a simple key", "line {begun}, is not `key: value`; write a colon and a space after the key"),
    (r"while scanning a quoted scalar", "line {begun}, opens a quote that does not end; end it in the same line"),
    (r"while scanning a double-quoted", "line {line}, has a \\ within double quotes; use single ones"),
    (r"while parsing a flow", "line {begun}, opens a bracket that is not closed well; check its commas and its end"),
)


def read(
    path: Path, plain: Sequence[str], nested: Sequence[str], faults: list[Fault], former: Sequence[str] = ()
) -> dict[str, Node]:
    """The values of a file by key.

    Parameters
    ----------
    path : of the file
    plain : the known keys whose values are plain ones
    nested : the keys whose values may be lists and mappings
    faults : gets what is wrong with single values, which are left out
    former : keys that there were once, of any value: who reads this tells what they are now

    Raises
    ------
    UserError : the file cannot be read, or is no such YAML; it names file, line and key as far as they are known
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise UserError(
                f"the configuration file {path} is larger than {_MOST_BYTES // 1_000_000} MB; give a YAML file"
            )
        text = content.decode("utf-8-sig")
        return _Reader(path, text, plain, nested, former, faults).document()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise WrongUseError(
            f"{path}, line {line}, has the character U+{error.character:04X}, which no text has; leave it out"
        ) from None
    except yaml.MarkedYAMLError as error:
        raise WrongUseError(_misread(path, error)) from None  # it quotes the line, which may hold a password
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise UserError(f"the configuration file {path} cannot be read ({reason}); give a YAML file") from error


def _misread(path: Path, error: yaml.MarkedYAMLError) -> str:
    """What is wrong with the signs of a file, by line; of its text no more than a sign is told."""
    line, begun = (mark.line + 1 if mark else 1 for mark in (error.problem_mark, error.context_mark))
    problem = " ".join((error.problem or "it is not YAML").split())
    for pattern, sentence in _MISREAD:
        if match := re.match(pattern, f"{error.context or ''}: {problem}"):
            return f"{path}, " + sentence.format(*match.groups(), line=line, begun=begun)
    return f"the configuration file {path} cannot be read (line {line}: {problem}); give a YAML file"


class _Reader:
    """The events of one file as nodes."""

    def __init__(
        self,
        path: Path,
        text: str,
        known: Sequence[str],
        nested: Sequence[str],
        former: Sequence[str],
        faults: list[Fault],
    ) -> None:
        self._path, self._known, self._nested, self._former, self._faults = path, known, nested, former, faults
        self._loader: Any = yaml.SafeLoader(text)
        self._count = 0

    def document(self) -> dict[str, Node]:
        loader = self._loader
        try:
            loader.get_event()  # the stream begins
            if loader.check_event(yaml.StreamEndEvent):
                return {}
            loader.get_event()  # and the document
            first = loader.get_event()
            if isinstance(first, yaml.ScalarEvent) and _tag(loader, first).endswith(":null"):
                return {}
            if not isinstance(first, yaml.MappingStartEvent):
                kind = "list" if isinstance(first, yaml.SequenceStartEvent) else "text"
                raise WrongUseError(f"the configuration file {self._path} holds a {kind}; give lines of `key: value`")
            values = self._mapping("", 0)
            if not (loader.check_event(yaml.DocumentEndEvent) and loader.get_event()) or not loader.check_event(
                yaml.StreamEndEvent
            ):
                line = loader.peek_event().start_mark.line + 1
                raise WrongUseError(f"{self._path}, line {line}, begins a second document; give lines of `key: value`")
            return values
        finally:
            loader.dispose()

    def _mapping(self, prefix: str, depth: int) -> dict[str, Node]:
        """The nodes of a mapping whose beginning was read, by key; ``prefix`` is the dotted key of the mapping."""
        loader = self._loader
        lines: dict[str, int] = {}  # on which each key stands
        values: dict[str, Node] = {}
        while not loader.check_event(yaml.MappingEndEvent):
            event = loader.get_event()
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent):
                raise WrongUseError(
                    f"{self._path}, line {line}, has a key that is not a word; give lines of `key: value`"
                )
            key = event.value
            if key in lines:
                where = f"lines {lines[key]} and {line}"
                raise WrongUseError(
                    f"{quoted(_dotted(prefix, key))} stands twice in {self._path}, on {where}; leave one out"
                )
            lines[key] = line
            if depth or key in self._nested or key in self._former:
                values[key] = self._node(_dotted(prefix, key), depth + 1, line)
            elif (
                key not in self._known
                and loader.check_event(yaml.SequenceStartEvent, yaml.MappingStartEvent)
                and difflib.get_close_matches(key, self._nested, 1)
            ):
                values[key] = self._node(key, depth + 1, line)  # who reads this tells that there is no such key
            elif plain := self._plain(key):
                values[key] = plain
        loader.get_event()
        return values

    def _node(self, key: str, depth: int, line: int | None = None) -> Node:
        """The next value, of any shape; plain ones as they are written: what reads them knows what they are to be.

        ``line``: where its key stands, which is where lists and mappings begin
        """
        event = self._loader.get_event()
        if line is None or isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            line = event.start_mark.line + 1
        origin = f"in {self._path}, line {line},"
        self._count += 1
        if self._count > _MOST_VALUES:
            raise WrongUseError(f"{quoted(key)} {origin} is one value too many; give at most {_MOST_VALUES:,}")
        if isinstance(event, yaml.AliasEvent):
            raise WrongUseError(f"{quoted(key)} {origin} is an alias; write the value itself")
        if isinstance(event, yaml.ScalarEvent):
            if event.tag not in (None, "!"):
                raise WrongUseError(f"{quoted(key)} {origin} has a tag, {quoted(event.tag)}; leave it out")
            return Node(None if _tag(self._loader, event).endswith(":null") else event.value, origin, line)
        if event.tag is not None:
            raise WrongUseError(f"{quoted(key)} {origin} has a tag, {quoted(event.tag)}; leave it out")
        if depth > _DEEPEST:
            raise WrongUseError(f"{quoted(key)} {origin} lies deeper than {_DEEPEST} levels; no key lies so deep")
        if isinstance(event, yaml.MappingStartEvent):
            return Node(self._mapping(key, depth), origin, line)
        values: list[Node] = []
        while not self._loader.check_event(yaml.SequenceEndEvent):
            values.append(self._node(f"{key}[{len(values)}]", depth + 1))
        self._loader.get_event()
        return Node(values, origin, line)

    def _plain(self, key: str) -> Node | None:
        """The next value, which must be a plain one, as YAML understands it; None: it is none that can be."""
        loader = self._loader
        event = loader.get_event()
        line = event.start_mark.line + 1
        origin = f"in {self._path}, line {line},"
        where = f"{quoted(key)} {origin}"
        if not isinstance(event, yaml.ScalarEvent):
            kind = {yaml.SequenceStartEvent: "a list", yaml.MappingStartEvent: "a mapping"}.get(type(event), "an alias")
            advice = "" if key in self._known else f"; what holds others is called {', '.join(self._nested)}"
            raise WrongUseError(f"{where} is {kind}, but must be one value{advice}")
        tag = _tag(loader, event)
        node = yaml.ScalarNode(tag, event.value)
        try:
            return Node(loader.construct_object(node), origin, line)
        except (yaml.YAMLError, ValueError, KeyError, AttributeError, OverflowError):
            # What looks like a date or a number, but is none: PyYAML raises whatever comes of it.
            kind = tag.rpartition(":")[2]
            sentence = f"{where} is {quoted(event.value)}, which is not a valid {kind}; put it into quotes"
            self._faults.append(Fault(line, sentence))
            return None


def _dotted(prefix: str, key: str) -> str:
    return f"{prefix}.{key}" if prefix else key


def _tag(loader: Any, event: yaml.ScalarEvent) -> str:
    """The YAML tag of a value: the one written before it, else the one that its look gives it."""
    return str(
        event.tag if event.tag not in (None, "!") else loader.resolve(yaml.ScalarNode, event.value, event.implicit)
    )
