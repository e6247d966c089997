"""How probably a run of one method scores above a run of another on the same dataset.

    P(X > Y) = 1/(n m) sum_i sum_j [x_i > y_j] + [x_i = y_j] / 2, averaged over datasets

The statistic of Mann & Whitney 1947, doi 10.1214/aoms/1177730491, as a share: Agarwal et al. 2021,
section 4.3, arXiv 2108.13264.
"""

import numpy as np

from genpolicy.comparison.aggregates import Array


def probability_of_improvement(x: Array, y: Array) -> Array:
    """Return the share of pairs in which ``x`` is above ``y``, ties counting as half.

    Args:
        x: Scores of one method, ``[..., run]``.
        y: Scores of another, ``[..., run]``.

    Returns:
        A probability, ``[...]``, 1/2 where neither is better; NaN where a score is.
    """
    ours, theirs = (np.ascontiguousarray(np.moveaxis(scores, -1, 0)) for scores in (x, y))
    twice = np.zeros(ours.shape[1:], dtype=np.int64)
    for score in ours:
        twice += (score > theirs).sum(axis=0, dtype=np.int32)  # half the time of the default
        twice += (score >= theirs).sum(axis=0, dtype=np.int32)
    unknown = np.isnan(ours).any(axis=0) | np.isnan(theirs).any(axis=0)
    result: Array = np.where(unknown, np.nan, twice / (2.0 * len(ours) * len(theirs)))
    return result
