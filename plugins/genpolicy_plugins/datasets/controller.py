"""A controller that knows the maze: the shortest path of cells, followed point by point.

The force is ``10 · (waypoint − position) − velocity`` (Fu et al. 2020, D4RL, arXiv 2004.07219).
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gymnasium_robotics.envs.maze.maze_v4 import Maze

Cell = tuple[int, int]
Vector = NDArray[np.floating]

GAIN = 10.0
DAMPING = 1.0
REACHED = 0.1
"""A waypoint counts as reached within this distance, in cells."""

RADIUS = 0.45
"""A goal counts as reached within this distance, as gymnasium-robotics has it."""

_WALL = 1


class WaypointController:
    """Walks to whatever goal it is given; a new goal makes a new plan.

    Args:
        maze: The maze, as gymnasium-robotics describes it.
    """

    def __init__(self, maze: "Maze") -> None:
        self._maze = maze
        self._goal: Vector | None = None
        self._waypoints: list[Vector] = []

    def force(self, state: Vector, goal: Vector) -> Vector:
        """Return the force to apply, ``[2]``, not yet clipped to the box.

        Args:
            state: Position and velocity, ``[4]``.
            goal: Where to go, ``[2]``.
        """
        position, velocity = state[:2], state[2:4]
        if self._goal is None or not np.array_equal(goal, self._goal):
            self._goal = goal.copy()
            self._waypoints = self._plan(position, goal)
        while len(self._waypoints) > 1 and _near(position, self._waypoints[0]):
            self._waypoints.pop(0)
        return GAIN * (self._waypoints[0] - position) - DAMPING * velocity

    def _plan(self, position: Vector, goal: Vector) -> list[Vector]:
        start, end = self._cell(position), self._cell(goal)
        between = shortest_path(self._maze.maze_map, start, end)[1:-1]
        return [self._maze.cell_rowcol_to_xy(np.array(cell)) for cell in between] + [goal.copy()]

    def _cell(self, position: Vector) -> Cell:
        row, column = self._maze.cell_xy_to_rowcol(position)
        return int(row), int(column)


def shortest_path(maze_map: Sequence[Sequence[object]], start: Cell, end: Cell) -> list[Cell]:
    """Return a shortest path of free cells by breadth-first search, both ends included.

    Args:
        maze_map: Rows of cells; 1 is a wall.
        start: Row and column where the path begins.
        end: Row and column where it ends.

    Raises:
        ValueError: No path joins them.
    """
    came_from: dict[Cell, Cell | None] = {start: None}
    queue = deque([start])
    while queue:
        cell = queue.popleft()
        if cell == end:
            return _trace(came_from, end)
        for neighbour in _neighbours(maze_map, cell):
            if neighbour not in came_from:
                came_from[neighbour] = cell
                queue.append(neighbour)
    raise ValueError(f"no path joins cells {start} and {end}")


def _neighbours(maze_map: Sequence[Sequence[object]], cell: Cell) -> Iterator[Cell]:
    row, column = cell
    for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
        if maze_map[near[0]][near[1]] != _WALL:
            yield near


def _trace(came_from: dict[Cell, Cell | None], end: Cell) -> list[Cell]:
    path, cell = [end], came_from[end]
    while cell is not None:
        path.append(cell)
        cell = came_from[cell]
    return path[::-1]


def _near(position: Vector, waypoint: Vector) -> bool:
    return bool(np.linalg.norm(waypoint - position) <= REACHED)
