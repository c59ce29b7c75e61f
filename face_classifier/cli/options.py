"""Options that several commands share, and how a command is stopped."""

from __future__ import annotations

import dataclasses
import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click

from face_classifier.core import names
from face_classifier.core.config import flat

if TYPE_CHECKING:
    from face_classifier.core.config.settings import Settings

result_option = click.option("--result", metavar="PATH", help="The result folder. [default: result]")
on_option = click.option(
    "--on",
    "where",
    metavar="WHERE",
    help="In other processes: local, local:N for N of them, dask://HOST:8786, ray://HOST:6379.",
)
mixed_option = click.option(
    "--mixed", is_flag=True, help="Also take what processors and versions analyse that compute otherwise."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for every setting; what the user typed goes to `load` as it is, which tells what is wrong."""
    command = click.option("--config", metavar="FILE", help="Read settings from this YAML file.")(command)
    for field in reversed(dataclasses.fields(flat.Flat)):
        flags, text, default = field.metadata["flags"], field.metadata["text"], field.default
        if isinstance(default, bool):
            command = click.option(*flags, field.name, is_flag=True, default=None, help=text)(command)
        else:
            metavar = flat.metavar(field)
            shown = (
                f" [default: {default:g}]"
                if isinstance(default, float)
                else f" [default: {default}]"
                if default
                else ""
            )
            command = click.option(*flags, field.name, metavar=metavar, help=text + shown)(command)
    return command


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line, by default on stdout."""
    stream = stream or sys.stdout
    stream.write(names.shown(line) + "\n")
    stream.flush()


def load_settings(flags: Mapping[str, Any], config: str | None = None) -> Settings:
    """`load`, imported when a command needs it: `--version` and `--help` do not wait for its models."""
    from face_classifier.core.config.load import load

    return load(flags, config)


@contextmanager
def kept_as_loaded() -> Iterator[None]:
    """Within, Python does not look for circular garbage, of which modules being loaded leave nearly none.

    It would look through all that is loaded again and again, a sixth of the time; and what is loaded then stays.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def stop_on_signals(stopping: threading.Event | None = None) -> threading.Event:
    """An event that ^C and SIGTERM set, a new one or this; a second one ends the program at once."""
    stopping = stopping or threading.Event()

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopping
