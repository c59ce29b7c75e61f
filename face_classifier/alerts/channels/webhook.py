"""Alerts to a web server of the user's: a POST of JSON, signed as Standard Webhooks has it.

``webhook-id`` is the alert's id, ``webhook-timestamp`` the second of this trial since 1970, ``webhook-signature``
``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body`` (https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import json
import re
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urlsplit

from face_classifier.alerts.channels.base import Alert, ChannelError
from face_classifier.core.errors import UserError
from face_classifier.core.network.dial import Limits, Wire, bracketed, connect, head_of, host_of

PATIENCE = 10.0  # seconds for connection, request and answer together
_PREFIX = "whsec_"  # with which keys in base64 begin
_FINAL = (400, 413, 415, 422)  # this alert will never be taken: the request is wrong, too large, of a wrong kind
_BUSY = (429, 503)  # and when it may be tried again stands in Retry-After


class Webhook:
    """One address. Redirects are not followed, proxies of the environment are not used."""

    wants_all = False

    def __init__(self, url: str, key: str | None, *, private: bool) -> None:
        """Raises UserError where the address or the key is none.

        Parameters
        ----------
        url : http or https
        key : of the signatures: ``whsec_`` and base64, or any text, of which the UTF-8 is the key; None = unsigned
        private : addresses that are not on the public internet are allowed
        """
        self._parts, self._key, self._private = _parts(url), _key(key), private
        self._server = f"{self._parts.scheme}://{_place(self._parts)}"
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._is_closed = False

    def send(self, alert: Alert) -> None:
        """See `Channel`."""
        record = alert.record()
        if alert.picture:
            record["picture"] = base64.b64encode(alert.picture).decode("ascii")
        body = json.dumps(record).encode("ascii")
        limits = Limits(
            self._private, "set `private: true` of the channel", time.monotonic() + PATIENCE, self._take_line
        )
        try:
            self._post([*self._signed(alert.id, body)], body, limits)
        except TimeoutError:
            raise ChannelError(f"{self._server} does not answer within {PATIENCE:g} seconds") from None
        except ssl.SSLCertVerificationError as error:
            raise ChannelError(f"the certificate of {self._server} is not valid ({error.verify_message})") from None
        except http.client.HTTPException as error:
            raise ChannelError(f"{self._server} does not answer as web servers do ({type(error).__name__})") from None
        except OSError as error:
            raise ChannelError(f"{self._server} cannot be reached ({error.strerror or type(error).__name__})") from None
        except UserError as error:
            raise ChannelError(str(error)) from None
        finally:
            with self._lock:
                self._line = None

    def close(self) -> None:
        """See `Channel`: the line is cut, whoever waits on it."""
        with self._lock:
            self._is_closed = True
            _cut(self._line)

    def _take_line(self, line: socket.socket) -> None:
        """The line that `close` cuts. Raises OSError where it was called already."""
        with self._lock:
            if self._is_closed:
                raise OSError("the channel is closed")
            self._line = line

    def _signed(self, id: str, body: bytes) -> list[str]:
        """The headers that tell who sends it."""
        stamp = str(int(time.time()))
        named = re.sub(r"[^\x21-\x7e]", "_", id)  # as it may stand in a header
        lines = [f"webhook-id: {named}", f"webhook-timestamp: {stamp}"]
        if self._key is None:
            return lines
        digest = hmac.new(self._key, f"{named}.{stamp}.".encode("ascii") + body, hashlib.sha256).digest()
        return [*lines, f"webhook-signature: v1,{base64.b64encode(digest).decode('ascii')}"]

    def _post(self, headers: list[str], body: bytes, limits: Limits) -> None:
        """Raises ChannelError, UserError, OSError, http.client.HTTPException."""
        head = head_of(self._parts, "POST")
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
        # without the path, which may be secret, and which would stand in what goes wrong
        with closing(connect(self._parts._replace(path="", query="", fragment=""), limits)) as line:
            line.settimeout(limits.left())
            line.sendall("".join(f"{one}\r\n" for one in (*head, "")).encode("ascii") + body)
            with closing(http.client.HTTPResponse(Wire(line, limits), method="POST")) as response:  # type: ignore[arg-type]
                response.begin()
                self._judge(response.status, response.getheader("Retry-After"))

    def _judge(self, status: int, retry_after: str | None) -> None:
        if 200 <= status < 300:
            return
        if 300 <= status < 400:
            raise ChannelError(
                f"{self._server} redirects ({status}), which is not followed; give the address that it leads to"
            )
        reason = http.client.responses.get(status, "unknown status")
        rest = _seconds(retry_after) if status in _BUSY else None
        raise ChannelError(
            f"{self._server} answers with {status} ({reason})", retry_after=rest, is_final=status in _FINAL
        )


def _parts(url: str) -> SplitResult:
    """Raises UserError, which does not tell the path: it may be secret."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise UserError("the address of a webhook must begin with https:// or http://; mend its url")
    if "@" in parts.netloc:
        raise UserError("the address of a webhook holds a user name or password; leave it out, and sign with a secret")
    host_of(parts._replace(path="", query="", fragment=""))
    return parts


def _place(parts: SplitResult) -> str:
    return bracketed(host_of(parts)) + (f":{parts.port}" if parts.port else "")


def _key(text: str | None) -> bytes | None:
    if text is None or not text.startswith(_PREFIX):
        return text.encode("utf-8") if text else None
    try:
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise UserError(
            f"the secret of a webhook begins with {_PREFIX}, but what follows is not base64; copy it again"
        ) from None


def _seconds(retry_after: str | None) -> float | None:
    """Of the header: a number of seconds, or a date. None: it tells nothing."""
    text = (retry_after or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds())
    return None


def _cut(line: socket.socket | None) -> None:
    """End a line, and with it whatever waits on it in another thread."""
    if line is not None:
        with suppress(OSError):
            socket.socket.shutdown(line, socket.SHUT_RDWR)  # not of TLS, whose state belongs to that thread
