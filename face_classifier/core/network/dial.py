"""Connections to web servers: a name is looked up once, what is not public is refused, and time has an end.

Written on sockets since no library does all of it: those against server-side request forgery are asynchronous or long
unmaintained, bring a whole client (requests, httpx), and have no limit on total time.
"""

from __future__ import annotations

import io
import ipaddress
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from face_classifier.core.errors import UserError

PORTS = {"http": 80, "https": 443}
_SHOWN = 200  # characters of an address in a sentence
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


@dataclass(frozen=True)
class Limits:
    """What a connection may take, and where it may go."""

    allow_private: bool
    permit: str  # what to do to allow a private address, for a sentence
    deadline: float  # seconds, time.monotonic()
    opened: Callable[[socket.socket], None] = field(default=lambda _line: None)  # told each socket before it is used

    def left(self) -> float:
        """Seconds until the deadline. Raises TimeoutError."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def shown_address(url: str) -> str:
    """Scheme, host, port and path of an address for a sentence; query and user may be secret or long."""
    try:
        parts = urlsplit(url)
        host = bracketed(parts.hostname or "") + (f":{parts.port}" if parts.port is not None else "")
        text = parts._replace(netloc=host, query="", fragment="").geturl()
    except ValueError:
        text = url.partition(":")[0] + ":…"
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def head_of(parts: SplitResult, method: str) -> list[str]:
    """The first lines of a request: what is asked for, and of which host."""
    host = bracketed(host_of(parts))
    port = f":{parts.port}" if parts.port not in (None, PORTS[parts.scheme]) else ""
    target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE + '?')}" if parts.query else "")
    return [f"{method} {target} HTTP/1.1", f"Host: {host}{port}", "User-Agent: face-classifier", "Connection: close"]


def connect(parts: SplitResult, limits: Limits) -> socket.socket:
    """A connection to an address that was checked, by TLS for https. Raises UserError, OSError."""
    host = host_of(parts)
    line = _dial(_addresses(host, parts.port or PORTS[parts.scheme], shown_address(parts.geturl()), limits), limits)
    if parts.scheme == "http":
        return line
    import ssl  # here, since it takes long to load

    try:
        context = ssl.create_default_context()
        secure = line = context.wrap_socket(line, server_hostname=host, do_handshake_on_connect=False)
        limits.opened(line)
        line.settimeout(limits.left())
        secure.do_handshake()
        return line
    except BaseException:
        line.close()
        raise


def bracketed(host: str) -> str:
    """A host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def host_of(parts: SplitResult) -> str:
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


def _addresses(host: str, port: int, shown: str, limits: Limits) -> list[_Address]:
    """Where a host is. One address that is not public is enough to refuse it. Raises UserError, OSError."""
    addresses: list[_Address] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, (address, *_) in addresses:
        if not limits.allow_private and not is_public(ipaddress.ip_address(address)):
            raise UserError(
                f"{shown} leads to {address}, which is not on the public internet; {limits.permit} if you trust it"
            )
    return addresses


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether the public internet may have a web server there."""
    if address in _NAT64:
        address = ipaddress.IPv4Address(address.packed[-4:])
    return not any(address in network for network in _SPECIAL)


def _dial(addresses: list[_Address], limits: Limits) -> socket.socket:
    """A connection to the first address that takes it, each having its share of the time. Raises OSError."""
    problem = OSError("no address")
    for number, address in enumerate(addresses):
        try:
            return _reach(address, limits.left() / (len(addresses) - number), limits.opened)
        except OSError as error:
            problem = error
    raise problem


def _reach(address: _Address, patience: float, opened: Callable[[socket.socket], None]) -> socket.socket:
    """Not by ``socket.create_connection``, which would look up once more."""
    line = socket.socket(*address[:3])
    try:
        opened(line)
        line.settimeout(patience)
        line.connect(address[4])
    except BaseException:
        line.close()
        raise
    return line


class Wire(io.RawIOBase):
    """What ``http.client`` reads from; each step has only the time that is left, however steadily bytes drip."""

    def __init__(self, line: socket.socket, limits: Limits) -> None:
        self._line, self._limits = line, limits

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._line.settimeout(self._limits.left())
        return self._line.recv_into(buffer)
