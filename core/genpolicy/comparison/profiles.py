"""Performance profiles: which share of the runs scores above a threshold.

    F(tau) = 1/D sum_d 1/n_d sum_i [x_di > tau]

Agarwal et al. 2021, section 4.2, arXiv 2108.13264: the distribution of scores over runs and
datasets, of which any single number is a summary.
"""

from collections.abc import Sequence
from typing import Final

import attrs
import numpy as np

from genpolicy.comparison.aggregates import Array
from genpolicy.comparison.groups import Comparison, Group
from genpolicy.comparison.leaderboard import resampled
from genpolicy.comparison.resampling import RESAMPLES
from genpolicy.errors import UsageError

POINTS: Final = 201

_ENDS: Final = (0.025, 0.975)


@attrs.frozen(eq=False, kw_only=True)
class Profile:
    """The performance profile of a group.

    Args:
        group: The group.
        thresholds: Ascending, ``[threshold]``, the same of all groups beside it.
        shares: Which share of its runs is above each, ``[threshold]``.
        low: The lower end of the 95 % interval of that, threshold by threshold.
        high: The upper end.
    """

    group: Group
    thresholds: Array
    shares: Array
    low: Array
    high: Array


def profiles(comparison: Comparison, resamples: int = RESAMPLES) -> list[Profile]:
    """Return the profiles of groups that trained something and have runs on every dataset.

    The one with the most below it, which is the one with the highest mean, comes first.

    Args:
        comparison: The groups.
        resamples: How many bootstrap resamples the intervals stand on.

    Raises:
        UsageError: There is no such group, or returns of several datasets were to be mixed.
    """
    groups = [group for group in comparison.complete if not group.reference]
    if not groups:
        raise UsageError("no group of trained runs has runs on every dataset; name one --dataset")
    if len(comparison.datasets) > 1 and comparison.footing.metric == "return":
        raise UsageError("returns of different datasets have no common scale; name one --dataset")
    scores = np.concatenate([c.sample.values for group in groups for c in group.cells.values()])
    thresholds = np.linspace(np.floor(scores.min()) - 1.0, np.ceil(scores.max()) + 1.0, POINTS)
    found = [_profile(group, thresholds, resamples) for group in groups]
    return sorted(found, key=lambda each: -float(each.shares.sum()))


def _profile(group: Group, thresholds: Array, resamples: int) -> Profile:
    redrawn = profile([*resampled(group, resamples).values()], thresholds)
    low, high = np.quantile(redrawn, _ENDS, axis=0)
    points = [cell.sample.values for cell in group.cells.values()]
    return Profile(
        group=group,
        thresholds=thresholds,
        shares=profile(points, thresholds),
        low=low,
        high=high,
    )


def profile(scores: Sequence[Array], thresholds: Array) -> Array:
    """Return the share of runs above each threshold, every dataset weighing the same.

    Args:
        scores: The scores on each dataset, ``[run]`` or ``[resamples, run]``.
        thresholds: Ascending, ``[threshold]``.

    Returns:
        Shares from 0 to 1, ``[threshold]`` or ``[resamples, threshold]``; NaN where a score is.
    """
    result: Array = np.mean([_shares(part, thresholds) for part in scores], axis=0)
    return result


def _shares(scores: Array, thresholds: Array) -> Array:
    rows, bins = scores.reshape(-1, scores.shape[-1]), len(thresholds) + 1
    below = np.searchsorted(thresholds, rows, side="left")  # how many thresholds a score is above
    places = below + bins * np.arange(len(rows))[:, None]
    counts = np.bincount(places.ravel(), minlength=bins * len(rows)).reshape(len(rows), bins)
    above = np.cumsum(counts[:, :0:-1], axis=1)[:, ::-1] / rows.shape[-1]
    above[np.isnan(rows).any(axis=1)] = np.nan
    result: Array = above.reshape(*scores.shape[:-1], len(thresholds))
    return result
