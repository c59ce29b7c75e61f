"""The error that a user sees."""


class UserError(Exception):
    """Something the user can mend. The text is one sentence: what, which value, what to do."""
