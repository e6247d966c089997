"""Makes point maze data of D4RL's kind (Fu et al. 2020, arXiv 2004.07219).

A noisy controller walks from one random goal to the next. An episode is one goal: it is cut a
random while after the goal was reached, or when it was not reached in time, and the point walks on
towards another goal. Nothing ever ends, so no transition is a terminal.

Differs from D4RL: the point lingers at a goal for up to ``LINGER`` steps, where D4RL draws the next
goal on arrival, so that the data show what being there is worth; and the noise is four times as
strong, so that the data leave room above them.
"""

from typing import Any

import numpy as np

from genpolicy.dataset import Dataset, Floats
from genpolicy.errors import OptionError
from genpolicy.evaluation import flatten, make_environment
from genpolicy_plugins.datasets.controller import RADIUS, Vector, WaypointController
from genpolicy_plugins.datasets.mazes import Maze
from genpolicy_plugins.datasets.references import REFERENCES

NOISE = 2.0
"""Standard deviation of the noise on each action, before clipping."""

LINGER = 30
"""The longest time that the point stays at a goal after reaching it, in steps."""


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
        self._left = self._patience
        self._arrived = False
        self._seen, _ = self._environment.reset(seed=seed)

    def step(self) -> tuple[Floats, Floats, np.float32, Floats, bool]:
        """Return observation, action, reward, next observation, and whether the episode was cut.

        What is seen before and after the step holds the same goal: its own, not the next one.
        """
        seen, action = self._seen, self._act()
        following, reward, _, _, _ = self._environment.step(action)
        self._left -= 1
        if reward and not self._arrived:
            self._arrived = True
            self._left = min(self._left, int(self._random.integers(LINGER + 1)))
        cut = self._left <= 0
        if cut:
            self._draw_goal(following["achieved_goal"])
        self._seen = following | {"desired_goal": self._point_maze.goal.copy()}
        before, after = flatten(self._spec, seen), flatten(self._spec, following)
        return before, action, np.float32(reward), after, cut

    def close(self) -> None:
        """Close the environment."""
        self._environment.close()

    def _draw_goal(self, position: Vector) -> None:
        """Set a random goal that ``position`` has not reached."""
        maze = self._point_maze
        while True:
            maze.goal = maze.add_xy_position_noise(maze.generate_target_goal())
            if np.linalg.norm(maze.goal - position) > RADIUS:
                break
        self._left, self._arrived = self._patience, False

    def _act(self) -> Floats:
        force = self._controller.force(self._seen["observation"], self._seen["desired_goal"])
        noise = self._noise * self._random.standard_normal(2)
        action: Floats = np.clip(force + noise, -1.0, 1.0).astype(np.float32)
        return action
