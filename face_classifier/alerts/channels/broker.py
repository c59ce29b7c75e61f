"""A connection to an MQTT broker over which nothing comes late, and nothing twice.

A message that may have somebody act on it is sent with QoS 0, and only after the broker has just answered a question:
what lies in a queue of the library, or in the system's of a connection that hangs, arrives whenever it moves again. For
the same reason each connection is a client of its own: what one could not send ends with it. The question is to end a
subscription that does not exist, which a broker answers at once (MQTT 3.1.1, 3.10.4).
"""

from __future__ import annotations

import logging
import random
import select
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from face_classifier.core.names import shown

logger = logging.getLogger(__name__)

SILENCE = 5.0  # seconds without an answer after which a connection counts as lost
_KEEPALIVE = 10  # seconds: a broker that hears nothing tells the will after one and a half of it
_CONNECT = 3.0  # seconds for the connection itself
_WAITS = 0.5, *(1.0,) * 20, 4.0  # seconds before the next attempt: short, since an event is worth a few seconds only
_REFUSED = 30.0  # seconds before the next attempt with a password that was refused
_FAREWELL = 0.3  # seconds in which the broker may be told that the program ends
_MOST = 64  # orders that may wait


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


class NotSentError(Exception):
    """A message was not sent, or (``is_final``) may have been sent, so that it must not be sent again."""

    def __init__(self, sentence: str, *, is_final: bool = False) -> None:
        super().__init__(sentence)
        self.is_final = is_final


class _LostError(Exception):
    """The connection is of no use any more; the text ends a sentence that begins with the broker."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


@dataclass(eq=False)
class _Order:
    """Messages that are to be sent by a time."""

    make: Callable[[], Iterable[Message]]  # called when they are sent: they may tell their age
    until: float  # monotonic
    question: int | None = None  # that was asked for it over the connection
    is_begun: bool = False  # the library has it
    is_withdrawn: bool = False
    outcome: NotSentError | None = None
    is_over: bool = False


class Broker:
    """Keeps a connection to a broker, which a thread of its own makes anew whenever it is lost.

    All but `publish` and `close` happens in that thread.
    """

    def __init__(
        self,
        address: Address,
        client_id: str,
        will: Message,
        topics: Sequence[str],
        greet: Callable[[], Iterable[Message]],
        hear: Callable[[Message], Iterable[Message]],
    ) -> None:
        """Begins to connect.

        Parameters
        ----------
        address : of the broker
        client_id : the same at every start, so that the broker tells the will of a forgotten connection before the next
        will : what the broker sends when the connection is lost; it is sent by `close`, too
        topics : to listen to; may hold wildcards
        greet : makes what is sent at the beginning of each connection
        hear : is given what comes (``retain``: the broker had kept it) and returns what is sent then
        """
        self._address, self._client_id, self._will, self._topics = address, client_id, will, topics
        self._greet, self._hear = greet, hear
        self._changed = threading.Condition()
        self._waiting: deque[_Order] = deque()
        self._is_closing = self._is_connected = self._is_refused = False
        self._trouble: str | None = None
        self._woken, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        self._thread = threading.Thread(target=self._work, name="mqtt", daemon=True)  # a connection may block for long
        self._thread.start()

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    @property
    def trouble(self) -> str:
        """Why there is no connection, as a sentence without secrets."""
        return f"the MQTT broker {self._address} {self._trouble or 'did not answer yet'}"

    def publish(self, make: Callable[[], Iterable[Message]], until: float) -> None:
        """Send messages, in order, and return when the system has them.

        Parameters
        ----------
        make : makes the messages at the moment at which they are sent
        until : on the monotonic clock; what could not be sent by then never is

        Raises
        ------
        NotSentError : they were not sent in time, or the broker is closed.
        """
        order = _Order(make, until)
        with self._changed:
            if self._is_closing or len(self._waiting) >= _MOST:
                raise NotSentError(f"the MQTT broker {self._address} is not asked any more", is_final=True)
            self._waiting.append(order)
            self._stir()
            self._changed.wait_for(
                lambda: order.is_over or self._is_closing or self._is_refused, max(0.0, until - monotonic())
            )
            if not order.is_over:
                order.is_withdrawn = True
                with suppress(ValueError):
                    self._waiting.remove(order)
                why = "takes it too slowly" if order.is_begun else self._trouble or "does not answer"
                order.outcome = NotSentError(f"the MQTT broker {self._address} {why}", is_final=True)
        if order.outcome:
            raise order.outcome

    def close(self) -> None:
        """Tell the broker the will, and end the connection; returns within half a second."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            self._stir()
        self._thread.join(_FAREWELL + 0.15)

    def _stir(self) -> None:
        """Have the thread look at what is new."""
        with suppress(BlockingIOError, OSError):
            self._wake.send(b"\0")

    def _work(self) -> None:
        """What the thread does."""
        failures = 0
        while not self._is_closing:
            line = _Line(self._address, self._client_id, self._will)
            wait, self._is_refused = None, False
            try:
                line.open()
                self._converse(line)
            except _LostError as lost:
                self._trouble, wait = str(lost), lost.wait
                self._is_refused = lost.wait is not None
            except OSError as error:
                reason = shown(error.strerror or str(error) or type(error).__name__)
                self._trouble = f"cannot be reached ({reason}); see whether it runs, and `host`, `port` and `tls`"
            except Exception as error:  # else nothing would ever be sent again, and nobody would know
                logger.debug("an unexpected error of the connection to a broker", exc_info=True)
                self._trouble = f"cannot be spoken with ({type(error).__name__}); FACE_CLASSIFIER_LOG=debug tells more"
            finally:
                line.drop()
            failures = 0 if self._is_connected else failures + 1
            self._forsake()
            wait = wait or _WAITS[min(failures, len(_WAITS) - 1)] * random.uniform(0.8, 1.0)
            with self._changed:
                self._changed.wait_for(lambda: self._is_closing, wait)
        self._woken.close()
        self._wake.close()

    def _converse(self, line: _Line) -> None:
        """Use a connection until the broker is closed. Raises _LostError, OSError when it is lost."""
        while not self._is_closing:
            line.step(self._woken, 0.2 if self._waiting else 1.0)
            if not line.is_ready:
                continue
            if not self._is_connected:
                line.listen(self._topics)
                line.send(self._greet())
                self._is_connected, self._trouble = True, None
            for message in line.heard():
                line.send(self._hear(message))
            while self._advance(line):
                pass
        if line.is_ready:
            line.send([self._will])
            line.leave(monotonic() + _FAREWELL)

    def _advance(self, line: _Line) -> bool:
        """Do the next that can be done about what waits; whether there was something."""
        with self._changed:
            order = self._waiting[0] if self._waiting else None
            if order is None:
                return False
            if not order.is_begun:
                if order.question is None:
                    order.question = line.ask()
                    return True
                if not line.is_answered(order.question):
                    return False
                if monotonic() >= order.until:
                    return False  # whoever waits for it takes it back at this moment
                order.is_begun = True
                line.send(order.make())
                return True
            if line.is_writing:
                if monotonic() >= order.until:
                    raise _LostError("takes what is sent too slowly")
                return False
            self._waiting.popleft()
            order.is_over = True
            self._changed.notify_all()
            return True

    def _forsake(self) -> None:
        """The connection is lost: what was being sent over it has ended, what waits is for the next one."""
        with self._changed:
            self._is_connected = False
            for order in [order for order in self._waiting if order.is_begun]:
                self._waiting.remove(order)
                order.is_over, order.outcome = True, NotSentError(self.trouble, is_final=True)
            for order in self._waiting:
                order.question = None
            self._changed.notify_all()


