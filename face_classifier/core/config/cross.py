"""Whether what a configuration names is there: zones, channels, cameras; secrets and files on this machine.

It is asked of the parts that can be read, whatever is wrong with the others, so that all faults are told at once.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import ValidationError

from face_classifier.core.config.addresses import has_password, place_of
from face_classifier.core.config.parts.alerts import AnyChannel, Rule, WebhookChannel
from face_classifier.core.config.parts.cameras import Camera
from face_classifier.core.config.parts.page import Web
from face_classifier.core.config.parts.units import Part
from face_classifier.core.config.reach import faults, is_own
from face_classifier.core.config.secrets import Secret
from face_classifier.core.config.sentences import CHANNELS, Location, line_of, told
from face_classifier.core.configfile import Fault, Node, meant, quoted
from face_classifier.core.errors import UserError
from face_classifier.core.network.dial import is_public

_TOLD_ANYWAY = ("mqtt", "telegram")  # the one is told every event, the other answers questions
_SECRET = re.compile(r"token|secret|passw|pwd|api_?key|^key$|^auth|signature", re.IGNORECASE)  # a key of a query
_PartT = TypeVar("_PartT", bound=Part)
# What a part is read with where it has a fault there, and what it has then
_STAND_INS: dict[type[Part], dict[str, tuple[Any, Any]]] = {
    Camera: {"url": ("0", "")},
    Rule: {"name": ("a", ""), "on": (["person"], ()), "channels": (["a"], ())},
}
_NAMING = ("url", "zones", "only", "ignore")  # what is left of a camera whose keys disagree


class Parts(NamedTuple):
    """What can be read of a configuration; a value with a fault is left out or empty."""

    cameras: Mapping[str, Camera]
    channels: Mapping[str, AnyChannel]
    rules: Mapping[int, Rule]  # by their places in the list
    web: Web | None
    names: Mapping[str, Collection[str]]  # of all ``cameras`` and ``channels``, those with faults too

    @classmethod
    def of(cls, tree: Mapping[str, Node]) -> Parts:
        """The parts of the nested values."""
        given = {key: value if isinstance(value := node.plain(), dict) else {} for key, node in tree.items()}
        cameras, channels, alerts = (given.get(key, {}) for key in ("cameras", "channels", "alerts"))
        rules = alerts.get("rules")
        return cls(
            {name: one for name, value in cameras.items() if (one := _read(Camera, value))},
            {name: channel for name, value in channels.items() if (channel := _channel(value))},
            {
                place: rule
                for place, value in enumerate(rules if isinstance(rules, list) else ())
                if (rule := _read(Rule, value))
            },
            _read(Web, given.get("web", {})),
            {"camera": cameras, "channel": channels},
        )


def _channel(given: Any) -> AnyChannel | None:
    model = CHANNELS.get(str(given.get("type"))) if isinstance(given, dict) else None
    return _read(model, given) if model else None  # type: ignore[type-var, return-value]  # CHANNELS has these alone


def _read(model: type[_PartT], given: Any) -> _PartT | None:
    """A part without what is wrong in it; None if that is no part any more."""
    left = dict(given) if isinstance(given, dict) else {}
    for _ in range(3):  # values, what disagrees, and what was hidden by that
        stand_ins = {key: one for key, one in _STAND_INS.get(model, {}).items() if left.get(key) is None}
        try:
            part = model.model_validate(left | {key: stand_in for key, (stand_in, _) in stand_ins.items()})
        except ValidationError as error:
            wrong = {fault["loc"][0] for fault in error.errors(include_url=False) if fault["loc"]}
            left = {key: value for key, value in left.items() if (key not in wrong if wrong else key in _NAMING)}
        else:
            return part.model_copy(update={key: empty for key, (_, empty) in stand_ins.items()})
    return None


def disagreements(parts: Parts, tree: Mapping[str, Node], misspelt: Collection[str] = ()) -> Iterator[Fault]:
    """Each name of nothing, and what stands twice.

    Parameters
    ----------
    parts : what can be read
    tree : tells where each value stands
    misspelt : keys of the top, such as ``channels``, whose names are not known since the key is misspelt
    """
    for path, sentence in (*_of_cameras(parts, tree), *_of_rules(parts, tree, misspelt)):
        yield Fault(line_of(path, tree), sentence)


def unreadable(parts: Parts, tree: Mapping[str, Node]) -> Iterator[Fault]:
    """Each file of a secret, and each camera's file, that cannot be read here and now, and a page that may not be."""
    for path, secret in _secrets(parts):
        try:
            if secret.file:
                secret.read()
        except UserError as error:
            yield Fault(line_of(path, tree), f"{told(path, tree).rstrip(',')}: {error}")
    for name, camera in parts.cameras.items():
        if camera.url and camera.kind == "file" and not Path(camera.url).is_file():
            path = ("cameras", name, "url")
            sentence = (
                f"{told(path, tree)} is {quoted(camera.url)}, which is not a file here; name a video or an address"
            )
            yield Fault(line_of(path, tree), sentence)
    for key, sentence in faults(parts.web) if parts.web else ():
        path = ("web", key)
        yield Fault(line_of(path, tree), f"{told(path, tree)} {sentence}")


