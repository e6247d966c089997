"""Makes point maze data of D4RL's kind (Fu et al. 2020, arXiv 2004.07219).

A noisy controller walks from one random goal to the next. An episode is one goal: it is cut a
random while after the goal was reached, or when it was not reached in time, and the point walks on
towards another goal. Nothing ever ends, so no transition is a terminal.

Differs from D4RL: the point lingers at a goal for up to ``LINGER`` steps, where D4RL draws the next
goal on arrival, so that the data show what being there is worth; and the noise is four times as
strong, so that the data leave room above them.
"""

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from genpolicy.dataset import Dataset, Floats
from genpolicy.errors import OptionError
from genpolicy.evaluation import flatten, make_environment
from genpolicy.making import Arrays, Maker, Shard, Shards, make_at_once, split
from genpolicy.making.maker import derived_seed
from genpolicy_plugins.datasets.controller import RADIUS, Vector, WaypointController
from genpolicy_plugins.datasets.mazes import Maze
from genpolicy_plugins.datasets.references import reference_of

NOISE = 2.0
"""Standard deviation of the noise on each action, before clipping."""

LINGER = 30
"""The longest time that the point stays at a goal after reaching it, in steps."""

_BLOCK = 1000
_COLUMNS = ("observation", "action", "reward", "next_observation", "timeout")


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
    maker = WalkMaker(maze=maze, noise=noise)
    return maker.dataset(make_at_once(maker, transitions=transitions, seed=seed))


@attrs.frozen(kw_only=True)
class WalkMaker(Maker):
    """Makes the data of a maze; a shard is a walk as long as the embedded dataset's.

    Args:
        maze: Which maze.
        noise: Standard deviation of the noise on each action, before clipping.
    """

    maze: Maze
    noise: float = NOISE

    @property
    def transitions(self) -> int:
        """How many transitions the embedded dataset holds."""
        return self.maze.transitions

    @property
    def seed(self) -> int:
        """The seed that the embedded dataset is made from."""
        return self.maze.seed

    def shards(self, transitions: int, seed: int) -> tuple[Shard, ...]:
        """Return the walks, the first of which begins with the seed itself."""
        if transitions < 1:
            raise OptionError(
                f"dataset {self.maze.dataset} needs transitions ≥ 1; got {transitions}"
            )
        return tuple(
            Shard(index=k, transitions=size, seed=derived_seed(seed, k) if k else seed)
            for k, size in enumerate(split(transitions, self.transitions))
        )

    def make(self, shard: Shard) -> Iterator[Arrays]:
        """Make a walk."""
        walk = _Walk(self.maze, shard.seed, self.noise)
        try:
            for size in split(shard.transitions, _BLOCK):
                yield _block(walk, size)
        finally:
            walk.close()

    def dataset(self, shards: Shards) -> Dataset:
        """Return the walks as a dataset; the last step of each is a cut."""
        columns: dict[str, Any] = {name: shards.whole(name) for name in _COLUMNS}
        count = len(columns["reward"])
        columns["timeout"][self.transitions - 1 :: self.transitions] = True
        columns["timeout"][-1] = True
        return Dataset(
            name=self.maze.dataset,
            **columns,
            terminal=np.zeros(count, np.bool_),
            action_low=np.full(2, -1.0, np.float32),
            action_high=np.full(2, 1.0, np.float32),
            environment=self.maze.scored,
            reference=reference_of(self.maze.dataset),
        )


def _block(walk: "_Walk", size: int) -> Arrays:
    columns = zip(*(walk.step() for _ in range(size)), strict=True)
    return {name: np.array(column) for name, column in zip(_COLUMNS, columns, strict=True)}


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
