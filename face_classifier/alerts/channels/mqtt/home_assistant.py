"""What Home Assistant is told over MQTT: topics, devices and their entities, as plain values.

https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery: a device is announced by one retained message with
``dev`` (the device), ``o`` (its origin) and ``cmps`` (its entities by a key); an empty message takes it away.

Neither a topic nor an id holds a name: a camera or a person is known by a number made of its name, so that any name is
harmless, and one that is renamed is another device. What an automation might open a door for carries no availability:
an entity that comes back from ``unavailable`` changes its state, and looks like somebody who comes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from face_classifier import __version__
from face_classifier.core.names import composed, in_utf8, json_text

ONLINE, OFFLINE = "online", "offline"  # Home Assistant's own words for availability, and for its own state
EVENT_TYPES = {"person": "recognized", "unknown": "unknown", "new_person": "new_person"}  # by the kind of an event
_STATES = {"camera": ("connectivity", "unknown"), "person": ("seen",)}  # the retained topics of each kind
CLIENT = "face-classifier"
_SHOWN = 120  # characters of a name as a device's


@dataclass(frozen=True)
class Topics:
    """Where one program writes at a broker.

    Parameters
    ----------
    prefix : first levels of all topics but those of discovery; another one for each program at a broker
    discovery : first levels of the topics from which Home Assistant learns of devices; "": it is told of none
    """

    prefix: str = "face-classifier"
    discovery: str = "homeassistant"

    @property
    def availability(self) -> str:
        """Where it is told whether the program runs."""
        return f"{self.prefix}/status"

    @property
    def alert(self) -> str:
        """Where all is told that is of no face: cameras that are lost or back, the summary of a day, a test."""
        return f"{self.prefix}/alert"

    @property
    def births(self) -> list[str]:
        """Where Home Assistant tells that it has started; it keeps its usual topic if another ``discovery`` is set."""
        return sorted({"homeassistant/status", f"{self.discovery}/status"}) if self.discovery else []

    def of(self, kind: str, name: str, what: str) -> str:
        """The topic of something about a camera or a person (``kind``); of a camera face, image, connectivity, unknown,
        of a person seen."""
        return f"{self.prefix}/{kind}/{self.number(kind, name)}/{what}"

    def number(self, kind: str, name: str) -> str:
        """Twelve hexadecimal digits that stand for a camera or a person of this program."""
        return _digest(self.prefix, kind, in_utf8(composed(name)))

    def device(self, kind: str, name: str) -> str:
        """The id of a device, unique at the broker."""
        return f"{self._own}_{kind}_{self.number(kind, name)}"

    @property
    def _own(self) -> str:
        return f"face_classifier_{_digest(self.prefix)}"

    def config(self, device: str) -> str:
        """Where a device is announced."""
        return f"{self.discovery}/device/{device}/config"

    @property
    def states(self) -> list[str]:
        """Where the broker keeps how cameras and people are, as wildcards."""
        return [f"{self.prefix}/{kind}/+/{what}" for kind, whats in _STATES.items() for what in whats]

    def device_at(self, topic: str) -> str | None:
        """The device that a topic announces or tells of, if it is one of this program's."""
        announced = rf"{re.escape(self.discovery)}/device/({self._own}_[a-z0-9_]+)/config"
        if found := re.fullmatch(announced, topic):
            return found[1]
        told = rf"{re.escape(self.prefix)}/({'|'.join(_STATES)})/([0-9a-f]{{12}})/[a-z]+"
        return f"{self._own}_{found[1]}_{found[2]}" if (found := re.fullmatch(told, topic)) else None

    def kept(self, device: str) -> list[str]:
        """The topics at which the broker keeps what was told of a device, the announcement first."""
        kind, _, number = device.removeprefix(f"{self._own}_").partition("_")
        announced = [self.config(device)] if self.discovery else []
        return [*announced, *(f"{self.prefix}/{kind}/{number}/{what}" for what in _STATES.get(kind, ()))]


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:12]


def camera_device(topics: Topics, name: str, *, pictures: bool) -> dict[str, Any]:
    """What announces a camera: somebody's coming, the best view, whether it is connected, strangers of the day.

    ``pictures``: whether the channel may show them; without it the entity is taken away, if it was there.
    """
    device = topics.device("camera", name)
    image: dict[str, Any] = {"p": "image"}  # with nothing else it is one to be taken away
    if pictures:
        image |= {
            "name": "Best view",
            "unique_id": f"{device}_image",
            "image_topic": topics.of("camera", name, "image"),
            "content_type": "image/jpeg",
            **_availability(topics),
        }
    components = {
        "face": {
            "p": "event",
            "name": "Face",
            "unique_id": f"{device}_face",
            "icon": "mdi:face-recognition",
            "state_topic": topics.of("camera", name, "face"),
            "event_types": list(EVENT_TYPES.values()),
        },
        "image": image,
        "connectivity": {
            "p": "binary_sensor",
            "name": "Connectivity",
            "unique_id": f"{device}_connectivity",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": topics.of("camera", name, "connectivity"),
            "payload_on": "ON",
            "payload_off": "OFF",
            **_availability(topics),
        },
        "unknown": {
            "p": "sensor",
            "name": "Unknown today",
            "unique_id": f"{device}_unknown",
            "icon": "mdi:account-question",
            "state_topic": topics.of("camera", name, "unknown"),
            "state_class": "total_increasing",
        },
    }
    return _announcement(device, name, "Camera", components)


def person_device(topics: Topics, name: str) -> dict[str, Any]:
    """What announces a named person: when and where last seen."""
    device = topics.device("person", name)
    seen = topics.of("person", name, "seen")
    components = {
        "last_seen": {
            "p": "sensor",
            "name": "Last seen",
            "unique_id": f"{device}_last_seen",
            "device_class": "timestamp",
            "state_topic": seen,
            "value_template": "{{ value_json.last_seen }}",
        },
        "where": {
            "p": "sensor",
            "name": "Where",
            "unique_id": f"{device}_where",
            "icon": "mdi:cctv",
            "state_topic": seen,
            "value_template": "{{ value_json.where }}",
        },
    }
    return _announcement(device, name, "Person", components)


def _announcement(device: str, name: str, model: str, components: Mapping[str, Any]) -> dict[str, Any]:
    shown = in_utf8(name)
    return {
        "dev": {
            "ids": [device],
            "name": shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…",
            "mf": "Face Classifier",
            "mdl": model,
            "sw": __version__,
        },
        "o": {"name": "face-classifier", "sw": __version__},
        "cmps": dict(components),
        "qos": 0,
    }


def _availability(topics: Topics) -> dict[str, str]:
    return {
        "availability_topic": topics.availability,
        "payload_available": ONLINE,
        "payload_not_available": OFFLINE,
    }


def payload(value: Mapping[str, Any]) -> bytes:
    """A value as JSON in UTF-8."""
    return json_text(dict(value)).encode()
