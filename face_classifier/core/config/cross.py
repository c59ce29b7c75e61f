"""Whether what a configuration names is there: zones, channels, cameras; secrets and files on this machine."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from face_classifier.core.config.addresses import has_password, place_of
from face_classifier.core.config.secrets import Secret
from face_classifier.core.config.sentences import told
from face_classifier.core.config.settings import Settings
from face_classifier.core.configfile import Node, meant, quoted
from face_classifier.core.errors import UserError

_TOLD_ANYWAY = ("mqtt", "telegram")  # the one is told every event, the other answers questions


def disagreements(settings: Settings, tree: Mapping[str, Node]) -> Iterator[str]:
    """A sentence for each name of nothing, and for what stands twice; ``tree`` tells where each value stands."""
    yield from _of_cameras(settings, tree)
    yield from _of_rules(settings, tree)


def unreadable(settings: Settings, tree: Mapping[str, Node], environ: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each secret and each camera's file that cannot be read here and now."""
    for path, secret in _secrets(settings):
        try:
            secret.read(environ)
        except UserError as error:
            *parents, key = path
            place = told((*parents, f"{key}_env" if secret.variable else f"{key}_file"), tree)
            yield f"{place.rstrip(',')}: {error}"
    for name, camera in settings.cameras.items():
        if camera.kind == "file" and not Path(camera.url).is_file():
            path = ("cameras", name, "url")
            yield f"{told(path, tree)} is {quoted(camera.url)}, which is no file here; name a video or an address"


def _secrets(settings: Settings) -> Iterator[tuple[tuple[str, str, str], Secret]]:
    """Each secret of a camera or channel with the keys that lead to it."""
    for group in ("cameras", "channels"):
        for name, part in getattr(settings, group).items():
            for key in ("password", "token", "secret", "url"):
                if isinstance(secret := getattr(part, key, None), Secret):
                    yield (group, name, key), secret


def advice(settings: Settings, tree: Mapping[str, Node]) -> Iterator[str]:
    """A sentence for each thing that may be so, but better is not."""
    for name, camera in settings.cameras.items():
        for key in ("url", "main"):
            path = ("cameras", name, key)
            if has_password(getattr(camera, key) or ""):
                yield (
                    f"{told(path, tree)} holds a password in the open; name the variable that holds it (password_env) "
                    "or a file (password_file)"
                )
    named = {channel for rule in settings.alerts.rules for channel in rule.channels}
    for name, channel in settings.channels.items():
        if channel.type not in _TOLD_ANYWAY and name not in named:
            yield f"{told(('channels', name), tree)} is in no rule, so nothing goes there"
    if settings.alerts.daily is None and any("summary" in rule.on for rule in settings.alerts.rules):
        yield "a rule waits for the summary of the day, but alerts.daily names no time, so there is none"


def _of_cameras(settings: Settings, tree: Mapping[str, Node]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for name, camera in settings.cameras.items():
        for key in ("only", "ignore"):
            yield from _missing(("cameras", name, key), getattr(camera, key), camera.zones, "zone", tree)
        place = place_of(camera.url)
        if camera.kind != "file" and place in seen:
            yield f"{told(('cameras', name, 'url'), tree)} is the address of {seen[place]} too; leave one out"
        seen.setdefault(place, name)


def _of_rules(settings: Settings, tree: Mapping[str, Node]) -> Iterator[str]:
    names: set[str] = set()
    for number, rule in enumerate(settings.alerts.rules):
        path = ("alerts", "rules", number)
        if rule.name in names:
            yield f"{told((*path, 'name'), tree)} is {quoted(rule.name)} as of a rule before; give it another name"
        names.add(rule.name)
        if settings.cameras:  # without, the cameras are those of the command line
            yield from _missing((*path, "cameras"), rule.cameras, settings.cameras, "camera", tree)
        cameras = [settings.cameras[name] for name in rule.cameras or settings.cameras if name in settings.cameras]
        zones = {zone for camera in cameras for zone in camera.zones}
        yield from _missing((*path, "zones"), rule.zones, zones, "zone", tree)
        yield from _missing((*path, "channels"), rule.channels, settings.channels, "channel", tree)


def _missing(
    path: tuple[str | int, ...], words: Collection[str], known: Collection[str], kind: str, tree: Mapping[str, Node]
) -> Iterator[str]:
    for word in words:
        if word not in known:
            advice = meant(word, list(known)) if known else f"name one in {kind}s first"
            yield f"{told(path, tree)} names the {kind} {quoted(word)}, which is not there; {advice}"
