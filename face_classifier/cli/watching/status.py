"""`status`: how a daemon that watches does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import click

from face_classifier.cli.options import json_option, load_settings, result_option
from face_classifier.core.errors import UserError
from face_classifier.core.words import counts_of

_CAMERAS = ("camera", "status", "since", "last frame", "frames", "dropped", "faces", "lost", "")
_CHANNELS = ("channel", "type", "status", "sent", "missed", "queued", "")


@click.command("status")
@result_option
@click.option("--config", metavar="FILE", help="Read settings from this YAML file.")
@json_option
def _status(result: str | None, config: str | None, as_json: bool) -> None:
    """Tell how the cameras and channels do of the program that watches into a result folder."""
    from face_classifier.cli import console
    from face_classifier.curate.ask import STARTING, connected
    from face_classifier.daemon.daemon import STATUS

    folder = load_settings({"result": result}, config).result
    observer = console.Screen()
    client = connected(Path(folder), monotonic() + STARTING)
    if client is None:
        raise UserError(
            f"no program watches cameras into {folder}; start face-classifier watch, or name another --result"
        )
    with client:
        told = client.ask(STATUS, {}, observer)
    observer.finish()
    if as_json:
        console.print_json(told)
    else:
        console.print_lines(_lines(told))
        console.print_table(_CAMERAS, [_camera(camera) for camera in told["cameras"]])
        if told["channels"]:
            console.print_table(_CHANNELS, [_channel(channel) for channel in told["channels"]])
    if not told["live"]:
        raise SystemExit(1)


def _lines(told: dict[str, Any]) -> Iterator[str]:
    from face_classifier.daemon.described import age

    gallery = told["gallery"]
    yield f"process {told['pid']} watches for {age(told['uptime'])} into {gallery['folder']}"
    yield counts_of(gallery["people"], gallery["known"], gallery["unknown"])
    yield f"{told['memory'] / 1e6:.0f} MB of memory{_free(gallery['free'])}"
    if told["stuck"]:
        yield f"stuck: {', '.join(told['stuck'])}; restart it"
    if told["restart"]:
        yield f"takes effect after a restart: {', '.join(told['restart'])}"


def _free(free: int | None) -> str:
    return "" if free is None else f", {free / 1e9:.1f} GB free on the disk"


def _camera(camera: dict[str, Any]) -> Sequence[str]:
    from face_classifier.daemon.described import age

    last = camera["last_frame"]
    return (
        camera["name"],
        camera["status"],
        age(camera["since"]),
        "" if last is None else f"{last:.1f} s ago",
        *(str(camera[key]) for key in ("analysed", "dropped", "faces", "lost")),
        camera["reason"].removeprefix(f"{camera['name']} ") or ("its picture stands still" if camera["still"] else ""),
    )


def _channel(channel: dict[str, Any]) -> Sequence[str]:
    return tuple(str(channel[key]) for key in ("name", "type", "status", "sent", "missed", "queued", "reason"))


COMMANDS: list[click.Command] = [_status]
