"""Errors that a user can cause, told in one line."""


class InputError(ValueError):
    """Something the user gave is wrong; the message is one line that says what and where."""