def unset(parts: Parts, tree: Mapping[str, Node], environ: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each variable of a secret that is still to be set before cameras are watched."""
    for path, secret in _secrets(parts):
        try:
            if secret.variable:
                secret.read(environ)
        except UserError as error:
            yield f"{told(path, tree).rstrip(',')}: {error}"


def _secrets(parts: Parts) -> Iterator[tuple[Location, Secret]]:
    """Each secret of a camera or channel with the keys that lead to it."""
    for group, those in (("cameras", parts.cameras), ("channels", parts.channels)):
        for name, part in those.items():
            for key in ("password", "token", "secret", "url"):
                if isinstance(secret := getattr(part, key, None), Secret):
                    yield (group, name, f"{key}_env" if secret.variable else f"{key}_file"), secret


def advice(parts: Parts, tree: Mapping[str, Node]) -> Iterator[str]:
    """A sentence for each thing that may be so, but better is not."""
    for name, camera in parts.cameras.items():
        for key in ("url", "main"):
            yield from _of_address(("cameras", name, key), getattr(camera, key) or "", tree)
    named = {channel for rule in parts.rules.values() for channel in rule.channels}
    for name, channel in parts.channels.items():
        if channel.type == "webhook":
            yield from _of_webhook(("channels", name, "url"), channel, tree)
        if channel.type not in _TOLD_ANYWAY and name not in named:
            yield f"{told(('channels', name), tree)} is in no rule, so nothing goes there"
    alerts = tree["alerts"].plain() or {} if "alerts" in tree else {}
    if alerts.get("daily") is None and any("summary" in rule.on for rule in parts.rules.values()):
        yield "a rule waits for the summary of the day, but alerts.daily names no time, so there is none"
    web = parts.web
    if web and web.password and not (web.cert or web.proxy or is_own(web.host)):
        yield (
            f"{told(('web', 'listen'), tree)} lets others reach the page, so its password crosses the network in "
            "plain text; name cert and key, or in proxy the proxy that has them"
        )


def _of_address(path: Location, address: str, tree: Mapping[str, Node]) -> Iterator[str]:
    if has_password(address):
        yield (
            f"{told(path, tree)} holds a password in plain text; name the variable that holds it (password_env) "
            "or a file (password_file)"
        )
    yield from _of_query(path, address, tree)


def _of_query(path: Location, address: str, tree: Mapping[str, Node]) -> Iterator[str]:
    query = urlsplit(address).query if "://" in address else ""
    if key := next((key for key, _ in parse_qsl(query, keep_blank_values=True) if _SECRET.search(key)), None):
        yield (
            f"{told(path, tree)} has a query ({quoted(key)}) that looks like a secret in plain text; set the "
            "whole address by the environment, or let only its owner read the file"
        )


def _of_webhook(path: Location, channel: WebhookChannel, tree: Mapping[str, Node]) -> Iterator[str]:
    yield from _of_query(path, channel.url, tree)
    host = urlsplit(channel.url).hostname or ""
    try:
        is_private = not is_public(ipaddress.ip_address(host))
    except ValueError:  # a name, which is looked up when something is sent
        is_private = host == "localhost" or host.endswith(".localhost")
    if is_private and not channel.private:
        yield (
            f"{told(path, tree)} leads to {quoted(host)}, which is not on the public internet, so every alert there "
            "fails; set `private: true` of the channel if you trust it"
        )


def _of_cameras(parts: Parts, tree: Mapping[str, Node]) -> Iterator[tuple[Location, str]]:
    seen: dict[str, str] = {}
    for name, camera in parts.cameras.items():
        known = _zones_of(name, camera, tree)
        for key in ("only", "ignore"):
            yield from _missing(("cameras", name, key), getattr(camera, key), known, "zone", tree)
        place, path = place_of(camera.url), ("cameras", name, "url")
        if not place:
            continue
        if camera.kind != "file" and place in seen:
            yield path, f"{told(path, tree)} is also the address of {seen[place]}; leave one out"
        seen.setdefault(place, name)


def _zones_of(name: str, camera: Camera, tree: Mapping[str, Node]) -> Collection[str]:
    """The names of zones, those with faults too."""
    given = tree["cameras"].plain()[name]
    zones = given.get("zones") if isinstance(given, dict) else None
    return zones if isinstance(zones, dict) else camera.zones


def _of_rules(parts: Parts, tree: Mapping[str, Node], misspelt: Collection[str]) -> Iterator[tuple[Location, str]]:
    names: set[str] = set()
    cameras, channels = parts.names["camera"], parts.names["channel"]
    zones = {name: _zones_of(name, camera, tree) for name, camera in parts.cameras.items()}
    for number, rule in parts.rules.items():
        path: Location = ("alerts", "rules", number)
        if rule.name in names:
            sentence = f"{told((*path, 'name'), tree)} is {quoted(rule.name)}, the name of an earlier rule"
            yield (*path, "name"), f"{sentence}; give it another name"
        names |= {rule.name} - {""}
        if cameras:  # without, the cameras are those of the command line
            yield from _missing((*path, "cameras"), rule.cameras, cameras, "camera", tree)
        if "cameras" not in misspelt:
            known = {zone for name in rule.cameras or zones for zone in zones.get(name, ())}
            yield from _missing((*path, "zones"), rule.zones, known, "zone", tree)
        if "channels" not in misspelt:
            yield from _missing((*path, "channels"), rule.channels, channels, "channel", tree)


def _missing(
    path: Location, words: Collection[str], known: Collection[str], kind: str, tree: Mapping[str, Node]
) -> Iterator[tuple[Location, str]]:
    for word in words:
        if word not in known:
            advice = meant(word, list(known)) if known else f"name one in {kind}s first"
            yield path, f"{told(path, tree)} names the {kind} {quoted(word)}, which does not exist; {advice}"
