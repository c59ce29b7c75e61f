"""The errors that a user sees, each with the exit code of a program that ends by it."""


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
