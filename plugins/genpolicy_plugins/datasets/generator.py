"""Makes point maze data in D4RL's manner (Fu et al. 2020, arXiv 2004.07219).

A noisy controller walks from one random goal to the next. An episode is one goal: reaching it cuts
the episode (the point walks on, towards another goal), and so does not reaching it in time. Nothing
ever ends, so no transition is a terminal.
"""

from typing import Any

import numpy as np

from genpolicy.dataset import Dataset, Floats
from genpolicy.errors import OptionError
from genpolicy.evaluation import flatten, make_environment
from genpolicy_plugins.datasets.controller import WaypointController
from genpolicy_plugins.datasets.mazes import Maze
from genpolicy_plugins.datasets.references import REFERENCES

NOISE = 0.5
"""Standard deviation of the noise on each action, before clipping."""


def make(maze: Maze, *, transitions: int, seed: int, noise: float = NOISE) -> Dataset:
    """Make data; the same arguments give the same arrays, byte for byte.

    Args:
        maze: Which maze.
        transitions: How many transitions.
        seed: The seed of the starts and goals, and of the noise.
        noise: Standard deviation of the noise on each action, before clipping.

    Raises:
        OptionError: There is not one transition to make.
        DataError: The environment cannot be made.
    """
    if transitions < 1:
        raise OptionError(f"dataset {maze.dataset} needs transitions ≥ 1; got {transitions}")
    walk = _Walk(maze, seed, noise)
    try:
        steps = [walk.step() for _ in range(transitions)]
    finally:
        walk.close()
    columns = zip(*steps, strict=True)
    observation, action, reward, next_observation, cut = (np.array(column) for column in columns)
    cut[-1] = True
    return Dataset(
        name=maze.dataset,
        observation=observation,
        action=action,
        reward=reward,
        next_observation=next_observation,
        terminal=np.zeros(transitions, np.bool_),
        timeout=cut,
        action_low=np.full(2, -1.0, np.float32),
        action_high=np.full(2, 1.0, np.float32),
        environment=maze.scored,
        reference=REFERENCES[maze.name],
    )


class _Walk:
    """An endless walk from goal to goal."""

    def __init__(self, maze: Maze, seed: int, noise: float) -> None:
        self._spec = maze.explored
        self._environment = make_environment(self._spec)
        point_maze: Any = self._environment.unwrapped
        self._point_maze = point_maze
        self._controller = WaypointController(point_maze.maze)
        self._random = np.random.default_rng(seed)
        self._noise = noise
        self._patience = maze.horizon
        self._steps = 0
        self._seen, _ = self._environment.reset(seed=seed)

    def step(self) -> tuple[Floats, Floats, np.float32, Floats, bool]:
        """Return observation, action, reward, next observation, and whether the episode was cut.

        What is seen before and after the step holds the same goal: its own, not the next one.
        """
        seen, action = self._seen, self._act()
        following, reward, _, _, _ = self._environment.step(action)
        self._steps += 1
        reached, late = bool(reward), self._steps == self._patience
        if late and not reached:
            self._seen, _ = self._environment.reset()
        else:
            self._seen = following | {"desired_goal": self._point_maze.goal.copy()}
        if reached or late:
            self._steps = 0
        before, after = flatten(self._spec, seen), flatten(self._spec, following)
        return before, action, np.float32(reward), after, reached or late

    def close(self) -> None:
        """Close the environment."""
        self._environment.close()

    def _act(self) -> Floats:
        force = self._controller.force(self._seen["observation"], self._seen["desired_goal"])
        noise = self._noise * self._random.standard_normal(2)
        action: Floats = np.clip(force + noise, -1.0, 1.0).astype(np.float32)
        return action
