"""How far a number could be off, had other seeds and other episodes been drawn.

A stratified bootstrap with two levels: on every dataset the runs are drawn again with replacement,
as many as there are, and the score of each run drawn is drawn again over its episodes. The mean of
many resampled episodes is close to normal, with the standard error of the run's own score, so it
is drawn from that distribution, told by equally probable values, and no episode is read.

Efron 1979, "Bootstrap methods: another look at the jackknife", doi 10.1214/aos/1176344552; over
strata as in Agarwal et al. 2021, arXiv 2108.13264.
"""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Final
from zlib import crc32

import attrs
import numpy as np

from genpolicy.comparison.aggregates import Array
from genpolicy.intervals import Interval

RESAMPLES: Final = 2000
"""How often it is drawn again, unless somebody asks otherwise."""

Pair = tuple[Array | float, Array]
"""A number, and the same of every resample, ``[resamples]``."""

_ENDS: Final = (0.025, 0.975)


@attrs.frozen(eq=False)
class Sample:
    """The scores of runs that only chance tells apart.

    Args:
        values: Their scores, ``[run]``.
        errors: The standard errors of these over episodes, ``[run]``; 0 where there is none.
        limits: What no score can be below and above.
    """

    values: Array
    errors: Array
    limits: tuple[float, float] = (-math.inf, math.inf)

    def resampled(self, resamples: int, name: str) -> Array:
        """Return the scores drawn again, ``[resamples, run]``.

        Of one run without a standard error nothing is known, and they are NaN.

        Args:
            resamples: How often.
            name: Chooses the random numbers: the same for the same name, and independent for
                another.
        """
        shape = (resamples, len(self.values))
        if len(self.values) == 1 and not self.errors.any():
            return np.full(shape, np.nan)
        noise = _NOISE if self.errors.any() else np.zeros(1)
        possible = (self.values[:, None] + self.errors[:, None] * noise).ravel()
        possible = np.clip(possible, *self.limits)
        generator = np.random.Generator(np.random.SFC64(crc32(name.encode())))
        drawn: Array = possible.take(generator.integers(0, len(possible), shape))
        return drawn


def _noise(points: int) -> Array:
    """Return values that are equally probable, and together normal with deviation 1."""
    normal = NormalDist()
    values = np.array([normal.inv_cdf((place + 0.5) / points) for place in range(points)])
    scaled: Array = values / values.std()
    return scaled


_NOISE: Final = _noise(1024)


def intervals(found: Mapping[str, Pair]) -> dict[str, Interval]:
    """Return numbers with the 2.5 and 97.5 percentiles of what they were when drawn again.

    An interval holds its number, also where all draws are the same and rounded otherwise.

    Args:
        found: By name, a number and the same of every resample.
    """
    points = np.array([float(point) for point, _ in found.values()])
    low, high = np.quantile(np.stack([redrawn for _, redrawn in found.values()]), _ENDS, axis=-1)
    ends = np.stack([points, np.minimum(low, points), np.maximum(high, points)], axis=1).tolist()
    return {
        name: Interval(mean=mean, low=low, high=high)
        for name, (mean, low, high) in zip(found, ends, strict=True)
    }
