"""What stands in a configuration and where, and how a sentence about it quotes values and names known words."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from face_classifier.core.errors import UserError, WrongUseError
from face_classifier.core.names import without_logins

_LONGEST_WORD = 100  # characters
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60  # characters


@dataclass(frozen=True)
class Node:
    """A value of a configuration and where it stands.

    value: of a plain key what YAML makes of it (str, int, float, bool, ...); within lists and mappings a str as it is
    written, or None; a dict or a list of nodes
    origin: ``in c.yaml, line 3,``, or the environment's variable
    """

    value: Any
    origin: str
    line: int = 0  # from 1; 0 = it is a variable's

    def plain(self) -> Any:
        """What it holds, without places."""
        if isinstance(self.value, dict):
            return {key: part.plain() for key, part in self.value.items()}
        if isinstance(self.value, list):
            return [part.plain() for part in self.value]
        return self.value


class Fault(NamedTuple):
    """What is wrong, and where, so that faults can be told in the order of lines."""

    line: int  # from 1; 0 = it stands in no file
    sentence: str
    kind: type[UserError] = WrongUseError


def quoted(value: object) -> str:
    """A value as an error message quotes it, shortened if it is long or deep, without logins of addresses."""
    try:  # first left out, then shortened: what ends a login may be what is cut away
        return without_logins(_SHORT.repr(without_logins(value) if isinstance(value, str) else value))
    except (ValueError, RecursionError):  # Python writes no number of more than 4,300 digits
        return f"a {type(value).__name__} that is too long to be shown"


def meant(word: str, known: Sequence[str], prefix: str = "") -> str:
    """The advice for an unknown word: the known word nearest to it, else all of them, each with ``prefix``."""
    near = difflib.get_close_matches(word[:_LONGEST_WORD], known, 1)
    return f"did you mean {prefix}{near[0]}?" if near else f"there are {', '.join(prefix + name for name in known)}"
