"""Where the episodes of data begin and end."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from genpolicy.dataset import Dataset

Rows = NDArray[np.intp]


def episode_stops(data: "Dataset") -> Rows:
    """Return the row after each episode's last, ``[episode]``; the last may be unfinished."""
    return np.flatnonzero(data.ends) + 1


def episode_lengths(data: "Dataset") -> Rows:
    """Return how many steps each episode has, ``[episode]``."""
    return np.diff(episode_stops(data), prepend=0)


def episode_returns(data: "Dataset") -> NDArray[np.float64]:
    """Return the sum of each episode's rewards, ``[episode]``."""
    starts = episode_stops(data) - episode_lengths(data)
    return np.add.reduceat(data.reward.astype(np.float64), starts)


def steps_left(data: "Dataset") -> Rows:
    """Return of every row how many steps its episode still has, itself included."""
    stops = episode_stops(data)
    return np.repeat(stops, episode_lengths(data)) - np.arange(len(data))
