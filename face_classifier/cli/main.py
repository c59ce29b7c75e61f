"""The user's words: command line in, settings out to the pipeline. Heavy imports wait until a command needs them."""

from __future__ import annotations

import dataclasses
import difflib
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from face_classifier import __version__
from face_classifier.cli import photos as album_commands
from face_classifier.cli.options import json_option, result_option, say, stop_on_signals
from face_classifier.core import settings
from face_classifier.core.errors import StoppedError, UserError

_RUN = "run"


class _Commands(click.Group):
    """`face-classifier SOURCE ...` is the command `run`, whose name nobody needs to type."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help", "-h", "--version"):
            self._check_spelling(args[0])
            args = [_RUN, *args]
        return super().parse_args(ctx, args)

    def _check_spelling(self, word: str) -> None:
        """Raise UserError if a word is no source but nearly a command."""
        meant = difflib.get_close_matches(word, self.commands, 1, 0.75)
        if meant and not os.path.lexists(word):
            raise UserError(f"there is no command {word}; did you mean {meant[0]}?")

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
            metavar = settings.metavar(field)
            shown = (
                f" [default: {default:g}]"
                if isinstance(default, float)
                else f" [default: {default}]"
                if default
                else ""
            )
            command = click.option(*flags, field.name, metavar=metavar, help=text + shown)(command)
    return command


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
@json_option
def _run(sources: tuple[str, ...], config: str | None, as_json: bool, **flags: Any) -> None:
    """Classify the faces of videos, webcams, pictures and folders of them."""
    if not sources:
        raise UserError("no source is given; name a video, a picture, a folder, or 0 for the first webcam")
    _classify(sources, settings.load(flags, config), as_json=as_json)


@_main.command("people")
@result_option
@click.option("--matrix", is_flag=True, help="Print the distances of everybody to everybody instead.")
@json_option
def _people(result: str | None, matrix: bool, as_json: bool) -> None:
    """List the people of a result folder."""
    from face_classifier.cli import console as screen
    from face_classifier.gallery.snapshot import faces_of

    sightings = faces_of(settings.load({"result": result}), observer := screen.Screen())
    observer.finish()
    if as_json:
        screen.print_json(screen.people_record(sightings))
    elif matrix:
        screen.print_lines(screen.statistics_lines(sightings))
    else:
        screen.print_people(sightings)


@_main.command("export")
@result_option
@click.option(
    "--format",
    "form",
    metavar="jsonl|csv|npz|parquet",
    default="jsonl",
    help="JSON lines, CSV, or with encodings NumPy's npz or Parquet. [default: jsonl]",
)
@json_option
def _export(result: str | None, form: str, as_json: bool) -> None:
    """Print a line for every face of a result folder as it is labelled now."""
    from face_classifier.cli import console as screen
    from face_classifier.events import arrays, records
    from face_classifier.gallery.snapshot import faces_of, take_snapshot
    from face_classifier.identity.profiles import BY_ENCODER
    from face_classifier.identity.statistics import with_distances_today

    lines = {"jsonl": records.write_json_lines, "csv": records.write_csv}
    files = {"npz": arrays.npz, "parquet": arrays.parquet}
    if form not in (*lines, *files):
        raise UserError(f"--format is {form!r}, but must be one of {', '.join((*lines, *files))}")
    if form in files and not as_json and sys.stdout.isatty():
        raise UserError(f"--format {form} is no text for a terminal; write it to a file, such as >faces.{form}")
    chosen, observer = settings.load({"result": result}), screen.Screen()
    if form in files and not as_json:
        snapshot = take_snapshot(chosen, observer)
        observer.finish()
        encoder, faces = snapshot.settings.encoder, list(with_distances_today(snapshot.faces))
        sys.stdout.buffer.write(files[form](faces, encoder, BY_ENCODER[encoder].name))
        return
    sightings = faces_of(chosen, observer)
    observer.finish()
    faces = list(with_distances_today(sightings))
    if as_json:
        screen.print_json([records.record(face) for face in faces])
    else:
        lines[form](sys.stdout, faces)


@_main.command("reencode")
@result_option
@click.option("--encoder", metavar="dlib|sface", help="The encoder that it is to belong to.")
@json_option
def _reencode(result: str | None, encoder: str | None, as_json: bool) -> None:
    """Move a result folder over to another encoder, or back; every label stays."""
    from face_classifier.cli import console as screen
    from face_classifier.curate import reencode

    if encoder is None:
        raise UserError("no encoder is given; name one with --encoder dlib or --encoder sface")
    chosen = settings.load({"result": result, "encoder": encoder})
    outcome = reencode.reencode(chosen, stop_on_signals(), observer := screen.Screen())
    observer.finish()
    if as_json:
        screen.print_json({"result": chosen.result, "encoder": encoder, **dataclasses.asdict(outcome)})
        return
    say(f"{chosen.result} belongs to the encoder {encoder} now; {outcome.encoded} pictures were encoded.")
    if outcome.agreement:
        same, faces = outcome.agreement.same, outcome.agreement.faces
        say(f"Of {faces} faces, both encoders find {same} nearest to the same person.")


@_main.command("explain")
@click.argument("face", metavar="FACE")
@result_option
@click.option("--picture", metavar="FILE", help="Draw the face and its nearest ones into this PNG file.")
@json_option
def _explain(face: str, result: str | None, picture: str | None, as_json: bool) -> None:
    """Say why a face, given by name or path, is whose it is."""
    from face_classifier.cli import console as screen
    from face_classifier.curate.questions import explain

    told = explain.explain_face(settings.load({"result": result}), face, picture, observer := screen.Screen())
    observer.finish()
    screen.print_answer(as_json, explain.record(told), explain.lines(told))


@_main.command("audit")
@result_option
@click.option("--apply", is_flag=True, help="Move the outliers that the program placed itself to unknowns.")
@json_option
def _audit(result: str | None, apply: bool, as_json: bool) -> None:
    """List faces that do not fit their person, near-duplicates, and people that may be two."""
    from face_classifier.cli import console as screen
    from face_classifier.curate.questions import audit

    chosen = settings.load({"result": result})
    found, moved = audit.audit_gallery(chosen, observer := screen.Screen(), apply=apply)
    observer.finish()
    told = [*audit.lines(found), *([f"{moved} faces were moved to unknowns."] if apply else [])]
    screen.print_answer(as_json, {**audit.record(found), "moved": moved}, told)


@_main.command("calibrate")
@result_option
@click.option("--rate", metavar="NUMBER", default="0.001", help="The wished false match rate. [default: 0.001]")
@json_option
def _calibrate(result: str | None, rate: str, as_json: bool) -> None:
    """Tell the threshold that suits a result folder."""
    from face_classifier.cli import console as screen
    from face_classifier.curate.questions.calibration import calibrate_gallery

    wished = settings.fraction(rate, "--rate")
    calibration, threshold = calibrate_gallery(settings.load({"result": result}), observer := screen.Screen())
    observer.finish()
    screen.print_answer(
        as_json,
        screen.calibration_record(calibration, wished, threshold),
        screen.calibration_lines(calibration, wished, threshold),
    )


@_main.command("replay")
@result_option
@click.option("-t", "--threshold", metavar="NUMBER|auto", help="The threshold to try.")
@json_option
def _replay(result: str | None, threshold: str | None, as_json: bool) -> None:
    """List the faces that would be somebody else's if all were decided anew, without the video."""
    from face_classifier.cli import console as screen
    from face_classifier.curate.questions import replay

    chosen = settings.load({"result": result, "threshold": threshold})
    replayed, tried = replay.replay_gallery(chosen, observer := screen.Screen())
    observer.finish()
    screen.print_answer(as_json, replay.record(replayed, tried), replay.lines(replayed, tried))


