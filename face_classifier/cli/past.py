"""The user's words about what was decided: the log, taking back. Heavy imports wait as in `main`."""

from __future__ import annotations

import click

from face_classifier.cli.options import json_option, load_settings, result_option
from face_classifier.core.errors import WrongUseError


@click.command("log")
@result_option
@json_option
def _log(result: str | None, as_json: bool) -> None:
    """List every change of whose face it is: when, by whom, from where to where."""
    from face_classifier.cli import console
    from face_classifier.curate.questions import log

    entries, names = log.read(load_settings({"result": result}))
    if as_json:
        console.print_json(log.record(entries, names))
    elif entries:
        console.print_table(("entry", "time", "by", "what", ""), log.rows(entries))
    else:
        console.print_lines(["nothing has been changed yet"])


@click.command("undo")
@click.option("--to", metavar="ENTRY", help="Take back all after this entry of the log.")
@result_option
@json_option
def _undo(to: str | None, result: str | None, as_json: bool) -> None:
    """Take back the latest change of whose face it is, whoever made it."""
    from face_classifier.cli import console
    from face_classifier.curate import undo
    from face_classifier.curate.ask import carry_out

    if to is not None and not to.isdecimal():
        raise WrongUseError(f"--to is {to!r}, but must be the number of an entry, as `face-classifier log` lists them")
    arguments = {"to": None if to is None else int(to)}
    answer = carry_out(load_settings({"result": result}), "undo", arguments, observer := console.Screen())
    observer.finish()
    console.print_answer(as_json, answer, undo.lines(answer))


@click.command("forget")
@click.argument("what", metavar="NAME|FACE")
@result_option
@json_option
def _forget(what: str, result: str | None, as_json: bool) -> None:
    """Forget a person, or one face, for good: pictures, numbers, history, and what can be seen elsewhere."""
    from face_classifier.cli import console
    from face_classifier.curate import forget
    from face_classifier.curate.ask import carry_out
    from face_classifier.photos.forgetting import forget_everywhere

    chosen, observer = load_settings({"result": result}), console.Screen()
    answer = forget_everywhere(chosen, what, observer, lambda name, given: carry_out(chosen, name, given, observer))
    observer.finish()
    console.print_answer(as_json, answer, forget.lines(answer))


COMMANDS: list[click.Command] = [_log, _undo, _forget]