class _Line:
    """One connection to a broker, from its beginning to its end. One thread uses it."""

    def __init__(self, address: Address, client_id: str, will: Message) -> None:
        self._address = address
        self._client = client = paho.Client(CallbackAPIVersion.VERSION2, client_id, reconnect_on_failure=False)
        client.connect_timeout = _CONNECT
        client.will_set(will.topic, will.payload, qos=0, retain=will.retain)
        if address.user is not None or address.password is not None:
            client.username_pw_set(address.user or "", address.password)
        if address.tls:
            client.tls_set_context(address.tls)
        client.on_connect, client.on_message, client.on_unsubscribe = self._connected, self._came, self._answered
        self._nowhere = f"{will.topic}/nothing"  # to which nobody has subscribed
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
        """Whether the broker has let the program in. Raises _LostError if it has refused it."""
        if self._answer is None:
            return False
        if self._answer.is_failure:
            reason = str(self._answer)
            if reason in ("Bad user name or password", "Not authorized"):
                raise _LostError(
                    "refuses the user or the password; see `user`, and `password_env` or `password_file`", _REFUSED
                )
            raise _LostError(f"refuses the connection ({shown(reason)})")
        return True

    @property
    def is_writing(self) -> bool:
        """Whether the system did not take all yet that was sent."""
        return self._client.want_write()

    def step(self, woken: socket.socket, seconds: float) -> None:
        """Wait until there is something to do, at most so long, and do it. Raises _LostError."""
        connection: Any = self._client.socket()
        if connection is None:
            raise _LostError("has ended the connection")
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
            raise _LostError("has ended the connection")
        since = self._opened if self._answer is None else min(self._asked.values(), default=now)
        if now > since + SILENCE:
            raise _LostError("does not answer")

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
        _, number = self._client.unsubscribe(self._nowhere)
        if number is None:
            raise _LostError("has ended the connection")
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