@_main.command("rethink")
@result_option
@click.option("--dry-run", is_flag=True, help="Print what would move, and change nothing.")
@json_option
def _rethink(result: str | None, dry_run: bool, as_json: bool) -> None:
    """Think again about all faces of a result folder: a person just named gets old unknown faces, and so on."""
    from face_classifier.cli import console as screen
    from face_classifier.curate import decide

    changes = decide.think_again(settings.load({"result": result}), observer := screen.Screen(), dry_run=dry_run)
    observer.finish()
    if as_json:
        screen.print_json([change.record() for change in changes])
        return
    for face, person, found in changes:
        say(f"{face.face}: {face.person or 'unknown'} -> {'a new person' if found else person or 'unknown'}")
    say(f"{len(changes)} {'face' if len(changes) == 1 else 'faces'} {'would move' if dry_run else 'moved'}")


@_main.group("suggest", invoke_without_command=True)
@result_option
@click.option("--picture", metavar="FILE", help="Draw the faces of each two side by side into this PNG file.")
@json_option
@click.pass_context
def _suggest(ctx: click.Context, result: str | None, picture: str | None, as_json: bool) -> None:
    """List people who may be one; `suggest accept ONE OTHER` joins them, `suggest reject ONE OTHER` asks no more."""
    ctx.obj = result
    if ctx.invoked_subcommand is None:
        from face_classifier.cli import console as screen
        from face_classifier.curate.questions import suggest

        found = suggest.suggestions(settings.load({"result": result}), observer := screen.Screen(), picture)
        observer.finish()
        nobody = [] if found else ["no two people are near enough to be asked about"]
        screen.print_answer(as_json, suggest.record(found), [*suggest.lines(found), *nobody])


