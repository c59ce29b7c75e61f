"""Commands whose work other processes do: `analyse` and `place`, the two halves of a run, and a run with `--on`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from face_classifier.cli.options import (
    json_option,
    load_settings,
    mixed_option,
    on_option,
    run_options,
    say,
    stop_on_signals,
)
from face_classifier.core.errors import WrongUseError
from face_classifier.core.words import counted

if TYPE_CHECKING:
    from face_classifier.core.config.settings import Settings

_HERE = "local:1"  # where is analysed if the user names no place
_MOST = 1_000_000  # shares

_again = click.option("--again", is_flag=True, help="Also what failed before, or has a damaged record.")


def spread_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a run that other processes analyse."""
    records = click.option(
        "--records", metavar="DIR", help="Keep there what is analysed. [default: with --on RESULT.records]"
    )
    return on_option(records(mixed_option(_again(command))))


def classify(
    sources: Sequence[str],
    load: Callable[[], Settings],
    where: str | None,
    records: str | None,
    *,
    mixed: bool,
    again: bool,
    as_json: bool,
    only_place: bool = False,
) -> None:
    """Classify, analysed elsewhere, and print whom it saw. Raises UserError.

    Parameters
    ----------
    sources: as of a run.
    load: gives its settings, which takes a moment.
    where: is analysed; None: in one process of this machine.
    records: their folder; None: beside the result folder.
    mixed, again: as the options say.
    as_json: how it is printed.
    only_place: what the folder of records has; nothing is analysed.
    """
    from face_classifier.pipeline.spread.where import is_here, open_cluster

    where = _HERE if where is None else where
    with open_cluster(where) as cluster:  # its workers make themselves ready while this process does
        chosen = load()
        from face_classifier.cli import console
        from face_classifier.cli.spreading.screen import SpreadScreen
        from face_classifier.pipeline.spread.run import Spread, records_beside, run_on

        folder = records_beside(chosen.result) if records is None else Path(records)
        alike = is_here(where)
        spread = Spread(cluster, folder, only_place=only_place, alike=alike, mixed=mixed, again=again)
        with SpreadScreen() as observer:
            result = run_on(spread, chosen, sources, stop_on_signals(), observer)
    console.print_result(result, chosen.result, as_json=as_json)


@click.command("analyse")
@click.argument("sources", nargs=-1, metavar="SOURCE...", required=True)
@run_options
@on_option
@click.option("--records", metavar="DIR", required=True, help="The folder for what is analysed.")
@click.option("--part", metavar="K/N", default="1/1", help="Only the Kth of N shares of the sources, K from 1.")
@mixed_option
@_again
@json_option
def _analyse(
    sources: tuple[str, ...],
    config: str | None,
    where: str | None,
    records: str,
    part: str,
    mixed: bool,
    again: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Analyse videos and pictures into records, which `place` places; many machines may, each its share."""
    from face_classifier.pipeline.spread.where import is_here, open_cluster

    share = _share(part)
    where = _HERE if where is None else where
    with open_cluster(where) as cluster:  # as in `classify`
        chosen = load_settings(flags, config)
        from face_classifier.cli import console
        from face_classifier.cli.spreading.screen import SpreadScreen
        from face_classifier.pipeline.spread.run import Spread, analyse_on

        spread = Spread(cluster, Path(records), alike=is_here(where), mixed=mixed, again=again)
        with SpreadScreen() as observer:
            result = analyse_on(spread, chosen, sources, stop_on_signals(), observer, share)
    if as_json:
        console.print_json({"made": result.made, "there": result.there, "failed": result.failed})
    else:
        say(f"{counted(result.made, 'record')} made, {result.there} there already, {result.failed} failed in {records}")
    if result.failed:
        raise SystemExit(1)


def _share(part: str) -> tuple[int, int]:
    """K and N. Raises WrongUseError."""
    found = re.fullmatch(r"([0-9]{1,7})/([0-9]{1,7})", part)
    if not found or not 1 <= int(found[1]) <= int(found[2]) <= _MOST:
        raise WrongUseError(f"--part {part} is not a share of the sources; give K/N, such as 3/10 for the third of ten")
    return int(found[1]), int(found[2])


@click.command("place")
@click.argument("sources", nargs=-1, metavar="SOURCE...", required=True)
@run_options
@click.option("--records", metavar="DIR", required=True, help="The folder with what was analysed.")
@mixed_option
@json_option
def _place(
    sources: tuple[str, ...], config: str | None, records: str, mixed: bool, as_json: bool, **flags: Any
) -> None:
    """Place what `analyse` made of videos and pictures into the result folder, as a run on them would."""
    load = partial(load_settings, flags, config)
    classify(sources, load, None, records, mixed=mixed, again=False, as_json=as_json, only_place=True)


COMMANDS: list[click.Command] = [_analyse, _place]
