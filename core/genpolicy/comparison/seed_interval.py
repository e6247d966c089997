"""How far the mean over a few seeds can be trusted."""

from collections.abc import Sequence
from typing import Final

from genpolicy.intervals import Z975, Interval, mean_interval

# Student's t: its 97.5 % quantile for 1, 2, … degrees of freedom
_T975: Final = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


def interval_over_seeds(values: Sequence[float]) -> Interval:
    """Return the mean and its 95 % interval by Student's t, wide where seeds are few.

    Args:
        values: One number per seed, at least one; one alone has no interval, which is then NaN.
    """
    normal = mean_interval(values)
    freedom = len(values) - 1
    quantile = _T975[freedom - 1] if 1 <= freedom <= len(_T975) else Z975
    half = normal.half_width * quantile / Z975
    return Interval(mean=normal.mean, low=normal.mean - half, high=normal.mean + half)
