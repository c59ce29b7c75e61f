"""Commands that classify: `run`, whose name nobody needs to type, and `demo`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from face_classifier.cli.options import json_option, kept_as_loaded, load_settings, run_options, say, stop_on_signals
from face_classifier.cli.spreading.commands import classify, spread_options
from face_classifier.core.errors import WrongUseError

if TYPE_CHECKING:
    from face_classifier.core.config.settings import Settings


@click.command("run")
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@run_options
@spread_options
@json_option
def _run(
    sources: tuple[str, ...],
    config: str | None,
    where: str | None,
    records: str | None,
    mixed: bool,
    again: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Classify the faces of videos, webcams, pictures and folders of them."""
    if not sources:
        raise WrongUseError("no source is given; name a video, a picture, a folder, or 0 for the first webcam")
    load = partial(load_settings, flags, config)
    if where is None and records is None:
        if mixed or again:
            flag = "--mixed" if mixed else "--again"
            raise WrongUseError(f"{flag} is for what other processes analyse; add --on or --records, or leave it out")
        _classify(sources, load, as_json=as_json)
    else:
        classify(sources, load, where, records, mixed=mixed, again=again, as_json=as_json)


@click.command("demo")
@run_options
@click.option("--clip", metavar="FILE", help="Only write the clip to this file; configs/rehearsal.yaml watches it.")
@json_option
def _demo(config: str | None, clip: str | None, as_json: bool, **flags: Any) -> None:
    """Make a short clip of real photographs and classify the faces in it, into the folder result-demo."""
    from face_classifier.cli import demo

    if clip is not None:
        say(f"The clip is {demo.copy_clip(Path(clip))}.")
        return
    load = partial(load_settings, {**flags, "result": flags["result"] or demo.RESULT}, config)
    chosen = _classify([str(demo.clip())], load, as_json=as_json)
    if not as_json:
        say(f"Look at the montages and folders in {Path(chosen.result).resolve()}; rename a folder, and run it again.")


def _classify(sources: Sequence[str], load: Callable[[], Settings], *, as_json: bool) -> Settings:
    """Returns the settings that ``load`` gave."""
    with ExitStack() as stack:
        with kept_as_loaded():
            chosen = load()
            from face_classifier.vision.ahead import EngineAhead

            engines, stopping = stack.enter_context(EngineAhead(chosen)), threading.Event()
            from face_classifier.pipeline.analysis.begun import BegunAhead

            ahead = stack.enter_context(BegunAhead(chosen, engines, stopping))
            if os.path.isfile(sources[0]):
                ahead.begin(sources[0])
            from face_classifier.cli import console
            from face_classifier.pipeline import run as pipeline

        observer = console.Screen()
        result = pipeline.run(chosen, sources, stop_on_signals(stopping), observer, ahead=ahead)
    observer.finish()
    console.print_result(result, chosen.result, as_json=as_json)
    return chosen


COMMANDS: list[click.Command] = [_run, _demo]
