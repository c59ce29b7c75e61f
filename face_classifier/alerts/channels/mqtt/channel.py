"""Tells an MQTT broker, and with it Home Assistant, of every event at once or never, and how things are."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from time import monotonic

from face_classifier.alerts.channels.base import LIVE_PATIENCE, Alert, CameraState, ChannelError, PersonState
from face_classifier.alerts.channels.mqtt import home_assistant as home
from face_classifier.alerts.channels.mqtt.broker import Broker, NotSentError
from face_classifier.alerts.channels.mqtt.line import Address, Message, TlsSocket
from face_classifier.core.config.parts.alerts import MqttChannel
from face_classifier.core.errors import UserError

_SOON = 2.0  # seconds that a state waits for a connection: the next one begins with it anyway
_Seen = tuple[datetime, str | None]  # when and where


class Mqtt:
    """A channel and a state channel. What happens is sent with QoS 0, unretained, to a broker that answers, or given
    up after `LIVE_PATIENCE` seconds; how things are is retained, and sent anew with each connection."""

    wants_all = True

    def __init__(self, channel: MqttChannel, environ: Mapping[str, str] = os.environ, *, resident: bool = True) -> None:
        """Begins to connect.

        Parameters
        ----------
        channel : of the configuration
        environ : of the password
        resident : False: it sends something once, beside the program whose states the broker keeps

        Raises
        ------
        UserError : the password or the certificate cannot be read
        """
        self._topics = home.Topics(channel.prefix, channel.discovery)
        self._pictures = channel.pictures
        self._lock = threading.Lock()
        self._is_told = False  # how things are: until then nothing that the broker has can be out of date
        self._wished: dict[str, bytes] = {}  # what the broker is to keep, by topic; an announcement before its states
        self._sent: dict[str, bytes] = {}  # what it was given over this connection
        self._devices: set[str] = set()  # that are announced
        self._found: set[str] = set()  # that the broker kept from earlier
        self._seen: dict[str, _Seen] = {}  # by person; events tell sooner than tracks
        address = Address(
            channel.host, channel.port, _tls(channel), channel.user, channel.password.read(environ) or None
        )
        if not resident:
            self._broker = Broker(address, "", None, [], list, lambda _: [])
            return
        announced = [self._topics.config("+")] if channel.discovery else []
        listens = [*self._topics.births, *announced, *self._topics.states]
        # One client id a prefix: a connection that the broker did not miss yet ends before its will can come late.
        client_id = f"{home.CLIENT}-{self._topics.number('client', '')}"
        will = Message(self._topics.availability, home.OFFLINE.encode(), True)
        self._broker = Broker(address, client_id, will, listens, self._greet, self._hear)

    @property
    def is_connected(self) -> bool:
        return self._broker.is_connected

    def send(self, alert: Alert) -> None:
        """See `Channel`; what went wrong is final, since it would come late or might come twice."""
        try:
            self._broker.publish(lambda: self._messages(alert), monotonic() + LIVE_PATIENCE - alert.age())
        except NotSentError as error:
            raise ChannelError(str(error), is_final=True) from None

    def _messages(self, alert: Alert) -> Iterator[Message]:
        """The picture first, so that it is there when an automation shows it."""
        event, told = alert.event, alert.record()
        if told["age"] > LIVE_PATIENCE:  # it waited while the machine slept, which no other clock counts
            raise NotSentError("the event is too old to be told", is_final=True)
        if event.kind not in home.EVENT_TYPES:
            yield Message(self._topics.alert, home.payload(told))
            return
        if alert.picture and self._pictures:
            yield Message(self._topics.of("camera", event.camera, "image"), alert.picture)
        told = {"event_type": home.EVENT_TYPES[event.kind], **told, "named": event.named}
        yield Message(self._topics.of("camera", event.camera, "face"), home.payload(told))
        if event.person and event.named:
            yield from self._note(event.person, (event.time, event.camera))

    def _note(self, person: str, seen: _Seen) -> Iterator[Message]:
        """Where and when somebody was seen, and who that is if it was not told yet."""
        with self._lock:
            self._remember(person, seen)
            self._devices.add(self._topics.device("person", person))
            for topic, payload in self._of_person(person, self._seen[person]).items():
                self._wished[topic] = payload
                if self._sent.get(topic) != payload:
                    self._sent[topic] = payload
                    yield Message(topic, payload, True)

    def _remember(self, person: str, seen: _Seen) -> None:
        """In the lock."""
        self._seen[person] = max(seen, self._seen.get(person, seen), key=lambda one: one[0])

    def tell_state(self, cameras: Sequence[CameraState], people: Sequence[PersonState]) -> None:
        """See `StateChannel`."""
        with self._lock:
            wished: dict[str, bytes] = {}
            for camera in cameras:
                wished |= self._of_camera(camera)
            names = {person.name for person in people}
            self._seen = {name: seen for name, seen in self._seen.items() if name in names}
            for person in people:
                if person.last_seen:
                    self._remember(person.name, (person.last_seen, person.where))
                wished |= self._of_person(person.name, self._seen.get(person.name))
            self._wished, self._is_told = wished, True
            self._devices = {self._topics.device("camera", camera.name) for camera in cameras}
            self._devices |= {self._topics.device("person", name) for name in names}
        if not self._broker.is_connected or self._has_news():
            try:
                self._broker.publish(self._news, monotonic() + _SOON)
            except NotSentError as error:
                raise ChannelError(str(error)) from None

    def close(self) -> None:
        self._broker.close()

    def _of_camera(self, camera: CameraState) -> dict[str, bytes]:
        """What the broker is to keep of a camera, by topic."""
        topics, name = self._topics, camera.name
        announced = home.camera_device(topics, name, pictures=self._pictures) if topics.discovery else None
        return {
            **({topics.config(topics.device("camera", name)): home.payload(announced)} if announced else {}),
            topics.of("camera", name, "connectivity"): b"ON" if camera.is_connected else b"OFF",
            topics.of("camera", name, "unknown"): str(camera.unknown).encode(),
        }

    def _of_person(self, name: str, seen: _Seen | None) -> dict[str, bytes]:
        """What the broker is to keep of a person, by topic."""
        topics = self._topics
        kept: dict[str, bytes] = {}
        if topics.discovery:
            kept[topics.config(topics.device("person", name))] = home.payload(home.person_device(topics, name))
        if seen:
            told = {"last_seen": seen[0].isoformat(), "where": seen[1]}
            kept[topics.of("person", name, "seen")] = home.payload(told)
        return kept

    def _has_news(self) -> bool:
        with self._lock:
            return self._sent != self._wished or not self._found <= self._devices

    def _news(self) -> list[Message]:
        """What the broker does not know yet, and what it is to forget; an announcement goes before its states."""
        with self._lock:
            news = [Message(topic, said, True) for topic, said in self._wished.items() if self._sent.get(topic) != said]
            gone = [Message(topic, b"", True) for topic in self._sent if topic not in self._wished]
            found, self._sent, self._found = self._found - self._devices, dict(self._wished), set()
            return [*news, *gone, *self._taken_back(found)]

    def _taken_back(self, devices: Iterable[str]) -> Iterator[Message]:
        """What has the broker forget devices of an earlier time; their names need not be known for that."""
        for device in sorted(devices):
            for topic in self._topics.kept(device):
                yield Message(topic, b"", True)

    def _greet(self) -> list[Message]:
        """What each connection begins with."""
        with self._lock:
            gone = [Message(topic, b"", True) for topic in self._sent if topic not in self._wished]
            return [*gone, *self._all()]

    def _all(self) -> list[Message]:
        """Everything that the broker is to keep."""
        self._sent = dict(self._wished)
        kept = [Message(topic, payload, True) for topic, payload in self._wished.items()]
        return [*kept, Message(self._topics.availability, home.ONLINE.encode(), True)]

    def _hear(self, message: Message) -> list[Message]:
        """What is answered to what comes: to Home Assistant's start everything, to a device that is gone its end."""
        device = self._topics.device_at(message.topic)
        with self._lock:
            if message.topic in self._topics.births:
                is_start = message.payload == home.ONLINE.encode() and not message.retain
                return self._all() if is_start else []
            if device is None or not message.retain or not message.payload or device in self._devices:
                return []
            if self._is_told:
                return list(self._taken_back([device]))
            self._found.add(device)
            return []


def _tls(channel: MqttChannel) -> ssl.SSLContext | None:
    if not channel.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=channel.ca)
        context.sslsocket_class = TlsSocket
        return context
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise UserError(
            f"the certificates in {channel.ca} cannot be read ({reason}); name a file of PEM certificates as `ca`"
        ) from error
