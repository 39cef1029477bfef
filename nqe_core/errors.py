"""Errors that a user can cause, told in one line, and the exit statuses that they end with."""

DONE, FAILED, MISUSED, RESUMABLE = 0, 1, 2, 75  # exit statuses; 75 is EX_TEMPFAIL: run the same command again


class InputError(ValueError):
    """Something the user gave is wrong; the message is one line that says what and where."""


def check_tolerance(tolerance: float) -> None:
    """Refuse a tolerance of forces or residuals that nothing could reach, or everything."""
    if not 0 < tolerance < 1:
        raise InputError(f"tolerance is {tolerance}, must be between 0 and 1")


def check_samples(first_sample: int, n_samples: int | None) -> None:
    """Refuse samples that there cannot be; None is as many as there are. Files hold their numbers in 64 bits."""
    if first_sample < 0:
        raise InputError(f"first_sample is {first_sample}, must be 0 or more")
    if n_samples is not None and n_samples < 1:
        raise InputError(f"n_samples is {n_samples}, must be at least 1")
    if (last := first_sample + (n_samples or 1) - 1) >= 2**63:
        raise InputError(f"first_sample is {first_sample}: the last sample is {last}, must be less than 2^63")


def in_one_line(error: BaseException) -> str:
    """What an error says, in one line: what libraries say may have several."""
    return " ".join(str(error).split()) or ("not enough memory" if isinstance(error, MemoryError) else repr(error))
