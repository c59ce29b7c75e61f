"""Settings of a YAML file, the environment and flags: flags win over the environment, that over the file."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from face_classifier.core.config.flat import ENVIRONMENT, Flat, parse
from face_classifier.core.config.settings import NESTED, OWN, Settings
from face_classifier.core.configfile import Fault, Node, meant, quoted
from face_classifier.core.errors import UserError, WrongUseError

if TYPE_CHECKING:  # the models of nested keys are loaded where there are any
    from face_classifier.core.config.cross import Parts
    from face_classifier.core.config.parts.nested import Nested

# Of the command line and the script that begins it, of `models`, and of the tests.
_OTHER_VARIABLES = ("LOG", "SET_UP", "EXTRAS", "MODELS", "TEST_DATA")
_LOGS_OF_MAIN = ("debug", "")  # the same variable, but another wish than how lines look
_SECRETS = ("PASSWORD", "TOKEN", "SECRET")  # a variable that ends so holds one, and is read when it is needed
_FORMER = {"health": "the page is called web now: write web: {listen: 127.0.0.1:8470}, or web: {listen: off} for none"}
_FLAT = {field.name: field for field in dataclasses.fields(Flat)}


def load(flags: Mapping[str, Any], config: str | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from a YAML file, the environment and flags; flags win over the environment, that over the file.

    Parameters
    ----------
    flags : what the user typed by field name; None = not typed
    config : path of the YAML file; None = there is none
    environ : the environment variables; nested keys as ``FACE_CLASSIFIER_CAMERAS__DOOR__URL``

    Raises
    ------
    UserError : the file cannot be read, a value is out of its range, or a key or variable is unknown; it names place,
        key, rule and value. Of several faults it is the first; `examine` tells all.
    """
    reading = _read(flags, config, environ)
    settings, faults = reading.outcome()[:2] if reading.is_nested else reading.plain()
    if settings is None:
        raise faults[0].kind(faults[0].sentence)
    return settings


class Examined(NamedTuple):
    """What came of a configuration."""

    settings: Settings | None  # None if there are faults
    faults: list[Fault]  # in the order of lines, those of flags and variables first
    parts: Parts  # what could be read, whatever is wrong elsewhere
    tree: Mapping[str, Node]  # the nested values with their places


def examine(flags: Mapping[str, Any], config: str | None = None, environ: Mapping[str, str] = os.environ) -> Examined:
    """`load` that tells every fault. Parameters as there."""
    return _read(flags, config, environ).outcome()


def _read(flags: Mapping[str, Any], config: str | None, environ: Mapping[str, str]) -> _Reading:
    reading = _Reading()
    reading.flags_and_variables(flags, environ)
    if config:
        reading.file(config)
    reading.nested_variables(environ)
    return reading


