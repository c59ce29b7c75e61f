"""The page of the configuration: where it listens, who may see it, by which names and proxies it is asked."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from face_classifier.core.config.parts.units import DisagreementError, File, Part, Words

OFF = "off"
_LISTEN_RULE = 'an address and a port, such as "127.0.0.1:8470" or "[::1]:8470", or off'
_HASH = re.compile(r"\$argon2(id|i|d)\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+", re.ASCII)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?", re.IGNORECASE | re.ASCII)


def _listen(given: str) -> str:
    """``HOST:PORT`` in lower case, IPv6 in brackets, or ``off``. Raises ValueError with the rule."""
    text = given.strip().lower()
    if text == OFF:
        return OFF
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port
        if text.startswith("["):
            ipaddress.IPv6Address(host)
        elif not _HOST.fullmatch(host):
            raise ValueError
        if port is None or parts.netloc != text or "@" in text:
            raise ValueError
    except ValueError:
        raise ValueError(_LISTEN_RULE) from None
    return text if port else OFF


def _hash(given: str) -> str:
    if not _HASH.fullmatch(given.strip()):
        raise ValueError("the hash of a password, which face-classifier password makes of one")
    return given.strip()


def _proxies(given: tuple[str, ...]) -> tuple[str, ...]:
    for one in given:
        try:
            ipaddress.ip_network(one)
        except ValueError:
            raise ValueError('addresses or networks, such as ["127.0.0.1", "10.0.0.0/24"]') from None
    return given


def _names(given: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_HOST.fullmatch(name) for name in given):
        raise ValueError('names without a port, such as ["cctv.example"]')
    return tuple(name.lower() for name in given)


class Web(Part):
    """The page."""

    listen: Annotated[str, AfterValidator(_listen)] = Field(
        default="127.0.0.1:8470", description="address and port of the page, IPv6 in brackets; off or port 0 = no page"
    )
    password: Annotated[str, AfterValidator(_hash)] | None = Field(
        default=None, description="hash that `face-classifier password` makes of the password; null = none is asked for"
    )
    tokens_file: File | None = Field(
        default=None, description="file to which `face-classifier token` adds those of programs; null = there are none"
    )
    cert: File | None = Field(
        default=None, description="file of the certificate and those above it, PEM; null = no TLS"
    )
    key: File | None = Field(default=None, description="file of the certificate's key, PEM, without a passphrase")
    proxy: Annotated[Words, AfterValidator(_proxies)] = Field(
        default=(), description="addresses or networks of the proxies whose X-Forwarded-… headers are believed"
    )
    hosts: Annotated[Words, AfterValidator(_names)] = Field(
        default=(), description="further names by which the page may be asked for, such as [cctv.example]"
    )
    language: Literal["en", "ko"] | None = Field(default=None, description="en or ko; null = as the browser wishes")

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What ``repr`` and ``str`` show: that there is a password, not its hash."""
        for key, value in super().__repr_args__():
            yield key, "…" if key == "password" and value else value

    @property
    def host(self) -> str:
        """Name or address of this machine, IPv6 without brackets; "" = there is no page."""
        return urlsplit(f"//{self.listen}").hostname or "" if self else ""

    @property
    def port(self) -> int:
        """Its port; 0 = there is no page."""
        return urlsplit(f"//{self.listen}").port or 0 if self else 0

    @property
    def address(self) -> str:
        """How a browser on this machine writes where the page is."""
        return f"http{'s' if self.cert else ''}://{self.listen}/"

    def __bool__(self) -> bool:
        return self.listen != OFF

    @model_validator(mode="after")
    def _agrees(self) -> Web:
        if bool(self.cert) != bool(self.key):
            there, other = ("cert", "key") if self.cert else ("key", "cert")
            raise DisagreementError(f"names {there} without {other}; name both, or none")
        return self
