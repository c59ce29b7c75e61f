"""`password` and `token`: what the page's configuration needs, so that people and programs may see the page."""

from __future__ import annotations

import sys

import click

from face_classifier.cli.options import json_option, load_settings, say
from face_classifier.core.config.tokens import SCOPES


@click.command("password")
@json_option
def _password(as_json: bool) -> None:
    """Ask twice for a password, and print the line for `web:` of the configuration: its hash, not itself.

    Where no terminal is, it is the first line of stdin.
    """
    from face_classifier.cli import console
    from face_classifier.core.errors import WrongUseError, needing

    with needing("a password", "web"):
        from face_classifier.web.doors.passwords import LEAST, LONGEST, hashed

    if sys.stdin.isatty():
        word = click.prompt("Password of the page", hide_input=True, confirmation_prompt="Once more", err=True)
    else:
        word = sys.stdin.readline().rstrip("\r\n")
    if not LEAST <= len(word) <= LONGEST:
        raise WrongUseError(f"a password has {LEAST} to {LONGEST} characters; choose another one")
    made = hashed(word)
    if as_json:
        console.print_json({"password": made})
        return
    console.print_lines([f'password: "{made}"'])
    say("write this line below web: in the configuration, and restart the program", sys.stderr)


@click.command("token")
@click.argument("name", metavar="NAME")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    required=True,
    help="What it may: read, write, or live (what cameras see now). Several times for several.",
)
@click.option("--config", metavar="FILE", help="The configuration, whose web.tokens_file gets the token's hash.")
@json_option
def _token(name: str, scopes: tuple[str, ...], config: str | None, as_json: bool) -> None:
    """Make a token by which a program may ask the page, and print it, once.

    It counts at once. Delete its line in the file of tokens, and it does not any more.
    """
    from face_classifier.cli import console
    from face_classifier.core.config import tokens
    from face_classifier.core.errors import WrongUseError

    path = load_settings({}, config).web.tokens_file
    if not path:
        raise WrongUseError("no file of tokens is named; write web: {tokens_file: PATH} into the file of --config")
    word = tokens.add(path, name, scopes)
    if as_json:
        console.print_json({"name": name, "scopes": sorted(set(scopes)), "token": word})
    else:
        console.print_lines([word])


COMMANDS = (_password, _token)