@_suggest.command("accept")
@click.argument("one")
@click.argument("other")
@result_option
@json_option
@click.pass_obj
def _accept(of_group: str | None, one: str, other: str, result: str | None, as_json: bool) -> None:
    """Two people are one: OTHER's faces go to ONE, or the other way round if only OTHER has a name of yours."""
    from face_classifier.cli import console as screen
    from face_classifier.curate import decide

    chosen = settings.load({"result": result or of_group})
    stays, goes, faces = decide.accept(chosen, observer := screen.Screen(), one, other)
    observer.finish()
    told = {"person": stays, "was": goes, "faces": faces}
    screen.print_answer(as_json, told, [f"{goes} is {stays} now; {faces} faces moved"])


@_suggest.command("reject")
@click.argument("one")
@click.argument("other")
@result_option
@json_option
@click.pass_obj
def _reject(of_group: str | None, one: str, other: str, result: str | None, as_json: bool) -> None:
    """Two people are two: they are never suggested or joined again, whatever their names will be."""
    from face_classifier.cli import console as screen
    from face_classifier.curate import decide

    decide.keep_apart(settings.load({"result": result or of_group}), observer := screen.Screen(), one, other)
    observer.finish()
    screen.print_answer(as_json, {"apart": [one, other]}, [f"{one} and {other} stay two people"])


@_main.group("models", invoke_without_command=True)
@json_option
@click.pass_context
def _models(ctx: click.Context, as_json: bool) -> None:
    """List the model files with licence, state and path; `models fetch` gets them ahead."""
    if ctx.invoked_subcommand is None:
        from face_classifier.cli import console as screen
        from face_classifier.vision.models import registry as models

        screen.print_models(
            [(name, weights, *models.state(weights)) for name, weights in models.all_weights().items()], as_json
        )


@_models.command("fetch")
def _fetch() -> None:
    """Get every model file, and build what is made of it, so that later runs need no network."""
    from face_classifier.vision.models import registry as models

    for name in models.MODELS:
        say(str(models.graph(name)))


@_main.command("demo")
@_run_options
@json_option
def _demo(config: str | None, as_json: bool, **flags: Any) -> None:
    """Make a short clip of real photographs and classify the faces in it, into the folder result-demo."""
    from face_classifier.cli import demo

    chosen = settings.load({**flags, "result": flags["result"] or demo.RESULT}, config)
    _classify([str(demo.clip())], chosen, as_json=as_json)
    if not as_json:
        say(f"Look at the montages and folders in {Path(chosen.result).resolve()}; rename a folder, and run it again.")


def _classify(sources: Sequence[str], chosen: settings.Settings, *, as_json: bool) -> None:
    from face_classifier.cli import console as screen
    from face_classifier.pipeline import run as pipeline

    observer = screen.Screen()
    result = pipeline.run(chosen, sources, stop_on_signals(), observer)
    observer.finish()
    if result.sightings is not None:
        if as_json:
            screen.print_json(screen.people_record(result.sightings))
        else:
            screen.print_statistics(result.sightings, chosen.result)
    if result.failed:
        raise SystemExit(1)


for _command in album_commands.COMMANDS:
    _main.add_command(_command)


def _sentence(error: OSError) -> str:
    """About what no room tells better: what, and why not."""
    what = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else "what was to be written or read"
    reason = error.strerror or type(error).__name__
    return f"{what} cannot be used ({reason}); make room on the disk, check that you may use it, or name another place"


def _take_names_for_utf8() -> None:
    """Start anew in Python's UTF-8 mode where the locale has another encoding, whatever it prints in.

    Names of files are bytes, and these are UTF-8 on every system that we know: to another encoding all people whose
    names are not ASCII would seem to have gone.
    """
    if sys.getfilesystemencoding() != "utf-8" and sys.executable:
        printed = {"PYTHONIOENCODING": f"{sys.stdout.encoding}:backslashreplace"} if sys.stdout else {}
        os.execve(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]], {**os.environ, **printed})


@contextmanager
def _log_told() -> Iterator[None]:
    """Within, what the program logs is told on stderr, such as what is being fetched."""
    logger = logging.getLogger(__package__)
    handler, level = logging.StreamHandler(sys.stderr), logger.level
    handler.setFormatter(logging.Formatter("face-classifier: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. What the user can mend is told in one sentence on stderr."""
    if arguments is None:
        _take_names_for_utf8()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started the program
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for names with signs that its encoding lacks
    try:
        with _log_told():
            return _main.main(arguments, prog_name="face-classifier", standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return 2
    except click.UsageError as error:
        reason = error.format_message().rstrip(".")
        say(f"face-classifier: {reason[0].lower()}{reason[1:]}; see face-classifier --help", sys.stderr)
        return 2
    except OSError as error:
        say(f"face-classifier: {_sentence(error)}", sys.stderr)
        return 1
    except UserError as error:
        say(f"face-classifier: {error}", sys.stderr)
        return error.exit_code
    except click.exceptions.Abort:
        return StoppedError.exit_code
