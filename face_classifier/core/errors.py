"""The error that a user sees."""


class UserError(Exception):
    """Something the user can mend. The text is one sentence: what, which value, what to do."""


class StoppedError(UserError):
    """The user stopped a command before it had done its work: the exit code is that of a program that ^C ends."""


class SetUpError(UserError):
    """What all items need, such as a model or the cache, cannot be had: none of them is to blame."""
