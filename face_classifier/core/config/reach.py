"""What of the page's configuration depends on this machine: whom its address reaches, and its files."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator

from face_classifier.core.config import tokens
from face_classifier.core.config.parts.page import Web
from face_classifier.core.errors import UserError, WrongUseError


def check(web: Web) -> None:
    """Raise UserError with the first of `faults`, before a page is served."""
    for key, sentence in faults(web):
        raise WrongUseError(f"web.{key} {sentence}")


def faults(web: Web) -> Iterator[tuple[str, str]]:
    """Each key for which no page may be served on this machine, and the sentence that goes on after it."""
    if not web:
        return
    if not (web.password or web.proxy or is_own(web.host)):
        yield (
            "listen",
            f"is {web.listen}, which others can reach, so the page needs a password: make one with face-classifier "
            "password, or name in web.proxy the proxy that asks for one",
        )
    if web.tokens_file:
        try:
            tokens.read(web.tokens_file)
        except UserError as error:
            yield "tokens_file", f"cannot be used: {error}"
    if web.cert and web.key:
        yield from _of_certificate(web.cert, web.key)


def is_own(host: str) -> bool:
    """Whether only programs of this machine reach a page that listens there: every address of a name is a loopback's.

    A name that leads nowhere is: no page can listen there.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = {str(address[0]) for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return True
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in found)


def _of_certificate(cert: str, key: str) -> Iterator[tuple[str, str]]:
    for name, path in (("cert", cert), ("key", key)):
        try:
            with open(path, "rb"):
                pass
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            yield name, f"is {path}, which cannot be read ({reason}); make it readable, or name another file"
            return
    import ssl  # which takes time to load, and few have a certificate

    try:
        # A key with a passphrase would be asked for at a terminal that a service has not.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=lambda: "")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or "it is not PEM"
        yield (
            "cert",
            f"is {cert}, which does not fit the key {key} ({str(reason).replace('_', ' ').lower()}); name a "
            "certificate in PEM and the key that belongs to it, without a passphrase",
        )
