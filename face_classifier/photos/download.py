"""Files from http, https and file URLs, within limits of size and time, and from the public internet alone.

Written on ``http.client`` since no library does all of it: those against server-side request forgery are asynchronous
or long unmaintained, bring a whole client (requests, httpx), and have no limit on size and total time.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import os
import re
import socket
import ssl
import stat
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import SplitResult, quote, unquote_to_bytes, urljoin, urlsplit

from face_classifier.core.errors import UserError

MOST_BYTES = 64_000_000  # a photo of 100 megapixels as JPEG has about half of that
PATIENCE = 30.0  # seconds
_MOST_REDIRECTS = 5
_BLOCK = 1 << 16  # bytes
_SHOWN = 200  # characters of an address in a sentence
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)
# What an address may hold as it is, after RFC 3986; the rest is percent-encoded
_SAFE = "/%:@!$&'()*+,;=~-._"

# Where no public web server is: the IANA IPv4 and IPv6 special-purpose address registries, multicast, and all of IPv6
# outside 2000::/3. Our own table, since what ``ipaddress`` calls global differs between Python 3.10 and 3.13. 6to4 and
# Teredo (2002::/16, 2001::/32) and IPv4-mapped addresses (in ::/3) can hold any IPv4 address, and go wholly.
_SPECIAL = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
        "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3 "
        "::/3 2001::/23 2001:db8::/32 2002::/16 3fff::/20 4000::/2 8000::/1"
    ).split()
]
# Behind it lies an IPv4 address (RFC 6052); in networks with IPv6 alone half of the internet is reached so
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_Address = tuple[Any, Any, int, str, Any]  # family, type, protocol, canonical name, socket address


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
    limits = _Limits(allow_private, most_bytes, time.monotonic() + patience)
    shown = shown_address(url)
    try:
        parts = _split(url)
        return _read_file(parts, most_bytes) if parts.scheme == "file" else _follow(url, limits)
    except TimeoutError as error:
        raise UserError(
            f"{shown} takes longer than {patience:g} seconds; try again later, or download it and give the file"
        ) from error
    except ssl.SSLCertVerificationError as error:
        raise UserError(
            f"the certificate of {shown} is not valid ({error.verify_message}); do not trust it, or mend it"
        ) from error
    except http.client.HTTPException as error:
        raise UserError(
            f"{shown} is not answered as web servers do ({type(error).__name__}); check the address"
        ) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(f"{shown} cannot be fetched ({reason}); check the address and the network") from error


@dataclass(frozen=True)
class _Limits:
    allow_private: bool
    most_bytes: int
    deadline: float  # seconds, time.monotonic()

    def left(self) -> float:
        """Seconds until the deadline. Raises TimeoutError."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _split(url: str) -> SplitResult:
    """The parts of an address of which scheme, host and port are in order. Raises UserError."""
    shown = shown_address(url)
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise UserError(f"{shown} is not an address that can be understood; check host and port") from None
    if parts.scheme not in (*_PORTS, "file"):
        raise UserError(f"{shown} is not an http, https or file address; download it and give the file")
    if re.search("[\x00-\x1f\x7f\ud800-\udfff]", url):
        raise UserError(f"{shown} holds control characters or bytes that are no text; write the address without them")
    if "@" in parts.netloc:
        raise UserError(f"{shown} holds a user name or password; give an address that needs none")
    if parts.scheme != "file" and not parts.hostname:
        raise UserError(f"{shown} names no host; write it as https://host/path")
    return parts


def shown_address(url: str) -> str:
    """Scheme, host, port and path of an address for a sentence; query and user may be secret or long."""
    try:
        parts = urlsplit(url)
        host = _bracketed(parts.hostname or "") + (f":{parts.port}" if parts.port is not None else "")
        text = parts._replace(netloc=host, query="", fragment="").geturl()
    except ValueError:
        text = url.partition(":")[0] + ":…"
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


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


def _follow(url: str, limits: _Limits) -> bytes:
    """The content at the end of the redirects."""
    for _ in range(_MOST_REDIRECTS + 1):
        content, goal = _get(url, limits)
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
            f"{shown_address(url)} redirects to what is no address; give the picture's own address"
        ) from None
    scheme = _split(url).scheme
    if scheme not in _PORTS or (scheme, urlsplit(before).scheme) == ("http", "https"):
        raise UserError(
            f"{shown_address(before)} redirects to {shown_address(url)}, which is less safe; "
            "give that address itself if you trust it"
        )
    return url


