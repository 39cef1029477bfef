"""Errors that a user can cause, told in one line."""


class InputError(ValueError):
    """Something the user gave is wrong; the message is one line that says what and where."""


def check_tolerance(tolerance: float) -> None:
    """Refuse a tolerance of forces or residuals that nothing could reach, or everything."""
    if not 0 < tolerance < 1:
        raise InputError(f"tolerance is {tolerance}, must be between 0 and 1")
