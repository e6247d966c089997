import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest

from genpolicy.dataset import EnvironmentSpec
from genpolicy.errors import DataError
from genpolicy.evaluation import flatten, make_environment, make_environments
from genpolicy_plugins.datasets.pointmaze import UMaze

MAZE = EnvironmentSpec(
    id="gymnasium_robotics:PointMaze_UMaze-v3",
    observation_keys=("observation", "desired_goal"),
    horizon=7,
)


def test_an_environment_is_cut_at_the_specifications_horizon():
    environment = make_environment(MAZE)
    environment.reset(seed=0)
    cuts = [environment.step(np.zeros(2, np.float32))[3] for _ in range(7)]
    environment.close()
    assert cuts == [False] * 6 + [True]


def test_environments_do_not_share_their_state():
    first, second = make_environments(MAZE, 2)
    first.reset(seed=0)
    before = second.reset(seed=1)[0]["observation"].copy()
    first.step(np.ones(2, np.float32))
    assert np.array_equal(second.unwrapped.point_env.data.qpos, before[:2])


def test_an_unknown_environment_is_refused_in_words():
    with pytest.raises(DataError, match=r"'Nowhere-v0' cannot be made: .*doesn't exist"):
        make_environment(EnvironmentSpec(id="Nowhere-v0", horizon=5))


def test_a_missing_package_is_named():
    with pytest.raises(DataError, match="cannot be made: No module named 'no_such_package'"):
        make_environment(EnvironmentSpec(id="no_such_package:Maze-v0", horizon=5))


def test_a_dictionary_is_flattened_in_the_order_of_the_keys():
    seen = {"desired_goal": np.array([5.0, 6.0]), "observation": np.arange(4.0), "other": 1}
    flat = flatten(MAZE, seen)
    assert flat.dtype == np.float32
    assert flat.tolist() == [0, 1, 2, 3, 5, 6]


def test_an_array_is_flattened_row_by_row():
    plain = EnvironmentSpec(id="x", horizon=1)
    assert flatten(plain, np.array([[1.0, 2.0], [3.0, 4.0]])).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("keys", [(), ("observation", "wind")])
def test_a_dictionary_without_the_named_entries_is_refused(keys):
    spec = EnvironmentSpec(id="x", observation_keys=keys, horizon=1)
    wanted = ", ".join(keys) or "none"
    with pytest.raises(DataError, match=f"observes observation, goal, the dataset names {wanted}"):
        flatten(spec, {"observation": np.zeros(1), "goal": np.zeros(1)})


UNSTABLE = """
import numpy
from genpolicy.dataset import EnvironmentSpec
from genpolicy.evaluation import make_environment
body = make_environment(EnvironmentSpec(id="HalfCheetah-v5", horizon=10)).unwrapped
body.reset(seed=0)
body.data.qpos[:] = numpy.nan
body.do_simulation(numpy.zeros(6), 5)
maze = make_environment(EnvironmentSpec(id="gymnasium_robotics:PointMaze_UMaze-v3", horizon=5))
"""


@pytest.mark.slow
def test_simulators_leave_neither_a_file_nor_a_notice_behind(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", UNSTABLE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
    )
    assert os.listdir(tmp_path) == []
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.slow
def test_importing_the_package_imports_no_simulator():
    code = (
        "import sys, genpolicy.evaluation, genpolicy_plugins.datasets.pointmaze as p;"
        "import genpolicy_plugins.datasets.minari, genpolicy_plugins.datasets.npz;"
        "p.UMaze().load();"
        "print([m for m in ('gymnasium', 'mujoco', 'minari', 'h5py') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_environment_leaves_no_files_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spec = UMaze.maze.scored
    make_environment(spec).close()
    assert tempfile.gettempdir() == str(tmp_path)
    assert list(tmp_path.iterdir()) == []
