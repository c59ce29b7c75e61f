"""Whether what a configuration names is there: cameras, zones and channels of rules, zones of cameras."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from face_classifier.core.config.addresses import without_login
from face_classifier.core.config.flat import meant
from face_classifier.core.config.sentences import told
from face_classifier.core.config.settings import Settings
from face_classifier.core.configfile import Node, quoted


def disagreements(settings: Settings, tree: Mapping[str, Node]) -> Iterator[str]:
    """A sentence for each name of nothing, and for what stands twice; ``tree`` tells where each value stands."""
    yield from _of_cameras(settings, tree)
    yield from _of_rules(settings, tree)


def _of_cameras(settings: Settings, tree: Mapping[str, Node]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for name, camera in settings.cameras.items():
        for key in ("only", "ignore"):
            yield from _missing(("cameras", name, key), getattr(camera, key), camera.zones, "zone", tree)
        address = without_login(camera.url)
        if camera.kind != "file" and address in seen and camera.url == settings.cameras[seen[address]].url:
            yield f"{told(('cameras', name, 'url'), tree)} is the address of {seen[address]} too; leave one out"
        seen.setdefault(address, name)


def _of_rules(settings: Settings, tree: Mapping[str, Node]) -> Iterator[str]:
    zones = {zone for camera in settings.cameras.values() for zone in camera.zones}
    names: set[str] = set()
    for number, rule in enumerate(settings.alerts.rules):
        path = ("alerts", "rules", number)
        if rule.name in names:
            yield f"{told((*path, 'name'), tree)} is {quoted(rule.name)} as of a rule before; give it another name"
        names.add(rule.name)
        yield from _missing((*path, "channels"), rule.channels, settings.channels, "channel", tree)
        yield from _missing((*path, "zones"), rule.zones, zones, "zone", tree)
        if settings.cameras:  # without, the cameras are those of the command line
            yield from _missing((*path, "cameras"), rule.cameras, settings.cameras, "camera", tree)


def _missing(
    path: tuple[str | int, ...], words: Collection[str], known: Collection[str], kind: str, tree: Mapping[str, Node]
) -> Iterator[str]:
    for word in words:
        if word not in known:
            advice = meant(word, list(known)) if known else f"name one in {kind}s first"
            yield f"{told(path, tree)} names the {kind} {quoted(word)}, which is not there; {advice}"
