"""By which names the page may be asked for, and which proxies are believed about who asks.

A page on the internet whose name was made to lead here (DNS rebinding) would otherwise read everything with the
browser of somebody who may.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from face_classifier.core.config.parts.page import Web
from face_classifier.core.config.reach import is_own
from face_classifier.web.doors.refusing import refusal

_FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded")
_LONGEST = 100  # characters of a name in a sentence


class Proxies:
    """Puts what a trusted proxy tells into the place of its own: who asks, by which scheme and name.

    ``state`` gets ``through``: whether a trusted proxy asked, and ``near``: whether a program of this machine did.
    Such headers of all others are dropped.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        self._app = app
        self._networks = [ipaddress.ip_network(proxy) for proxy in proxies]
        self._forwarded = ProxyHeadersMiddleware(app, list(proxies))  # type: ignore[arg-type]  # other words for ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        peer = address_of((scope.get("client") or ("",))[0])
        is_through = peer is not None and any(peer in network for network in self._networks)
        state = scope.setdefault("state", {})
        state["through"], state["near"] = is_through, peer is not None and peer.is_loopback
        if peer is not None:
            scope["client"] = (str(peer), scope["client"][1])  # IPv4 within IPv6 is IPv4 for all who come after
        scope["headers"] = list(scope["headers"])
        headers = MutableHeaders(scope=scope)
        if is_through:
            if host := headers.getlist("x-forwarded-host"):
                headers["host"] = host[-1].rpartition(",")[2].strip()
            await self._forwarded(scope, receive, send)  # type: ignore[arg-type]
            return
        for name in _FORWARDED:
            del headers[name]
        await self._app(scope, receive, send)


class Hosts:
    """Answers requests for the right names alone; an address that stands for this very connection is one."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            given = Headers(scope=scope).getlist("host")
            name = host_of(given[0])[0] if len(given) == 1 else None
            here = address_of((scope.get("server") or ("",))[0])  # of this very connection
            if name is None or (name not in self._names and name != str(here)):
                shown = name[:_LONGEST] if name else "none"
                sentence = f"the page is asked for by the name {shown}, which is not its own; name it in web.hosts"
                await refusal(scope, 400, sentence)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def names(web: Web) -> frozenset[str]:
    """By which names the page may be asked for, IPv6 without brackets, all in lower case.

    The machine's own name counts where others reach the page: where they do not, somebody in the network might give
    that name to a page of theirs, and lead it here.
    """
    own = {"localhost", "127.0.0.1", "::1", web.host, *web.hosts}
    if not is_own(web.host):
        name = socket.gethostname().lower()
        own |= {name, f"{name.partition('.')[0]}.local"}
    return frozenset(own - {"", "0.0.0.0", "::"})


def host_of(text: str) -> tuple[str | None, int | None]:
    """Name, in lower case and without brackets, and port of ``HOST[:PORT]``; None = there is none."""
    try:
        parts = urlsplit(f"//{text}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return None, None
    is_plain = parts.netloc == text and "@" not in text and text.isascii() and text.isprintable() and " " not in text
    return (name, port) if name and is_plain else (None, None)


def household(address: str) -> str:
    """Whose an address is, as far as addresses tell: of IPv6 its /64, any of which one household may take."""
    found = address_of(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found) if found else address[:_LONGEST]


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address of a connection; IPv4 within IPv6 is IPv4; None = it is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
