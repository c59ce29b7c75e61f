r"""Names of files are bytes, and may hold anything but a slash: how they are stored, and how they are shown.

Inside the program a name is a str as ``os.fsdecode`` makes it: bytes that are no UTF-8 are lone surrogates, from which
``os.fsencode`` makes the very bytes again. Where a name leaves the program it goes through one of these functions:
SQLite is given the bytes (`stored`), JSON an escape that its readers turn back into the same str (`json_text`), texts
and terminals a backslash escape (`in_utf8`, `shown`): ``caf\xe9.mp4``, ``\x1b[31m``, ``\u202egnp.exe``.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import unicodedata
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")
# C0 and C1 controls, the ends of lines of other systems, and what turns the direction of a text (UAX #9). Joiners stay:
# names in Persian or Malayalam need them.
_UNSEEN = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_CONTROL = re.compile(f"[\x00-\x1f{_UNSEEN}]")
# The login ends at the last @ before the path. Somebody may write a password with a slash as it is: of a stream
# everything before an @ is taken for one, elsewhere what stands behind a colon and is no port.
_LOGIN = re.compile(
    r"(?:(rtsps?://)(?:[^\s'\"]*@)?|([a-z][a-z0-9+.-]{,20}://)"
    r"(?:[^\s/?#'\"]*@|[^\s/?#'\"@:\[]*:(?!\d*[/?#])[^\s'\"]*@)?)"
    r"([^\s?#'\"]*)(?:\?[^\s'\";,)]*)?",
    re.IGNORECASE,
)
_LOGIN_WITHIN = re.compile(r"://[^\s/?#'\"]*@")  # of an address that stands in another one, by mistake
# Some cameras want it in the path: /user=admin&password=…&channel=1, or with underscores between.
_LOGIN_IN_PATH = re.compile(r"(?<![a-z])(?:user(?:name)?|usr|login|pass\w*|pwd|psw|token|auth|key)=.*", re.IGNORECASE)
_NOT_IN_JSON = re.compile(f"[{_UNSEEN}\ud800-\udfff]")  # others below a space are escaped by ``json``, or are its own


def in_utf8(text: str) -> str:
    """The same text, with a backslash escape for each byte of a name that is no UTF-8."""
    return _SURROGATE.sub(_escape, text)


def shown(text: str) -> str:
    """A text as one line that a terminal may be given: what is no UTF-8, controls and turns of direction escaped.

    Of addresses the user's name and password are left out, and the query, which may hold a token.
    """
    return _CONTROL.sub(_escape, in_utf8(without_logins(text)))


def without_logins(text: str) -> str:
    """A text whose addresses tell no user, no password and no query, which may hold a token.

    It is the one home of this: whatever may hold an address goes through it (or `shown`) before it is logged, told,
    stored or raised.
    """
    scrubbed = _LOGIN.sub(lambda found: (found[1] or found[2]) + _LOGIN_IN_PATH.sub("…", found[3]), text)
    return _LOGIN_WITHIN.sub("://", scrubbed)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte, as ``os.fsdecode`` makes it
        code -= 0xDC00
    known = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
    return known.get(match[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def json_text(value: Any, *, encoding: str = "utf-8", indent: int | None = None) -> str:
    """A value as JSON. What the encoding or a terminal cannot show is escaped, so that readers get the same text.

    Parameters
    ----------
    value : None, bool, int, float, str, list, dict; of anything else its ``str`` is written
    encoding : of the stream or file that it is written to
    indent : spaces a level; None = all on one line
    """
    text = json.dumps(value, ensure_ascii=not _is_unicode(encoding), indent=indent, default=str)
    return _NOT_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _is_unicode(encoding: str) -> bool:
    return codecs.lookup(encoding).name.startswith("utf")


def stored(name: str) -> str | bytes:
    """A name for SQLite, whose texts are UTF-8: bytes where it is none."""
    if not _SURROGATE.search(name):
        return name
    raw = os.fsencode(name)
    try:
        return raw.decode("utf-8")  # where the system's names are taken for another encoding
    except UnicodeDecodeError:
        return raw


def restored(key: str | bytes) -> str:
    """The name that was `stored`."""
    return os.fsdecode(key)


def composed(name: str) -> str:
    """A name with each letter and its accents as one sign: Macs write them apart (Unicode NFC)."""
    return unicodedata.normalize("NFC", name)


def alike(name: str) -> str:
    """The same for names that are one on file systems that know no case, or no two spellings of an accent."""
    return composed(composed(name).casefold())


def is_path(text: str) -> bool:
    """Whether a file can be called so: a text from a document may hold what is no file system's."""
    try:
        return bool(text) and b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
