"""Means and shares with their 95 % confidence intervals."""

import math
from collections.abc import Sequence
from typing import Final

import attrs

Z975: Final = 1.959964
"""The normal distribution's 97.5 % quantile."""


@attrs.frozen(kw_only=True)
class Interval:
    """A mean with its 95 % confidence interval.

    Args:
        mean: The mean.
        low: The lower end.
        high: The upper end.
    """

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the interval's width, what stands behind the ± sign."""
        return (self.high - self.low) / 2

    def scaled(self, shift: float, scale: float) -> "Interval":
        """Return the interval of ``(value - shift) * scale``, for a scale other than 0."""
        ends = (self.low - shift) * scale, (self.high - shift) * scale
        low, high = ends if scale > 0 else ends[::-1]
        return Interval(mean=(self.mean - shift) * scale, low=low, high=high)


def mean_interval(values: Sequence[float]) -> Interval:
    """Return the mean and its 95 % normal interval over independent values.

    Args:
        values: At least one number. One alone has no spread to estimate: its interval is NaN. Of
            values that are not all finite the mean is NaN too.

    Raises:
        ValueError: There are no values.
    """
    mean, deviation = moments(values)
    return interval_of(mean, deviation, len(values))


def moments(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the sample standard deviation, each finite or NaN.

    One number has no deviation, and numbers that are not all finite have neither.

    Raises:
        ValueError: There are no values.
    """
    count = len(values)
    if count == 0:
        raise ValueError("a mean needs at least one value; got none")
    mean = _sum(values) / count
    if count < 2:
        return mean, math.nan
    variance = _sum([(value - mean) * (value - mean) for value in values]) / (count - 1)
    return mean, math.sqrt(variance)


def interval_of(mean: float, deviation: float, count: int) -> Interval:
    """Return the 95 % normal interval of a mean.

    Args:
        mean: The mean.
        deviation: The sample standard deviation of what it is the mean of; NaN of one number.
        count: How many numbers it is the mean of.
    """
    half = Z975 * deviation / math.sqrt(count)
    return Interval(mean=mean, low=mean - half, high=mean + half)


def share_interval(successes: int, count: int) -> Interval:
    """Return the share of successes and its 95 % score interval, which stays inside [0, 1].

    The interval of Wilson (1927), "Probable inference, the law of succession, and statistical
    inference", Journal of the American Statistical Association 22(158), 209–212. It need not be
    symmetric around the share, and has a width even where all tries succeed, or none.

    Args:
        successes: How many tries succeeded, from 0 to ``count``.
        count: How many independent tries there were, at least one.

    Raises:
        ValueError: There are no tries, or the successes are not among them.
    """
    if count < 1 or not 0 <= successes <= count:
        raise ValueError(
            f"a share needs at least one try and 0 to that many successes; got {successes} "
            f"successes in {count} tries"
        )
    share, excess = successes / count, Z975**2 / count
    centre = (share + excess / 2) / (1 + excess)
    half = math.sqrt(excess * (share * (1 - share) + excess / 4)) / (1 + excess)
    # Rounding must not carry an end past the share, nor out of [0, 1].
    low, high = min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))
    return Interval(mean=share, low=low, high=high)


def _sum(values: Sequence[float]) -> float:
    """Return the exact sum, or NaN where it is not finite."""
    try:
        found = math.fsum(values)
    except (ValueError, OverflowError):
        return math.nan
    return found if math.isfinite(found) else math.nan
