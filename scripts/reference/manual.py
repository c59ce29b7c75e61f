"""The manual page of the command, in roff as `man` reads it: what `--help` tells of every command, in one page."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from face_classifier import __version__
from face_classifier.cli.main import TASKS, _main

HEAD = r"""
.TH FACE-CLASSIFIER 1 "" "Face Classifier {version}" "User Commands"
.SH NAME
face\-classifier \- sort the faces in videos, webcams and photos into one folder a person
.SH SYNOPSIS
.B face\-classifier
.IR SOURCE ...
.RI [ OPTIONS ]
.br
.B face\-classifier
.I COMMAND
.RI [ OPTIONS ]
.SH DESCRIPTION
{text}
""".lstrip()
FOOT = r"""
.SH EXIT STATUS
.TP
0
All went well.
.TP
1
Something could not be done; a sentence on stderr says what.
.TP
2
A word of the command line, a key or a variable is none that can be taken.
.TP
75
Another process holds the result folder; try again later.
.TP
130
It was stopped by the user.
.SH ENVIRONMENT
.TP
.B FACE_CLASSIFIER_LOG
debug: tell all that happens, with time, module and thread.
.TP
.B FACE_CLASSIFIER_MODELS
A folder with model files, so that none is fetched.
.TP
.B FACE_CLASSIFIER_RESULT
The result folder; every key of the configuration has such a variable.
""".lstrip()


def page() -> str:
    """The source of face-classifier.1."""
    text = HEAD.format(version=__version__, text=_text(_main.help))
    for task, names in TASKS.items():
        text += f".SH {task.upper()}\n" + "".join(
            line for name in names for line in _command(name, _main.commands[name])
        )
    return text + FOOT


def _command(name: str, command: click.Command) -> Iterator[str]:
    words = [one.make_metavar(click.Context(command)) for one in command.params if isinstance(one, click.Argument)]
    yield f".SS {_escaped(' '.join([name, *words]))}\n{_text(command.help)}\n"
    for option in command.params:
        if isinstance(option, click.Option) and (told := option.get_help_record(click.Context(command))):
            yield f".TP\n.B {_escaped(told[0])}\n{_escaped(told[1])}\n"
    if isinstance(command, click.Group):
        for sub, of_it in command.commands.items():
            yield from _command(f"{name} {sub}", of_it)


def _text(text: str | None) -> str:
    """Paragraphs of a help text, their lines joined."""
    told = inspect.cleandoc(text or "").replace("\b\n", "")
    return "\n.PP\n".join(_escaped(" ".join(part.split())) for part in told.split("\n\n"))


def _escaped(text: str) -> str:
    r"""As roff prints it: hyphens that can be copied, and no line that begins a request."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return r"\&" + text if text.startswith((".", "'")) else text
