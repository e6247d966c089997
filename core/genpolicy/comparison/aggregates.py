"""The scores of runs on several datasets as one number.

With x_di the score of run i on dataset d, of D datasets:

    mean = 1/D sum_d mean_i x_di
    median = median_d mean_i x_di
    interquartile mean = mean of all x_di less a quarter of them at either end
    optimality gap = 1/D sum_d mean_i max(0, 100 - x_di)

Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", section
4.3, arXiv 2108.13264. Every dataset weighs the same, however many runs it has; where all have as
many, these are the paper's.
"""

from collections.abc import Sequence
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]

GOAL: Final = 100.0
"""What the optimality gap is measured to: the score of an expert."""

_CUT: Final = 0.25


@attrs.frozen(eq=False)
class Scores:
    """The scores of runs on one dataset; axes before the last are resamples.

    Args:
        each: The scores, ``[..., run]``.
        mean: Their mean, ``[...]``.
        gap: How far they stay below the goal on average, ``[...]``; what is above it makes up for
            nothing.
    """

    each: Array
    mean: Array
    gap: Array

    @classmethod
    def of(cls, each: Array) -> "Scores":
        """Return scores with what is asked of them more than once."""
        return cls(each, each.mean(axis=-1), GOAL - np.minimum(each, GOAL).mean(axis=-1))


def mean(scores: Sequence[Scores]) -> Array:
    """Return the mean over datasets of the mean over runs.

    Args:
        scores: The scores on each dataset.

    Returns:
        The aggregate, ``[...]``, as of all functions of this file.
    """
    result: Array = np.mean([part.mean for part in scores], axis=0)
    return result


def median(scores: Sequence[Scores]) -> Array:
    """Return the median over datasets of the mean over runs."""
    result: Array = np.median([part.mean for part in scores], axis=0)
    return result


def optimality_gap(scores: Sequence[Scores]) -> Array:
    """Return the mean over datasets of how far runs stay below the goal."""
    result: Array = np.mean([part.gap for part in scores], axis=0)
    return result


def interquartile_mean(scores: Sequence[Scores]) -> Array:
    """Return the mean of all scores less a quarter of them at either end.

    Of n scores floor(n/4) are cut at either end. Where datasets have different numbers of runs,
    every score weighs 1 / (the runs of its dataset), and n is the effective number of scores,
    (sum w)^2 / sum w^2.
    """
    pooled = np.concatenate([part.each for part in scores], axis=-1)
    sizes = [part.each.shape[-1] for part in scores]
    if len(set(sizes)) > 1:
        return _weighted(pooled, np.concatenate([np.full(n, 1.0 / n) for n in sizes]))
    pooled.sort(axis=-1)
    cut = int(_CUT * pooled.shape[-1])
    kept: Array = pooled[..., cut : pooled.shape[-1] - cut].mean(axis=-1)
    return kept


def _weighted(scores: Array, weights: Array) -> Array:
    """Return the interquartile mean of weighted scores, ``[..., n]`` and ``[n]``."""
    effective = weights.sum() ** 2 / (weights**2).sum()
    cut = np.floor(_CUT * effective + 1e-9) / effective  # a whole number may be a little below
    shares = (weights / weights.sum()).astype(scores.dtype)[np.argsort(scores, axis=-1)]
    ends = np.clip(np.cumsum(shares, axis=-1), cut, 1.0 - cut)
    kept = np.diff(ends, axis=-1, prepend=ends.dtype.type(cut))
    total: Array = np.einsum("...i,...i->...", kept, np.sort(scores, axis=-1))
    result: Array = total / kept.sum(axis=-1)
    return result
