"""The command line: which commands there are, and how errors become one sentence and an exit code.

What a command needs is imported inside it, so that no command waits for the imports of others.
"""

from __future__ import annotations

import difflib
import io
import logging
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
from click.shell_completion import CompletionItem

from face_classifier import __version__
from face_classifier.cli import curate, models, past, people, photos, run
from face_classifier.cli.options import say
from face_classifier.cli.spreading import commands
from face_classifier.cli.watching import alerting, checking, events, keeping, page, status, watch, who
from face_classifier.core import names
from face_classifier.core.errors import MissingError, StoppedError, UserError, WrongUseError

_RUN = "run"
_LOG = "FACE_CLASSIFIER_LOG"
_SCRIPT = "FACE_CLASSIFIER_SET_UP"  # the script that began the program and installs extras: scripts/run of a checkout
_EXTRAS = "FACE_CLASSIFIER_EXTRAS"  # those that it is to install first, with blanks between
_DETAILS = "%(asctime)s %(name)s [%(threadName)s] %(message)s"


# What users want to do, and the commands for it, each in at most 62 signs: a line of 80 with its name.
TASKS = {
    "Sort videos, webcams and photos": {
        "run": "sort sources into a folder a person; its name may be left out",
        "demo": "make a short clip of real photographs and sort it",
        "group": "sort photos into a folder a person; they stay where they are",
        "analyse": "make records of sources, which `place` places later",
        "place": "place what `analyse` made into the result folder",
    },
    "Look at a result folder": {
        "web": "the page: see, name and correct everybody in a browser",
        "people": "list the people, or make their montages anew",
        "export": "print every face: as CSV, JSON lines, NPZ or Parquet",
        "explain": "why a face is whose it is",
        "log": "every change of whose face it is: when, by whom, why",
    },
    "Correct it": {
        "suggest": "people who may be one or two, to accept or to refuse",
        "audit": "faces that do not fit, near-duplicates, pairs of people",
        "reject": "put faces aside for good: they are not that person's",
        "undo": "take back the latest change, or all after one",
        "rethink": "think again about all faces together",
        "forget": "forget a person or a face for good",
        "verify": "check and mend folders, encodings and tables",
    },
    "Ask who somebody is": {
        "enroll": "teach one person from photos, a video or a webcam",
        "recognize": "tell who is in a photo, a video or a webcam",
        "similar": "which people of a gallery a face is most like",
        "recommend": "choose among faces some times, and be told what you like",
        "dimensions": "whose faces have the lowest and highest of each number",
    },
    "Watch cameras": {
        "watch": "watch cameras for months, and tell who passes",
        "check-config": "what a configuration would watch, or what is wrong in it",
        "status": "how cameras and channels of the running program do",
        "alert": "try a channel, or alerts on a past day; stop an alert",
        "password": "make the line of the configuration for the page's password",
        "token": "make a token for a program that asks the page",
        "retain": "remove what was kept for long enough",
    },
    "Ask who passed when": {
        "now": "who is in front of the cameras",
        "events": "each visit on a camera or in a video",
        "summary": "who came on a day: first, last, how many times",
        "timeline": "a day as a picture, by camera and person",
        "strangers": "how many strangers passed of whom nothing was kept",
    },
    "Measure and maintain": {
        "evaluate": "how right a result folder is, by labels of yours",
        "calibrate": "the threshold that suits a result folder",
        "replay": "which faces would be whose by another threshold",
        "reencode": "move a result folder over to another encoder",
        "models": "the model files: licence, state, path; fetch them ahead",
    },
}


