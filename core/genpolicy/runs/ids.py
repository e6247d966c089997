"""Identifiers of runs: short, unique, and sorted by when they were made."""

import secrets
import time
from typing import Final

_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: none looks like another
_TIME_LETTERS: Final = 7
_RANDOM_LETTERS: Final = 5
_TICKS_PER_SECOND: Final = 8


def new_run_id() -> str:
    """Return an identifier of 12 lower-case letters and digits.

    Seven tell when it was made, to an eighth of a second, so that later ones sort after earlier
    ones; five are random, so that processes started together do not meet.
    """
    ticks = int(time.time() * _TICKS_PER_SECOND)
    return _in_letters(ticks, _TIME_LETTERS) + _in_letters(
        secrets.randbelow(len(_LETTERS) ** _RANDOM_LETTERS), _RANDOM_LETTERS
    )


def _in_letters(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(_LETTERS))
        digits.append(_LETTERS[digit])
    return "".join(reversed(digits))
