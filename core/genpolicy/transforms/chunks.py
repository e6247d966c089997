"""Chunks of actions: a sample is h actions in a row, and one decision.

    A_t = (a_t, …, a_{t+h-1}),    R_t = r_t + … + r_{t+h-1},    s'_t = s_{t+h}

A critic that learns from such transitions discounts per decision: its discount is the power h of a
single step's, and the rewards within a chunk are summed undiscounted. Chi et al. 2023,
arXiv 2303.04137; Li et al. 2025 (Q-chunking), arXiv 2507.07969.

Differs from the paper: Q-chunking discounts the rewards within a chunk. Here they are summed as
they are, so that the data need not know the critic's discount.
"""

from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from genpolicy.errors import DataError
from genpolicy.transforms.episodes import Rows, episode_lengths, steps_left

if TYPE_CHECKING:
    from genpolicy.dataset import Dataset


def in_chunks(data: "Dataset", length: int) -> "Dataset":
    """Return the windows of ``length`` consecutive actions that lie inside one episode.

    Args:
        data: Single actions, ``[transition, action]``, an episode's in the order that they were
            taken.
        length: Actions per chunk; with 1 the data is returned as it is.

    Returns:
        One transition per window, from its first observation to what followed its last action, in
        the order of their starts; ``action`` is ``[window, length, action]``, ``reward`` the
        window's sum, and ``terminal`` and ``timeout`` are its last step's.

    Raises:
        DataError: The actions are chunks already, or no episode is that long.
    """
    if length == 1:
        return data
    if data.action.ndim != 2:
        raise DataError(
            f"dataset {data.name!r} holds actions of shape {data.action.shape[1:]}, which are "
            "chunks already; leave dataset.chunk at 1"
        )
    first = _starts(data, length)
    last = first + length - 1
    windows = sliding_window_view(data.action, length, axis=0)[first]
    rewards = sliding_window_view(data.reward, length)[first]
    return attrs.evolve(
        data,
        observation=data.observation[first],
        action=np.ascontiguousarray(windows.swapaxes(1, 2)),
        reward=rewards.sum(axis=1, dtype=np.float64).astype(np.float32),
        next_observation=data.next_observation[last],
        terminal=data.terminal[last],
        timeout=data.timeout[last],
        stride=length,
        origin=data.fingerprint(),
    )


def _starts(data: "Dataset", length: int) -> Rows:
    """Return the first row of every window that lies inside one episode."""
    lengths = episode_lengths(data)
    if length > lengths.max():
        longest = int(lengths.argmax())
        raise DataError(
            f"dataset {data.name!r} has no episode of {length} steps to make chunks of: the "
            f"longest, episode {longest} of {len(lengths)}, has {lengths[longest]}; lower "
            "dataset.chunk"
        )
    return np.flatnonzero(steps_left(data) >= length)
