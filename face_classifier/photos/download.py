"""Files from http, https and file URLs, within limits of size and time, and from the public internet alone.

Written on ``http.client`` since no library does all of it, see `core.network.dial`.
"""

from __future__ import annotations

import http.client
import os
import re
import ssl
import stat
import time
from contextlib import closing
from typing import Protocol
from urllib.parse import SplitResult, unquote_to_bytes, urljoin, urlsplit

from face_classifier.core.errors import UserError
from face_classifier.core.network.dial import PORTS, Limits, Wire, connect, head_of, shown_address

MOST_BYTES = 64_000_000  # a photo of 100 megapixels as JPEG has about half of that
PATIENCE = 30.0  # seconds
_MOST_REDIRECTS = 5
_BLOCK = 1 << 16  # bytes
_REDIRECTS = (301, 302, 303, 307, 308)


class _Readable(Protocol):
    def read(self, most: int, /) -> bytes: ...


def fetch(url: str, *, allow_private: bool = False, most_bytes: int = MOST_BYTES, patience: float = PATIENCE) -> bytes:
    """The content behind an http, https or file URL: bytes, since what reads a picture needs all of it at once.

    A name is looked up once, and the connection goes to the very addresses that were checked. Proxies of the
    environment are not used: a proxy looks names up itself, and nothing could be promised. Raises UserError; its
    sentence tells host, port and path of the address only, since the rest may be secret.

    Parameters
    ----------
    url: its redirects are followed, but none from https to http.
    allow_private: else private, local and otherwise special addresses are refused, also as the goal of a redirect.
    most_bytes: of the content.
    patience: seconds for connections, redirects and content together; only the system's name lookup may take longer.
    """
    limits = Limits(allow_private, "give --allow-private", time.monotonic() + patience)
    shown = shown_address(url)
    try:
        parts = _split(url)
        return _read_file(parts, most_bytes) if parts.scheme == "file" else _follow(url, limits, most_bytes)
    except TimeoutError as error:
        raise UserError(
            f"{shown} takes longer than {patience:g} seconds; try again later, or download it and give the file"
        ) from error
    except ssl.SSLCertVerificationError as error:
        raise UserError(
            f"the certificate of {shown} is not valid ({error.verify_message}); do not trust it, or correct it"
        ) from error
    except http.client.HTTPException as error:
        raise UserError(
            f"{shown} does not answer as web servers do ({type(error).__name__}); check the address"
        ) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(f"{shown} cannot be fetched ({reason}); check the address and the network") from error


def _split(url: str) -> SplitResult:
    """The parts of an address of which scheme, host and port are in order. Raises UserError."""
    shown = shown_address(url)
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise UserError(f"{shown} is not an address that can be understood; check host and port") from None
    if parts.scheme not in (*PORTS, "file"):
        raise UserError(f"{shown} is not an http, https or file address; download it and give the file")
    if re.search("[\x00-\x1f\x7f\ud800-\udfff]", url):
        raise UserError(f"{shown} holds control characters or bytes that are not text; write the address without them")
    if "@" in parts.netloc:
        raise UserError(f"{shown} holds a user name or password; give an address that needs none")
    if parts.scheme != "file" and not parts.hostname:
        raise UserError(f"{shown} names no host; write it as https://host/path")
    return parts


def _read_file(parts: SplitResult, most_bytes: int) -> bytes:
    path, shown = unquote_to_bytes(parts.path), shown_address(parts.geturl())
    if parts.netloc not in ("", "localhost") or not path.startswith(b"/") or b"\0" in path:
        raise UserError(f"{shown} is not a file of this computer; write it as file:///folder/file")
    # not to wait for a writer where it is a FIFO, nor to get a terminal
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY)) as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise UserError(f"{shown} is not a regular file; give a picture's own address")
        return _read(file, shown, state.st_size, most_bytes)


def _follow(url: str, limits: Limits, most_bytes: int) -> bytes:
    """The content at the end of the redirects."""
    for _ in range(_MOST_REDIRECTS + 1):
        content, goal = _get(url, limits, most_bytes)
        if content is not None:
            return content
        url = _redirected(url, goal)
    raise UserError(
        f"{shown_address(url)} is one redirect too many ({_MOST_REDIRECTS} are followed); give the last address"
    )


def _redirected(url: str, goal: str) -> str:
    """Where a redirect leads. Raises UserError where it must not lead."""
    try:
        url, before = urljoin(url, goal), url
    except ValueError:
        raise UserError(
            f"{shown_address(url)} redirects to something that is not an address; give the picture's own address"
        ) from None
    scheme = _split(url).scheme
    if scheme not in PORTS or (scheme, urlsplit(before).scheme) == ("http", "https"):
        raise UserError(
            f"{shown_address(before)} redirects to {shown_address(url)}, which is less safe; "
            "give that address itself if you trust it"
        )
    return url


def _get(url: str, limits: Limits, most_bytes: int) -> tuple[bytes | None, str]:
    """One request: the content, or None and where it is redirected to."""
    parts, shown = _split(url), shown_address(url)
    with closing(connect(parts, limits)) as line:
        line.settimeout(limits.left())
        line.sendall(_request(parts))
        with closing(http.client.HTTPResponse(Wire(line, limits))) as response:  # type: ignore[arg-type]
            response.begin()
            goal = response.getheader("Location")
            if response.status in _REDIRECTS and goal:
                return None, goal
            if response.status != 200:
                reason = http.client.responses.get(response.status, "unknown status")
                raise UserError(f"{shown} is answered with {response.status} ({reason}); check the address")
            return _read(response, shown, response.length, most_bytes), ""


def _request(parts: SplitResult) -> bytes:
    return "".join(f"{line}\r\n" for line in (*head_of(parts, "GET"), "")).encode("ascii")


def _read(file: _Readable, shown: str, length: int | None, most_bytes: int) -> bytes:
    """All that there is, ``length`` bytes if that is known. Raises UserError if it is too much or too little."""
    content = bytearray()
    while (length or 0) <= most_bytes and len(content) <= most_bytes and (block := file.read(_BLOCK)):
        content += block
    if max(length or 0, len(content)) > most_bytes:
        raise UserError(f"{shown} is larger than {most_bytes / 1e6:g} MB; give a smaller picture")
    if len(content) < (length or 0):
        raise UserError(f"{shown} broke off after {len(content)} of {length} bytes; try again")
    return bytes(content)
