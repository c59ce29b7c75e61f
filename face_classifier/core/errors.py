"""The errors that a user sees, each with the exit code of a program that ends by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Something the user can mend. The text is one sentence: what, which value, what to do."""

    exit_code = 1


class StoppedError(UserError):
    """The user stopped a command before it had done its work: the exit code is that of a program that ^C ends."""

    exit_code = 130


class InUseError(UserError):
    """Another process holds the folder and does not do what is asked: it may be tried again later (EX_TEMPFAIL)."""

    exit_code = 75


class WrongUseError(UserError):
    """A word of the command line, a key or a variable is none that can be taken."""

    exit_code = 2


class SetUpError(UserError):
    """What all items need, such as a model or the cache, cannot be had: none of them is to blame."""


class MissingError(SetUpError):
    """Packages of an extra of the installation are not installed."""

    def __init__(self, text: str, extra: str) -> None:
        super().__init__(text)
        self.extra = extra


@contextmanager
def needing(what: str, extra: str, instead: str = "") -> Iterator[None]:
    """Within, packages of an extra are imported.

    Parameters
    ----------
    what : what needs them, as the subject of a sentence
    extra : its name in pyproject.toml
    instead : what the user may do otherwise

    Raises
    ------
    MissingError : a package is not installed
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == __name__.partition(".")[0]:
            raise
        advice = f"install face-classifier[{extra}]" + (f", or {instead}" if instead else "")
        raise MissingError(f"{what} needs packages that are not installed; {advice}", extra) from error
