"""The user's words: command line in, settings out to the pipeline. Heavy imports wait until a command needs them."""

from __future__ import annotations

import dataclasses
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from face_classifier import __version__, settings
from face_classifier.errors import UserError

_RUN = "run"


class _Commands(click.Group):
    """`face-classifier SOURCE ...` is the command `run`, whose name nobody needs to type."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help", "-h", "--version"):
            args = [_RUN, *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "SOURCE... [OPTIONS]")
        formatter.write_usage(ctx.command_path, "COMMAND [ARGS]...")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.commands[_RUN].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in self.commands if name != _RUN]


def _run_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for every setting; what the user typed goes to `settings.load` as it is, which tells what is wrong."""
    command = click.option("--config", metavar="FILE", help="Read settings from this YAML file.")(command)
    for field in reversed(dataclasses.fields(settings.Settings)):
        flags, text, default = field.metadata["flags"], field.metadata["text"], field.default
        if isinstance(default, bool):
            command = click.option(*flags, field.name, is_flag=True, default=None, help=text)(command)
        else:
            metavar = "NUMBER" if isinstance(default, float) else "PATH"
            shown = (
                f" [default: {default:g}]"
                if isinstance(default, float)
                else f" [default: {default}]"
                if default
                else ""
            )
            command = click.option(*flags, field.name, metavar=metavar, help=text + shown)(command)
    return command


_result_option = click.option("--result", metavar="PATH", help="The result folder. [default: result]")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="face-classifier")
def _main() -> None:
    """Sort the faces in videos, webcams and photos into one folder a person.

    SOURCE is a video file, a picture, a folder of them, or 0 for the first webcam. The faces go to the result folder:
    rename or move things there with your file manager, and run again.
    """


@_main.command(_RUN)
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@_run_options
def _run(sources: tuple[str, ...], config: str | None, **flags: Any) -> None:
    """Classify the faces of videos, webcams, pictures and folders of them."""
    if not sources:
        raise UserError("no source is given; name a video, a picture, a folder, or 0 for the first webcam")
    _classify(sources, settings.load(flags, config))


@_main.command("people")
@_result_option
def _people(result: str | None) -> None:
    """Print the statistics of a result folder."""
    from face_classifier import pipeline, screen

    sightings = pipeline.gallery(settings.load({"result": result}), observer := screen.Screen())
    observer.finish()
    screen.print_statistics(sightings)


@_main.command("export")
@_result_option
@click.option("--format", "form", metavar="jsonl|csv", default="jsonl", help="JSON lines or CSV. [default: jsonl]")
def _export(result: str | None, form: str) -> None:
    """Print a line for every face of a result folder as it is labelled now."""
    from face_classifier import pipeline, screen, sinks

    writers = {"jsonl": sinks.write_json_lines, "csv": sinks.write_csv}
    if form not in writers:
        raise UserError(f"--format is {form!r}, but must be one of {', '.join(writers)}")
    sightings = pipeline.gallery(settings.load({"result": result}), observer := screen.Screen())
    observer.finish()
    writers[form](sys.stdout, pipeline.with_distances_today(sightings))


@_main.command("demo")
@_run_options
def _demo(config: str | None, **flags: Any) -> None:
    """Make a short clip of real photographs and classify the faces in it, into the folder result-demo."""
    from face_classifier import demo

    chosen = settings.load({**flags, "result": flags["result"] or demo.RESULT}, config)
    _classify([str(demo.clip())], chosen)
    click.echo(f"Look at the montages and folders in {Path(chosen.result).resolve()}; rename a folder, and run it again.")


def _classify(sources: Sequence[str], chosen: settings.Settings) -> None:
    from face_classifier import pipeline, screen

    observer = screen.Screen()
    result = pipeline.run(chosen, sources, _stop_on_signals(), observer)
    observer.finish()
    if result.sightings is not None:
        screen.print_statistics(result.sightings)
    if result.failed:
        raise SystemExit(1)


def _stop_on_signals() -> threading.Event:
    """An event that ^C and SIGTERM set; a second one ends the program at once."""
    stopping = threading.Event()

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopping


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. What the user can mend is told in one sentence on stderr."""
    try:
        return _main.main(arguments, prog_name="face-classifier", standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return 2
    except click.UsageError as error:
        reason = error.format_message().rstrip(".")
        click.echo(f"face-classifier: {reason[0].lower()}{reason[1:]}; see face-classifier --help", err=True)
        return 2
    except (UserError, OSError) as error:
        click.echo(f"face-classifier: {error}", err=True)
        return 1
    except click.exceptions.Abort:
        return 130
