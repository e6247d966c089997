"""Data that parts are tried with: random transitions, and a bandit whose best actions are known."""

import attrs
import numpy as np

from genpolicy.dataset import Dataset
from genpolicy.testing.companions import companion


def random_transitions(action_shape: tuple[int, ...] = (2,), rows: int = 64) -> Dataset:
    """Return steps between random observations of three numbers, in episodes of eight.

    Of two episodes one is cut and one ends.

    Args:
        action_shape: The shape of an action.
        rows: How many.
    """
    random = np.random.default_rng(0)
    seen, last = random.normal(size=(2, rows + 1, 3)).astype(np.float32)
    terminal, timeout = np.arange(rows) % 16 == 15, np.arange(rows) % 16 == 7
    return Dataset(
        name="random",
        observation=seen[:-1],
        action=random.uniform(-1, 1, (rows, *action_shape)).astype(np.float32),
        reward=random.normal(size=rows).astype(np.float32),
        next_observation=np.where((terminal | timeout)[:, None], last[:-1], seen[1:]),
        terminal=terminal,
        timeout=timeout,
        action_low=-np.ones(action_shape, np.float32),
        action_high=np.ones(action_shape, np.float32),
    )


def slope() -> Dataset:
    """Return actions in the plane that earn five times their first number, or lose as much.

    Which, says the observation: 1 or -1, at random. The next observation, after the end, says the
    opposite. The actions are those of ``bandit/quadratic``, whatever was observed: eight Gaussians
    on a circle around 0, of variance 1 in every direction. So neither the data, nor their mean
    action, nor any imitation of them earns anything on average.
    """
    bandit: Dataset = companion("dataset", "bandit/quadratic", points=4000).load()
    side = np.random.default_rng(0).choice([-1.0, 1.0], size=(len(bandit), 1))
    side = side.astype(np.float32)
    reward = np.float32(5.0) * side[:, 0] * bandit.action[:, 0]
    return attrs.evolve(bandit, observation=side, next_observation=-side, reward=reward)