def _get(url: str, limits: _Limits) -> tuple[bytes | None, str]:
    """One request: the content, or None and where it is redirected to."""
    parts, shown = _split(url), shown_address(url)
    with closing(_connect(parts, limits)) as line:
        line.settimeout(limits.left())
        line.sendall(_request(parts))
        with closing(http.client.HTTPResponse(_Wire(line, limits))) as response:  # type: ignore[arg-type]
            response.begin()
            goal = response.getheader("Location")
            if response.status in _REDIRECTS and goal:
                return None, goal
            if response.status != 200:
                reason = http.client.responses.get(response.status, "unknown status")
                raise UserError(f"{shown} is answered with {response.status} ({reason}); check the address")
            return _read(response, shown, response.length, limits.most_bytes), ""


def _request(parts: SplitResult) -> bytes:
    host = _bracketed(_host(parts))
    port = f":{parts.port}" if parts.port not in (None, _PORTS[parts.scheme]) else ""
    target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE + '?')}" if parts.query else "")
    lines = f"GET {target} HTTP/1.1", f"Host: {host}{port}", "User-Agent: face-classifier", "Connection: close"
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")


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


class _Wire(io.RawIOBase):
    """What ``http.client`` reads from; each step has only the time that is left, however steadily bytes drip."""

    def __init__(self, line: socket.socket, limits: _Limits) -> None:
        self._line, self._limits = line, limits

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._line.settimeout(self._limits.left())
        return self._line.recv_into(buffer)


def _connect(parts: SplitResult, limits: _Limits) -> socket.socket:
    """A connection to an address that was checked, by TLS for https. Raises UserError, OSError."""
    host = _host(parts)
    line = _dial(_addresses(host, parts.port or _PORTS[parts.scheme], shown_address(parts.geturl()), limits), limits)
    if parts.scheme == "http":
        return line
    try:
        line.settimeout(limits.left())
        return ssl.create_default_context().wrap_socket(line, server_hostname=host)
    except BaseException:
        line.close()
        raise


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _host(parts: SplitResult) -> str:
    """The host in ASCII, as name servers and certificates have it. Raises UserError."""
    try:
        host = (parts.hostname or "").encode("idna").decode("ascii").removesuffix(".")
    except UnicodeError:
        host = ""
    if not re.fullmatch(r"[\w.:-]+", host, re.ASCII):
        raise UserError(f"{shown_address(parts.geturl())} has a host that cannot be a name; check the address")
    # the C library takes 2130706433, 0x7f.1 and 0177.0.0.1 for 127.0.0.1, and no name ends in a number
    last = host.rpartition(".")[2]
    if ":" not in host and (last.isdecimal() or last.startswith("0x")):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise UserError(
                f"{shown_address(parts.geturl())} has an odd host; write it as four numbers from 0 to 255"
            ) from None
    return host


def _addresses(host: str, port: int, shown: str, limits: _Limits) -> list[_Address]:
    """Where a host is. One address that is not public is enough to refuse it. Raises UserError, OSError."""
    addresses: list[_Address] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, (address, *_) in addresses:
        if not limits.allow_private and not _is_public(ipaddress.ip_address(address)):
            raise UserError(
                f"{shown} leads to {address}, which is not on the public internet; give --allow-private if you trust it"
            )
    return addresses


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if address in _NAT64:
        address = ipaddress.IPv4Address(address.packed[-4:])
    return not any(address in network for network in _SPECIAL)


def _dial(addresses: list[_Address], limits: _Limits) -> socket.socket:
    """A connection to the first address that takes it, each having its share of the time. Raises OSError."""
    problem = OSError("no address")
    for number, address in enumerate(addresses):
        try:
            return _reach(address, limits.left() / (len(addresses) - number))
        except OSError as error:
            problem = error
    raise problem


def _reach(address: _Address, patience: float) -> socket.socket:
    """Not by ``socket.create_connection``, which would look up once more."""
    line = socket.socket(*address[:3])
    try:
        line.settimeout(patience)
        line.connect(address[4])
    except BaseException:
        line.close()
        raise
    return line
