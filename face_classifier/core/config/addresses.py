"""Where a camera is: which addresses are taken, and an address with and without who logs in."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from face_classifier.core import names

STREAMS = ("rtsp", "rtsps", "http", "https")
Kind = Literal["stream", "device", "file"]
# As FFmpeg finds one; of two letters at least, since C:\ is a drive. A file with a colon is ./a:b.mp4.
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+|subfile,[^:]*):", re.IGNORECASE)
_SLIP = re.compile(r"(?:rtsps?|https?)\W*/", re.IGNORECASE)  # a stream without its colon, which is no file
_DEVICE = re.compile(r"/dev/video\d+", re.ASCII)
_RULE = (
    "an address rtsp://, rtsps://, http:// or https://, the number of a webcam, a device such as /dev/video0, or a file"
)


def kind_of(address: str) -> Kind:
    """What an address is. Raises ValueError with the rule unless FFmpeg may be given it."""
    if address.isascii() and address.isdecimal() and len(address) < 4:
        return "device"
    if _DEVICE.fullmatch(address):
        return "device"
    scheme = _SCHEME.match(address)
    if scheme:
        if scheme[1].lower() not in STREAMS or not _has_host(address):
            raise ValueError(_RULE)
        return "stream"
    if (
        not names.is_path(address)
        or _SLIP.match(address)
        or address.startswith(("/dev/", "/proc/", "-", "|"))
        or " ! " in address
    ):
        raise ValueError(_RULE)
    return "file"


def _has_host(address: str) -> bool:
    try:
        parts = urlsplit(address)
        is_one = not re.search(r"[\s'\"]|://.*://", address.partition("?")[0]) and not parts.netloc.endswith(":")
        return is_one and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # the port is no number
        return False


def with_login(address: str, user: str | None, password: str | None) -> str:
    """The address of a stream with who logs in, for the process that opens it: it is never to be shown.

    Parameters
    ----------
    address : of a stream; what is no stream comes back as it is
    user, password : as they are typed; None = as in the address
    """
    if "://" not in address or (user is None and password is None):
        return address
    parts = urlsplit(address)
    own, _, host = parts.netloc.rpartition("@")
    own_user, _, own_password = own.partition(":")
    login = quote(user, safe="") if user is not None else own_user
    word = quote(password, safe="") if password is not None else own_password
    return urlunsplit(parts._replace(netloc=f"{login}:{word}@{host}" if word else f"{login}@{host}"))


def place_of(address: str) -> str:
    """An address without who logs in: two cameras of one place are one camera. It may still hold a secret."""
    if "://" not in address:
        return address
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2].lower()))


def has_password(address: str) -> bool:
    """Whether a password stands in an address."""
    return "://" in address and ":" in urlsplit(address).netloc.rpartition("@")[0]


def without_login(address: str) -> str:
    """An address, or a text that holds some, as it may be shown: without user, password and query, which may be one."""
    return names.without_logins(address)