class _Text(click.types.StringParamType):
    """Text of which the shell completes what the help shows: one of `a|b|c`, or the name of a file or folder."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        shown = param.metavar or ""
        if "|" in shown:
            return [CompletionItem(word) for word in shown.split("|") if word.islower() and word.startswith(incomplete)]
        if isinstance(param, click.Argument) or shown in ("DIR", "FILE", "PATH"):
            return [CompletionItem(incomplete, type="dir" if shown == "DIR" else "file")]
        return []


def _completed(command: click.Command) -> click.Command:
    """A command whose texts the shell completes, and those of its subcommands."""
    for param in command.params:
        if type(param.type) is click.types.StringParamType:
            param.type = _Text()
    for sub in command.commands.values() if isinstance(command, click.Group) else ():
        _completed(sub)
    return command


class _Commands(click.Group):
    """`face-classifier SOURCE ...` is the command `run`, whose name nobody needs to type."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help", "-h", "--version"):
            self._check_spelling(args[0])
            args = [_RUN, *args]
        return super().parse_args(ctx, args)

    def _check_spelling(self, word: str) -> None:
        """Raises UserError if a word is no source but nearly a command."""
        meant = difflib.get_close_matches(word, self.commands, 1, 0.75)
        if meant and not os.path.lexists(word):
            raise WrongUseError(f"there is no command {word}; did you mean {meant[0]}?")

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "SOURCE... [OPTIONS]")
        formatter.write_usage(ctx.command_path, "COMMAND [ARGS]...")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for task, told in TASKS.items():
            with formatter.section(task):
                formatter.write_dl(list(told.items()), col_max=max(map(len, self.commands)))
        formatter.write_paragraph()
        formatter.write_text(f"{ctx.command_path} {_RUN} --help tells the options of a run.")
        formatter.write_text(f"{ctx.command_path} COMMAND --help tells those of a command, --version the version.")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands that begin so; else the shell completes the name of a source."""
        return super().shell_complete(ctx, incomplete) or [CompletionItem(incomplete, type="file")]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in self.commands if name != _RUN]


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="face-classifier")
def _main() -> None:
    """Sort the faces in videos, webcams and photos into one folder a person.

    SOURCE is a video file, a picture, a folder of them, or 0 for the first webcam. The faces go to the result folder:
    rename or move things there with your file manager, and run again.
    """


for _command in [
    *run.COMMANDS,
    *commands.COMMANDS,
    *people.COMMANDS,
    *curate.COMMANDS,
    *past.COMMANDS,
    *photos.COMMANDS,
    *models.COMMANDS,
    *watch.COMMANDS,
    *page.COMMANDS,
    *status.COMMANDS,
    *checking.COMMANDS,
    *events.COMMANDS,
    *alerting.COMMANDS,
    *keeping.COMMANDS,
    *who.COMMANDS,
]:
    _main.add_command(_completed(_command))


def _sentence(error: OSError) -> str:
    """An OSError that no module explains better, as a sentence: what, and why."""
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


def _start_anew_with(extra: str, arguments: Sequence[str]) -> None:
    """Become `scripts/run`, where that began the program: it installs the extra and runs the same command.

    It returns where the program was begun otherwise, or where the extra is installed and a package is missing still.
    """
    script, installed = os.environ.get(_SCRIPT), os.environ.get(_EXTRAS, "").split()
    if not script or extra in installed:
        return
    sys.stdout.flush()
    environment = {**os.environ, _EXTRAS: " ".join([*installed, extra])}
    os.execve("/bin/sh", ["sh", script, *arguments], environment)


class _Lines(logging.Formatter):
    """Records as lines for a terminal: signs that it would obey are shown as words."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(names.shown(line) for line in super().format(record).splitlines())


@contextmanager
def _logging() -> Iterator[None]:
    """Within, log records go to stderr: what is being fetched, and warnings.

    With FACE_CLASSIFIER_LOG=debug all of them do, each line with time, module and thread; text and json are how the
    lines of `watch` look. Raises UserError if the variable has another value.
    """
    wish = os.environ.get(_LOG, "")
    if wish not in ("", "debug", "text", "json"):
        raise WrongUseError(f"{_LOG} is {wish!r}, but must be debug, text or json, or not be set")
    detailed = wish == "debug"
    logger, handler = logging.getLogger("face_classifier"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(_DETAILS if detailed else "face-classifier: %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if detailed else logging.INFO)
    logger.debug("version %s, Python %s on %s", __version__, platform.python_version(), platform.platform())
    try:
        yield
    except Exception as error:
        logger.debug("it ends by %s", type(error).__name__, exc_info=True)
        raise
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code. Prints a UserError as one sentence on stderr."""
    if arguments is None:
        _take_names_for_utf8()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started the program
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for names with signs that its encoding lacks
    try:
        with _logging():
            return _main.main(arguments, prog_name="face-classifier", standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return 2
    except click.UsageError as error:
        reason = error.format_message().rstrip(".")
        command = error.ctx.command_path if error.ctx else "face-classifier"
        say(f"face-classifier: {reason[0].lower()}{reason[1:]}; see {command} --help", sys.stderr)
        return 2
    except OSError as error:
        say(f"face-classifier: {_sentence(error)}", sys.stderr)
        return 1
    except UserError as error:
        if isinstance(error, MissingError):
            _start_anew_with(error.extra, sys.argv[1:] if arguments is None else arguments)
        say(f"face-classifier: {error}", sys.stderr)
        return error.exit_code
    except click.exceptions.Abort:
        return StoppedError.exit_code
