"""n-step returns: a transition spans n steps, and its critic looks n steps ahead.

    R_t = r_t + γ r_{t+1} + … + γ^{n−1} r_{t+n−1},    s'_t = s_{t+n}

A critic that learns from such transitions discounts what follows by the power n of a single step's
discount. Where the task ends earlier, the sum ends there and nothing follows; windows that are cut
by a time-out are left out. Sutton 1988.
"""

from typing import TYPE_CHECKING

import attrs
import numpy as np

from genpolicy.errors import DataError
from genpolicy.transforms.episodes import steps_left

if TYPE_CHECKING:
    from genpolicy.dataset import Dataset


def with_n_step_returns(data: "Dataset", steps: int, discount: float) -> "Dataset":
    """Return one transition per window of ``steps`` steps that lies inside one episode.

    Args:
        data: Single steps, an episode's in the order that they were taken.
        steps: n; with 1 the data is returned as it is.
        discount: γ, a single step's.

    Raises:
        DataError: No episode is that long, and none ends.
    """
    if steps == 1:
        return data
    left = steps_left(data)
    first = np.flatnonzero((left >= steps) | _ends_in_time(data))
    if not first.size:
        raise DataError(
            f"dataset {data.name!r} has no episode of {steps} steps, the longest has {left.max()}; "
            "lower dataset.n_step"
        )
    length = np.minimum(steps, left[first])
    last = first + length - 1
    reward = np.zeros(len(first), np.float64)
    for step in range(steps):
        inside = step < length
        reward[inside] += discount**step * data.reward[first[inside] + step]
    episode = first + left[first]
    return attrs.evolve(
        data,
        observation=data.observation[first],
        action=data.action[first],
        reward=reward.astype(np.float32),
        next_observation=data.next_observation[last],
        terminal=data.terminal[last],
        timeout=data.timeout[last],
        last=np.diff(episode, append=-1) != 0,
        stride=steps,
        origin=data.fingerprint(),
    )


def _ends_in_time(data: "Dataset") -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Return of every row whether its episode ends with a terminal."""
    last = np.arange(len(data)) + steps_left(data) - 1
    ended: np.ndarray[tuple[int], np.dtype[np.bool_]] = data.terminal[last]
    return ended
