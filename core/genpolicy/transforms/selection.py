"""Parts of a dataset, by whole episodes."""

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from genpolicy.transforms.episodes import Rows, episode_lengths, episode_returns

if TYPE_CHECKING:
    from genpolicy.dataset import Dataset


def some_episodes(data: "Dataset", share: float, seed: int) -> "Dataset":
    """Return a random share of the episodes, at least one, in their old order.

    Args:
        data: The data.
        share: How much of the episodes, in (0, 1].
        seed: Which; a larger share with the same seed holds all of a smaller one.
    """
    if share == 1.0:
        return data
    count = len(episode_lengths(data))
    order = np.random.default_rng(seed).permutation(count)
    return _only(data, order[: _at_least_one(share, count)])


def best_episodes(data: "Dataset", share: float) -> "Dataset":
    """Return the share of the episodes with the highest returns, at least one, in their old order.

    Of behaviour cloning on the best tenth, Chen et al. 2021, section 5.1, arXiv 2106.01345.
    """
    if share == 1.0:
        return data
    order = np.argsort(-episode_returns(data), kind="stable")
    return _only(data, order[: _at_least_one(share, len(order))])


def rows_of(data: "Dataset", rows: "NDArray[np.bool_] | Rows") -> "Dataset":
    """Return the data of these rows alone; their fingerprint is another."""
    names = ("observation", "action", "reward", "next_observation", "terminal", "timeout")
    columns = {name: getattr(data, name)[rows] for name in names}
    last = None if data.last is None else data.last[rows]
    return attrs.evolve(data, **columns, last=last, origin=None)


def rows_apart(data: "Dataset", share: float, seed: int) -> "NDArray[np.bool_]":
    """Return which rows are of a random share of the episodes; one episode at least is not.

    Args:
        data: The data.
        share: How much of the episodes, in [0, 1).
        seed: Which.
    """
    lengths = episode_lengths(data)
    order = np.random.default_rng(seed).permutation(len(lengths))
    cut = min(_at_least_one(share, len(lengths)), len(lengths) - 1) if share else 0
    apart = np.zeros(len(lengths), np.bool_)
    apart[order[:cut]] = True
    return np.repeat(apart, lengths)


def _at_least_one(share: float, count: int) -> int:
    return max(1, math.ceil(share * count - 1e-9))  # 0.07 * 100 is a little more than 7


def _only(data: "Dataset", episodes: Rows) -> "Dataset":
    lengths = episode_lengths(data)
    if len(episodes) == len(lengths):
        return data
    kept = np.zeros(len(lengths), np.bool_)
    kept[episodes] = True
    return rows_of(data, np.repeat(kept, lengths))
