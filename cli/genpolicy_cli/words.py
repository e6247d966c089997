"""Numbers as people read them."""

import math
from datetime import datetime

from genpolicy.intervals import Interval
from genpolicy.recipe_settings import option_value as option_value

NOTHING = "–"


def interval(value: Interval | None) -> str:
    """Return a mean with half the width of its 95 % interval, such as ``"92.1 ± 2.3"``."""
    if value is None:
        return NOTHING
    mean, half = value.mean, value.half_width
    return f"{mean:.1f}" if math.isnan(half) else f"{mean:.1f} ± {half:.1f}"


def share(value: Interval | None) -> str:
    """Return a share with its 95 % interval, which is not symmetric: ``"98.0 % (93.0–99.4)"``."""
    if value is None:
        return NOTHING
    mean, low, high = (100.0 * number for number in (value.mean, value.low, value.high))
    return f"{mean:.1f} % ({low:.1f}–{high:.1f})"


def duration(seconds: float) -> str:
    """Return a time span such as ``"2 min 51 s"``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(value: datetime | None) -> str:
    """Return a point in time in the user's zone."""
    return NOTHING if value is None else value.astimezone().strftime("%Y-%m-%d %H:%M")


def short(full_name: str) -> str:
    """Return a full name without the distribution where that is our own."""
    return full_name.removeprefix("genpolicy/")


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``"1 episode"`` or ``"1,030 episodes"``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
