"""OGBench's point mazes: a noisy walk from one random place to the next."""

from typing import Any, Final

import numpy as np

from genpolicy_plugins.datasets.ogbench_episode import Episode

NOISE: Final = 0.5
"""Standard deviation of the noise on each action, before clipping."""

_SMALL: Final = 1e-6
"""Keeps the direction to where one already is finite."""

_Cell = tuple[int, int]


def walk(environment: Any, rows: int, seed: int | None) -> Episode:
    """Return an episode; its random numbers are numpy's global ones.

    Args:
        environment: A maze whose episodes do not end at their goal.
        rows: How many rows.
        seed: What the environment is reset with.
    """
    maze = environment.unwrapped
    cells = [(int(i), int(j)) for i, j in np.argwhere(maze.maze_map == 0)]
    goals = [cell for cell in cells if not _is_hallway(maze.maze_map, cell)]
    task = {"init_ij": _any(cells), "goal_ij": _any(goals)}
    seen, _ = environment.reset(seed=seed, options={"task_info": task})
    episode = Episode()
    for _ in range(rows):
        action = _step_towards(maze)
        following, _, _, _, info = environment.step(action)
        episode.add(seen, action, info)
        seen = following
        if info["success"]:
            maze.set_goal(_any(goals))
    return episode


def _step_towards(maze: Any) -> Any:
    """Return a noisy step of length 1 towards the next cell on the way to the goal."""
    position = maze.get_xy()
    aim, _ = maze.get_oracle_subgoal(position, maze.cur_goal_xy)
    way = aim - position
    direction = way / (np.linalg.norm(way) + _SMALL)
    return np.clip(direction + np.random.normal(0, NOISE, direction.shape), -1, 1)


def _is_hallway(maze_map: Any, cell: _Cell) -> bool:
    """Whether a free cell has two free neighbours, opposite of each other."""
    i, j = cell
    free = [maze_map[place] == 0 for place in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))]
    return free in ([True, True, False, False], [False, False, True, True])


def _any(cells: list[_Cell]) -> _Cell:
    return cells[np.random.randint(len(cells))]
