"""One connection to an MQTT broker. Each is a client of its own: what one could not send ends with it."""

from __future__ import annotations

import select
import socket
import ssl
import struct
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from face_classifier.core.names import shown

SILENCE = 5.0  # seconds without an answer after which a connection counts as lost
_KEEPALIVE = 10  # seconds: a broker that hears nothing tells the will after one and a half of it
_CONNECT = 3.0  # seconds for the connection itself
_NOWHERE = "face-classifier/nowhere"  # to which nobody has subscribed
_REFUSED = 30.0  # seconds before the next attempt with a password that was refused


class TlsSocket(ssl.SSLSocket):
    """One that is closed where the other side is not to be trusted: the library would leave it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class Message(NamedTuple):
    """What is sent to a topic, or came from it."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True)
class Address:
    """Where the broker is, and who asks."""

    host: str
    port: int = 1883
    tls: ssl.SSLContext | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{shown(self.host)}:{self.port}"


class LostError(Exception):
    """The connection is of no use any more; the text ends a sentence that begins with the broker."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class Line:
    """One connection to a broker, from its beginning to its end. One thread uses it."""

    def __init__(self, address: Address, client_id: str, will: Message | None) -> None:
        self._address = address
        self._client = client = paho.Client(CallbackAPIVersion.VERSION2, client_id, reconnect_on_failure=False)
        client.connect_timeout = _CONNECT
        if will:
            client.will_set(will.topic, will.payload, qos=0, retain=will.retain)
        if address.user is not None or address.password is not None:
            client.username_pw_set(address.user or "", address.password)
        if address.tls:
            client.tls_set_context(address.tls)
        client.on_connect, client.on_message, client.on_unsubscribe = self._connected, self._came, self._answered
        self._answer: Any = None  # of the broker to the wish to connect
        self._came_in: deque[Message] = deque()
        self._asked: dict[int, float] = {}  # when (monotonic), by the number of the question
        self._opened = 0.0

    def open(self) -> None:
        """Raises OSError, also where the certificate is not to be trusted."""
        self._client.connect(self._address.host, self._address.port, _KEEPALIVE)
        self._opened = monotonic()
        self._set(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # what the other side does not confirm is not repeated for ever
            self._set(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE * 1000))

    def _set(self, level: int, option: int, value: int | bytes) -> None:
        connection: Any = self._client.socket()
        if connection is not None:
            with suppress(OSError):
                connection.setsockopt(level, option, value)

    def _connected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._answer = reason

    def _came(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        with suppress(UnicodeDecodeError):
            self._came_in.append(Message(message.topic, bytes(message.payload), message.retain))

    def _answered(self, _client: Any, _data: Any, number: int, _reasons: Any, _properties: Any) -> None:
        self._asked.pop(number, None)

    @property
    def is_ready(self) -> bool:
        """Whether the broker has let the program in. Raises LostError if it has refused it."""
        if self._answer is None:
            return False
        if self._answer.is_failure:
            reason = str(self._answer)
            if reason in ("Bad user name or password", "Not authorized"):
                raise LostError(
                    "refuses the user name or the password; see `user`, and `password_env` or `password_file`", _REFUSED
                )
            raise LostError(f"refuses the connection ({shown(reason)})")
        return True

    @property
    def is_writing(self) -> bool:
        """Whether the system did not take all yet that was sent."""
        return self._client.want_write()

    def step(self, woken: socket.socket, seconds: float) -> None:
        """Wait until there is something to do, at most so long, and do it. Raises LostError."""
        connection: Any = self._client.socket()
        if connection is None:
            raise LostError("has ended the connection")
        has_more = bool(getattr(connection, "pending", int)())  # TLS: read from the system, but not by the client
        waits = [connection] if self._client.want_write() else []
        ready, free, _ = select.select([connection, woken], waits, [], 0 if has_more else seconds)
        if woken in ready:
            woken.recv(4096)
        if has_more or connection in ready:
            self._client.loop_read()
        if free:
            self._client.loop_write()
        self._client.loop_misc()
        now = monotonic()
        if self._answer is not None and self._answer.is_failure:
            return  # the reason says more than that the connection has ended
        if self._client.socket() is None:
            raise LostError("has ended the connection")
        since = self._opened if self._answer is None else min(self._asked.values(), default=now)
        if now > since + SILENCE:
            raise LostError("does not answer")

    def listen(self, topics: Sequence[str]) -> None:
        if topics:
            self._client.subscribe([(topic, 0) for topic in topics])

    def heard(self) -> Iterable[Message]:
        """What has come since."""
        while self._came_in:
            yield self._came_in.popleft()

    def send(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._client.publish(message.topic, message.payload, qos=0, retain=message.retain)

    def ask(self) -> int:
        """Ask the broker whether it is there; returns the number of the question."""
        _, number = self._client.unsubscribe(_NOWHERE)
        if number is None:
            raise LostError("has ended the connection")
        self._asked[number] = monotonic()
        return number

    def is_answered(self, number: int) -> bool:
        return number not in self._asked

    def leave(self, until: float) -> None:
        """Take leave of the broker, which then does not tell the will, by a time (monotonic)."""
        with suppress(OSError):
            self._client.disconnect()
            while (connection := self._client.socket()) is not None and monotonic() < until and self.is_writing:
                select.select([], [connection], [], max(0.0, until - monotonic()))
                self._client.loop_write()

    def drop(self) -> None:
        """End the connection at once; what the system did not send yet is thrown away."""
        connection: Any = self._client.socket()
        if connection is not None:
            self._set(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                connection.close()
