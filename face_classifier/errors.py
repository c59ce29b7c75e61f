"""The error that a user sees."""


class UserError(Exception):
    """Something the user can mend. The text is one sentence: what, which value, what to do."""


class StoppedError(UserError):
    """The user stopped a command before it had done its work: the exit code is that of a program that ^C ends."""
