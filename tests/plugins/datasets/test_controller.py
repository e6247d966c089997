import numpy as np
import pytest

from genpolicy.evaluation import make_environment
from genpolicy_plugins.datasets.controller import WaypointController, shortest_path
from genpolicy_plugins.datasets.mazes import MAZES

ROOM = [[1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 1, 1, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]]


def test_the_path_goes_round_the_wall():
    path = shortest_path(ROOM, (1, 1), (3, 1))
    assert path == [(1, 1), (1, 2), (1, 3), (2, 3), (3, 3), (3, 2), (3, 1)]


def test_the_path_to_where_one_stands_is_that_cell():
    assert shortest_path(ROOM, (1, 2), (1, 2)) == [(1, 2)]


def test_of_two_ways_the_shorter_is_taken():
    ring = [[1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 0, 1, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]]
    assert len(shortest_path(ring, (1, 1), (3, 2))) == 4


def test_cells_that_no_path_joins_are_refused():
    with pytest.raises(ValueError, match=r"no path joins cells \(1, 1\) and \(1, 3\)"):
        shortest_path([[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]], (1, 1), (1, 3))


@pytest.mark.parametrize("maze", MAZES.values(), ids=MAZES)
def test_the_controller_reaches_every_goal_and_stays(maze):
    environment = make_environment(maze.scored)
    controller = WaypointController(environment.unwrapped.maze)
    for seed in range(3):
        seen, _ = environment.reset(seed=seed)
        rewards = []
        for _ in range(maze.horizon):
            force = controller.force(seen["observation"], seen["desired_goal"])
            seen, reward, *_ = environment.step(np.clip(force, -1, 1))
            rewards.append(reward)
        first = int(np.argmax(rewards))
        assert rewards[first] == 1.0
        assert all(rewards[first:])
    environment.close()
