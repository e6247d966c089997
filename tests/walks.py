"""Small data in which everything tells its row."""

import attrs
import numpy as np

from genpolicy.dataset import Dataset


def walk(*lengths: int, cut_last: bool = True) -> Dataset:
    """Episodes of these lengths; even ones are terminal, odd ones are cut."""
    rows = sum(lengths)
    row = np.arange(rows, dtype=np.float32)
    last = np.cumsum(lengths) - 1
    ends = np.isin(np.arange(rows), last if cut_last else last[:-1])
    number = np.repeat(np.arange(len(lengths)), lengths)
    return Dataset(
        name="walk",
        observation=row[:, None],
        action=np.stack([row, -row], axis=1),
        reward=row,
        next_observation=row[:, None] + 0.5,
        terminal=ends & (number % 2 == 0),
        timeout=ends & (number % 2 == 1),
        action_low=np.full(2, -99.0, np.float32),
        action_high=np.full(2, 99.0, np.float32),
    )


def joined(*lengths: int, cut_last: bool = True) -> Dataset:
    """The same, with observations that are their rows' numbers, so that each leads to the next."""
    data = walk(*lengths, cut_last=cut_last)
    return attrs.evolve(data, next_observation=data.observation + 1.0)
