"""`check-config`: what a configuration would watch and tell, or everything that is wrong with it."""

from __future__ import annotations

import os
import sys

import click

from face_classifier.cli.options import json_option, say


@click.command("check-config")
@click.argument("file", metavar="FILE")
@json_option
def _check_config(file: str, as_json: bool) -> None:
    """Tell what a configuration would watch, or everything that is wrong with it, before it does.

    Variables of the environment count, as for `watch`. A variable of a secret that is not set is told as advice, since
    it may be set only where cameras are watched; a file of one must be readable. The exit code is 2 if there is a
    fault.
    """
    from face_classifier.cli import console
    from face_classifier.daemon.described import checked

    faults, lines, advised = checked(file, os.environ)
    if as_json:
        console.print_json({"sound": not faults, "faults": faults, "watched": lines, "advice": advised})
    else:
        for fault in faults:
            say(f"face-classifier: {fault}", sys.stderr)
        console.print_lines([*lines, *(f"advice: {sentence}" for sentence in advised)])
    if faults:
        raise SystemExit(2)


COMMANDS = [_check_config]
