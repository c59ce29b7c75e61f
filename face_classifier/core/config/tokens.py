"""Tokens of programs that ask the page for something: kept as hashes, a line each, in a file of one's own."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from face_classifier.core.errors import UserError

SCOPES = ("read", "write", "live")
_LARGEST = 1_000_000  # bytes of a file
_LINE = re.compile(r"(?P<name>[\w.-]{1,63})\s+(?P<scopes>[a-z,]+)\s+(?P<hash>[0-9a-f]{64})", re.ASCII)
_PREFIX = "fc_"  # by which programs that look for lost secrets may find one


@dataclass(frozen=True)
class Token:
    """Who may do what. ``hash`` is the SHA-256 of a random word of 256 bits, which needs no salt and no slow hash."""

    name: str
    scopes: frozenset[str]
    hash: str

    def is_of(self, word: str) -> bool:
        """Whether it was made for this word, in constant time."""
        return secrets.compare_digest(self.hash, _hash(word))


def read(path: str) -> tuple[Token, ...]:
    """The tokens of a file: lines ``NAME SCOPE[,SCOPE] SHA256``; empty ones and those with ``#`` are passed over.

    Raises
    ------
    UserError : it cannot be read, others may read it, or a line is none; no line is quoted
    """
    where = f"the tokens are to be in the file {path}, which"
    try:
        with Path(path).open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise UserError(f"{where} others may read; run: chmod 600 {path}")
            content = file.read(_LARGEST).decode("utf-8")
    except OSError as error:
        raise UserError(
            f"{where} cannot be read ({error.strerror}); make a token with face-classifier token, or name another file"
        ) from None
    except ValueError:  # the name or the content is no text
        raise UserError(f"{where} is not text; name the file that face-classifier token made") from None
    lines = [(number, line.strip()) for number, line in enumerate(content.splitlines(), 1)]
    return tuple(_token(line, f"{path}, line {number},") for number, line in lines if line and line[0] != "#")


def _token(line: str, where: str) -> Token:
    found = _LINE.fullmatch(line)
    if not found or not set(found["scopes"].split(",")) <= set(SCOPES):
        raise UserError(
            f"{where} is no token: NAME, scopes of {', '.join(SCOPES)} with commas, and a hash; "
            "make one with face-classifier token"
        )
    return Token(found["name"], frozenset(found["scopes"].split(",")), found["hash"])


def add(path: str, name: str, scopes: Collection[str]) -> str:
    """Make a token, keep its hash in a file that only its owner may read, and return it.

    Parameters
    ----------
    path : of the file, which is made where there is none
    name : of the program
    scopes : of `SCOPES`

    Raises
    ------
    UserError : the name is taken or cannot be one, or the file cannot be read or written
    """
    there = read(path) if os.path.lexists(path) else ()
    if any(token.name == name for token in there):
        raise UserError(f"{path} already has a token {name}; choose another name, or delete that line first")
    word = _PREFIX + secrets.token_urlsafe(32)
    line = f"{name} {','.join(scope for scope in SCOPES if scope in scopes)} {_hash(word)}"
    _token(line, "the new line")
    try:
        with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            file.write((b"" if file.read(1) in (b"", b"\n") else b"\n") + line.encode() + b"\n")
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); name another file") from None
    return word


def _hash(word: str) -> str:
    return hashlib.sha256(word.encode("utf-8", "surrogateescape")).hexdigest()
