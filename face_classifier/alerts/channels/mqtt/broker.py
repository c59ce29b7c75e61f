"""A connection to an MQTT broker over which nothing comes late, and nothing twice.

A message that may have somebody act on it is sent with QoS 0, and only after the broker has just answered a question:
what lies in a queue of the library, or in the system's of a connection that hangs, arrives whenever it moves again. For
the same reason each connection is a client of its own: what one could not send ends with it. The question is to end a
subscription that does not exist, which a broker answers at once (MQTT 3.1.1, 3.10.4).
"""

from __future__ import annotations

import logging
import random
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from face_classifier.alerts.channels.mqtt.line import Address, Line, LostError, Message
from face_classifier.core.names import shown

logger = logging.getLogger(__name__)

_WAITS = 0.5, *(1.0,) * 20, 4.0  # seconds before the next attempt: short, since an event is worth a few seconds only
_FAREWELL = 0.3  # seconds in which the broker may be told that the program ends
_MOST = 64  # orders that may wait


class NotSentError(Exception):
    """A message was not sent, or (``is_final``) may have been sent, so that it must not be sent again."""

    def __init__(self, sentence: str, *, is_final: bool = False) -> None:
        super().__init__(sentence)
        self.is_final = is_final


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
        will: Message | None,
        topics: Sequence[str],
        greet: Callable[[], Iterable[Message]],
        hear: Callable[[Message], Iterable[Message]],
    ) -> None:
        """Begins to connect.

        Parameters
        ----------
        address : of the broker
        client_id : the same at every start, so that the broker tells the will of a forgotten connection before the
            next one; "": another one each time
        will : what the broker sends when the connection is lost, and `close` sends; None: nothing
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
        make : makes the messages at the moment at which they are sent; may raise NotSentError instead
        until : on the monotonic clock; what could not be sent by then never is

        Raises
        ------
        NotSentError : they were not sent in time, or the broker is closed.
        """
        order = _Order(make, until)
        with self._changed:
            if self._is_closing or len(self._waiting) >= _MOST:
                raise NotSentError(f"the MQTT broker {self._address} is no longer asked", is_final=True)
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
            line = Line(self._address, self._client_id, self._will)
            wait, self._is_refused = None, False
            try:
                line.open()
                self._converse(line)
            except LostError as lost:
                self._trouble, wait = str(lost), lost.wait
                self._is_refused = lost.wait is not None
            except OSError as error:
                reason = shown(error.strerror or str(error) or type(error).__name__)
                self._trouble = f"cannot be reached ({reason}); check whether it runs, and `host`, `port` and `tls`"
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

    def _converse(self, line: Line) -> None:
        """Use a connection until the broker is closed. Raises LostError, OSError when it is lost."""
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
            line.send([self._will] if self._will else [])
            line.leave(monotonic() + _FAREWELL)

    def _advance(self, line: Line) -> bool:
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
                self._begin(order, line)
                return True
            if line.is_writing:
                if monotonic() >= order.until:
                    raise LostError("accepts messages too slowly")
                return False
            self._waiting.popleft()
            order.is_over = True
            self._changed.notify_all()
            return True

    def _begin(self, order: _Order, line: Line) -> None:
        """Hand an order to the library, which writes it at once if the system takes it."""
        try:
            messages = list(order.make())
        except NotSentError as error:
            self._waiting.popleft()
            order.is_over, order.outcome = True, error
            self._changed.notify_all()
            return
        order.is_begun = True
        line.send(messages)

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
