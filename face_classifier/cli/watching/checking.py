"""`check-config`: what a configuration would watch and tell, or everything that is wrong with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from face_classifier.cli.options import json_option, say

if TYPE_CHECKING:
    from face_classifier.core.config.alerts import AnyChannel, Rule
    from face_classifier.core.config.cameras import Camera, Keep
    from face_classifier.core.config.settings import Settings


@click.command("check-config")
@click.argument("file", metavar="FILE")
@json_option
def _check_config(file: str, as_json: bool) -> None:
    """Tell what a configuration would watch, or everything that is wrong with it, before it does.

    Variables of the environment count, as for `watch`; so do secrets, which must be readable. The exit code is 2 if
    there is a fault.
    """
    from face_classifier.cli import console
    from face_classifier.core.config.cross import advice, unreadable
    from face_classifier.core.config.load import examine

    settings, errors, tree = examine({}, file)
    faults = [*map(str, errors), *(unreadable(settings, tree, os.environ) if settings else ())]
    lines = list(_lines(settings)) if settings and not faults else []
    advised = list(advice(settings, tree)) if settings and not faults else []
    if as_json:
        console.print_json({"sound": not faults, "faults": faults, "watched": lines, "advice": advised})
    else:
        for fault in faults:
            say(f"face-classifier: {fault}", sys.stderr)
        console.print_lines([*lines, *(f"advice: {sentence}" for sentence in advised)])
    if faults:
        raise SystemExit(2)


def _lines(settings: Settings) -> Iterator[str]:
    """What would be watched and told, a line a camera, channel and rule."""
    yield f"result: {settings.result}"
    for name, camera in settings.cameras.items():
        yield f"camera {name}: {', '.join(_of_camera(camera, settings.keep_of(name)))}"
    for name, channel in settings.channels.items():
        yield f"channel {name}: {_of_channel(channel)}"
    for rule in settings.alerts.rules:
        yield f"rule {rule.name}: {', '.join(_of_rule(rule))}"
    if not settings.cameras:
        yield "there is no camera; name one in cameras, or on the command line of watch"


def _of_camera(camera: Camera, keep: Keep) -> Iterator[str]:
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
    if camera.known_only:
        yield "nothing of strangers is kept"
    if camera.pixelate != "nobody":
        yield f"{camera.pixelate} are pixelated"
    for key, what in (("unknown", "faces of nobody"), ("captures", "captures"), ("tracks", "tracks")):
        if (seconds := getattr(keep, key)) is not None:
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
            return f"telegram, {len(channel.chats)} chat{'s' * (len(channel.chats) > 1)}"
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


COMMANDS = [_check_config]
