"""A configuration and spans of time in words, for the owner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from face_classifier.core.config.cross import advice, unreadable, unset
from face_classifier.core.config.load import examine
from face_classifier.core.config.parts.alerts import AnyChannel, Rule
from face_classifier.core.config.parts.cameras import Camera, Keep
from face_classifier.core.config.settings import Settings
from face_classifier.core.words import counted


class Checked(NamedTuple):
    """What a configuration would do, or what is wrong with it: sentences each."""

    faults: list[str]  # in the order of the lines of the file
    watched: list[str]  # what would be watched and told; nothing where there is a fault
    advice: list[str]  # what may be so, but better is not


def checked(file: str, environ: Mapping[str, str]) -> Checked:
    """Read a configuration as if it were used now, also its files of secrets. Nothing of it is kept or shown.

    ``environ``: a variable of a secret that is not in it is told as advice, since it may be set only where cameras are
    watched.
    """
    settings, found, parts, tree = examine({}, file)
    faults = sorted([*found, *unreadable(parts, tree)], key=lambda fault: fault.line)
    if faults or settings is None:
        return Checked([fault.sentence for fault in faults], [], [])
    return Checked([], list(lines(settings)), [*unset(parts, tree, environ), *advice(parts, tree)])


def lines(settings: Settings) -> Iterator[str]:
    """What would be watched and told, a line a camera, channel and rule."""
    yield f"result: {settings.result}"
    for name, camera in settings.cameras.items():
        yield f"camera {name}: {', '.join(_of_camera(camera, settings, settings.keep_of(name)))}"
    for name, channel in settings.channels.items():
        yield f"channel {name}: {_of_channel(channel)}"
    for rule in settings.alerts.rules:
        yield f"rule {rule.name}: {', '.join(_of_rule(rule))}"
    if not settings.cameras:
        yield "there is no camera; name one in cameras, or on the command line of watch"


def _of_camera(camera: Camera, settings: Settings, keep: Keep) -> Iterator[str]:
    yield camera.shown
    if camera.main:
        yield "best views of its main stream"
    if camera.snapshot:
        yield f"a picture every {camera.snapshot:g} s"
    yield from _when(camera)
    for key in ("zones", "masks"):
        if count := len(getattr(camera, key)):
            yield f"{count} {key if count > 1 else key[:-1]}"
    if camera.min_face:
        yield f"faces from {camera.min_face} px"
    is_known_only = settings.known_only if camera.known_only is None else camera.known_only
    if is_known_only:
        yield "nothing of strangers is kept"
    if (camera.pixelate or settings.pixelate) != "nobody":
        yield "strangers are pixelated"
    for key, what in (("unknown", "faces of nobody"), ("captures", "captures"), ("tracks", "tracks")):
        if (seconds := getattr(keep, key)) is not None and not (is_known_only and key == "unknown"):
            yield f"{what} are kept {_duration(seconds)}"


def _of_channel(channel: AnyChannel) -> str:
    match channel.type:
        case "file":
            return f"file {channel.path}"
        case "mqtt":
            return f"mqtt {channel.host}:{channel.port}{', encrypted' if channel.tls else ''}"
        case "webhook":
            return f"webhook {channel.shown}"
        case "telegram":
            return f"telegram, {counted(len(channel.chats), 'chat')}"
    return channel.type


def _of_rule(rule: Rule) -> Iterator[str]:
    yield f"{' '.join(rule.on)} to {' '.join(rule.channels)}"
    for key, what in (("people", "of"), ("not_people", "not of"), ("cameras", "at"), ("zones", "in")):
        if words := getattr(rule, key):
            yield f"{what} {' '.join(words)}"
    yield from _when(rule)
    if rule.picture:
        yield "with a picture"
    if rule.cooldown:
        yield f"once in {_duration(rule.cooldown)}"


def _when(part: Camera | Rule) -> Iterator[str]:
    if part.hours:
        yield " and ".join(part.hours)
    if part.days:
        yield " ".join(part.days)


def _duration(seconds: float) -> str:
    """Seconds in the largest unit that leaves no rest."""
    unit, size = next(
        ((unit, size) for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)) if seconds and not seconds % size),
        ("s", 1),
    )
    return f"{seconds / size:g} {unit}"


def age(seconds: float) -> str:
    """A time that has passed, in the two largest units: ``3 d 4 h``."""
    left = int(seconds)
    parts: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if left >= length or (unit == "s" and not parts):
            parts.append(f"{left // length} {unit}")
            left %= length
    return " ".join(parts[:2])
