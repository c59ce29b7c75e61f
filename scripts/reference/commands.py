"""The page of all commands and flags, as `--help` knows them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from face_classifier.cli.main import _main
from scripts.reference.tables import code, plain, table

RUN = _main.commands["run"]
MANY = 10  # flags: a command that has so many of a run's takes the settings of a run
TEXT = """# All commands and flags

What `--help` tells of every command. A page a subject says more: [commands](run.md), [look and correct](correct.md),
[teach and ask](teach.md), [photos](photos.md), [watch](watch.md), [who passed when](visits.md), [the rest](more.md).
Where this page says `face-classifier`, type `sh scripts/run` unless you have installed it. Every command has `--help`,
and the program `--version`.
"""


def page() -> str:
    return TEXT + "".join(f"\n{part}" for name, command in _main.commands.items() for part in _command(name, command))


def _command(name: str, command: click.Command, above: click.Command | None = None) -> Iterator[str]:
    """The parts of a command's section, and of its subcommands'."""
    yield f"{'###' if above else '##'} {name}\n"
    yield f"`{_usage(name, command)}`\n"
    yield plain(inspect.cleandoc(command.help or "")) + "\n"
    options = [one for one in command.params if isinstance(one, click.Option)]
    own = list(options)
    if command is not RUN and len(same := [one for one in options if _is_of_a_run(one)]) > MANY:
        own = [one for one in options if one not in same]
        names = {one.name for one in same}
        without = [code(one.opts[-1]) for one in _options(RUN) if one.name not in names]
        but = f", but {', '.join(without)}" if without else ""
        yield f"It takes the [flags of a run](#run){but}{', and' if own else '.'}\n"
    yield table(("flag", "value", "meaning", "default"), map(_row, own))
    if isinstance(command, click.Group):
        for sub, of_it in command.commands.items():
            yield from _command(f"{name} {sub}", of_it, command)


def _usage(name: str, command: click.Command) -> str:
    words = [one.make_metavar(click.Context(command)) for one in command.params if isinstance(one, click.Argument)]
    sub = ["[COMMAND]"] if isinstance(command, click.Group) else []
    called = [] if command is RUN else [name]
    return " ".join(["face-classifier", *called, *words, *sub, "[FLAGS]"])


def _options(command: click.Command) -> list[click.Option]:
    return [one for one in command.params if isinstance(one, click.Option)]


def _is_of_a_run(option: click.Option) -> bool:
    return any(option.opts == one.opts and option.help == one.help for one in _options(RUN))


def _row(option: click.Option) -> tuple[str, str, str, str]:
    text = option.help or ""
    told = re.search(r"\s*\[default: (.*)\]$", text)
    values = (
        "|".join(option.type.choices)
        if isinstance(option.type, click.Choice)
        else ""
        if option.is_flag
        else option.metavar or ""
    )
    default = "must be given" if option.required else told[1] if told else ""
    return (
        ", ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts)),
        (code(values) if values else "") + (", several times" if option.multiple else ""),
        plain(text[: told.start()] if told else text),
        plain(default),
    )