class _Reading:
    """What was read so far, and the faults that were found."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._flat: dict[str, Any] = {}
        self._meant: set[str] = set()  # keys that others are nearly
        self._tree: dict[str, Node] = {}

    def flags_and_variables(self, flags: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        known = [*(name.upper() for name in (*_FLAT, *OWN)), *_OTHER_VARIABLES]
        for name in environ:
            word = name.removeprefix(ENVIRONMENT)
            former = word.partition("__")[0].lower()
            if word != name and former in _FORMER:
                self._fault(f"the variable {quoted(name)} is from an earlier version; {_FORMER[former]}")
            elif word not in (name, *known) and word.partition("__")[0].lower() not in OWN:
                advice = meant(word.partition("__")[0], known, ENVIRONMENT)
                self._fault(f"the variable {quoted(name)} is unknown; {advice}")
        for name, field in _FLAT.items():
            variable = ENVIRONMENT + name.upper()
            for value, origin in (
                (flags.get(name), field.metadata["flags"][-1]),
                (environ.get(variable), variable),
            ):
                if value is not None:
                    self._take(name, value, origin)
                    break

    def file(self, config: str) -> None:
        from face_classifier.core.config import document  # and with it PyYAML

        try:
            values = document.read(Path(config), [*_FLAT, "log"], NESTED, self.faults, list(_FORMER))
        except UserError as error:
            self.faults.append(Fault(0, str(error), type(error)))
            return
        for key, node in values.items():
            if key in OWN:
                self._tree[key] = node
            elif key in _FORMER:
                self._fault(f"{key} {node.origin} is a former key; {_FORMER[key]}", node.line)
            elif key not in _FLAT:
                from face_classifier.core.config.sentences import advice_for  # which loads all models

                where = node.origin.removeprefix("in ")
                sentence = f"{where} has the unknown key {quoted(key)}; {advice_for(key, [*_FLAT, *OWN])}"
                self._fault(sentence, node.line)
                self._meant.update(difflib.get_close_matches(key, OWN, 1))
            elif key not in self._flat and node.value is not None:
                self._take(key, node.value, f"{key} {node.origin}", node.line)

    def nested_variables(self, environ: Mapping[str, str]) -> None:
        """Put what the environment says into the places of the file's values."""
        for name in sorted(environ, key=lambda name: (name.count("__"), name)):  # a mapping before its keys
            path = _path_of(name)
            if path and not (path == ["log"] and environ[name] in _LOGS_OF_MAIN):
                self._put(path, name, environ[name])

    @property
    def is_nested(self) -> bool:
        """Whether there is a key without a flag."""
        return bool(self._tree)

    def plain(self) -> tuple[Settings | None, list[Fault]]:
        """The settings where none is nested, or what is wrong with them."""
        settings = self._settings({})
        self.faults.sort(key=lambda fault: fault.line)
        return (None if self.faults else settings), self.faults

    def outcome(self) -> Examined:
        from face_classifier.core.config.cross import Parts, disagreements

        settings, parts = self._settings(self._tree), Parts.of(self._tree)
        self.faults += disagreements(parts, self._tree, self._meant)
        self.faults.sort(key=lambda fault: fault.line)
        return Examined(None if self.faults else settings, self.faults, parts, self._tree)

    def _settings(self, tree: Mapping[str, Node]) -> Settings | None:
        try:
            return Settings(**self._flat, nested=self._nested(tree) if tree else None)
        except UserError as error:
            self.faults.append(Fault(0, str(error), type(error)))
        return None

    def _nested(self, tree: Mapping[str, Node]) -> Nested | None:
        from pydantic import ValidationError

        from face_classifier.core.config.parts.nested import Nested
        from face_classifier.core.config.sentences import sentences

        try:
            return Nested(**{key: plain for key, node in tree.items() if (plain := node.plain()) is not None})
        except ValidationError as error:
            self.faults += sentences(error, tree)
        return None

    def _take(self, name: str, value: Any, origin: str, line: int = 0) -> None:
        try:
            self._flat[name] = parse(_FLAT[name], value, origin)
        except WrongUseError as error:
            self._fault(str(error), line)

    def _fault(self, sentence: str, line: int = 0) -> None:
        self.faults.append(Fault(line, sentence))

    def _put(self, path: list[str], variable: str, text: str) -> None:
        *parents, last = path
        place, where = self._tree, ""
        for word in parents:
            key = _same_key(place, word)
            node = place.setdefault(key, Node({}, variable))
            if node.value is None:
                node = place[key] = Node({}, variable)
            if not isinstance(node.value, dict):
                self._fault(f"{variable} is for a key within {where}{key}, which is not a mapping; leave it out")
                return
            place, where = node.value, f"{where}{key}."
        kind = place.get("type")
        is_secret = last.upper() in _SECRETS and path != ["web", "password"]  # which is a hash
        if is_secret or (last == "url" and kind and kind.value == "apprise"):
            place.pop(f"{last}_file", None)
            place[f"{last}_env"] = Node(variable, variable)
            return
        try:
            place[_same_key(place, last)] = _node_of(text, variable)
        except (ValueError, RecursionError):
            self._fault(f"{variable} begins like JSON, but is not JSON; give a value, words with commas, or JSON")


def _path_of(variable: str) -> list[str]:
    """The keys that a nested variable names; empty = it is none."""
    word = variable.removeprefix(ENVIRONMENT)
    path = word.lower().split("__")
    return path if word != variable and path[0] in OWN and all(path) else []


def _same_key(place: Mapping[str, Node], word: str) -> str:
    """The key of a mapping that a variable means: variables have no case, and ``_`` for what is no letter."""
    return next((key for key in place if re.sub(r"\W", "_", key).lower() == word), word)


def _node_of(text: str, variable: str) -> Node:
    """The value of a variable as nodes: JSON where it begins like a mapping or a list."""
    if not text.lstrip().startswith(("{", "[")):
        return Node(None if text.strip() in ("null", "~") else text, variable)
    return _as_node(json.loads(text, parse_int=str, parse_float=str), variable)


def _as_node(value: Any, variable: str) -> Node:
    if isinstance(value, dict):
        return Node({key: _as_node(part, variable) for key, part in value.items()}, variable)
    if isinstance(value, list):
        return Node([_as_node(part, variable) for part in value], variable)
    return Node(str(value).lower() if isinstance(value, bool) else value, variable)
