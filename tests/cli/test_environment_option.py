"""``dataset.environment``: scores come from the environment that the user names."""

import contextlib
import json
import sqlite3

import pytest

SQL = "SELECT environment FROM evaluations WHERE selection IS NOT NULL"


@pytest.mark.slow
def test_a_run_is_scored_where_the_option_says(agent, tiny, place):
    options = ("dataset.environment=PointMaze_Medium-v3", "dataset.horizon=7")
    done = agent("run", *tiny, "--dataset", "pointmaze/umaze", *options, "train.looks=0", "--json")
    assert done.status == 0, done.err
    assert done.json["runs"][0]["score"] is None  # the reference is of another environment
    (listed,) = agent("runs", "--columns", "run,protocol", "--json").json
    assert listed["protocol"].endswith("@PointMaze_Medium-v3,horizon=7")
    with contextlib.closing(sqlite3.connect(place / "registry.db")) as registry:
        [(environment,)] = registry.execute(SQL).fetchall()
    assert json.loads(environment) == {
        "id": "gymnasium_robotics:PointMaze_Medium-v3",
        "kwargs": {},
        "observation_keys": ["observation", "desired_goal"],
        "horizon": 7,
    }


def test_an_environment_that_is_not_there_is_refused_before_training(agent, tiny, place):
    done = agent("run", *tiny, "--dataset", "pointmaze/umaze", "dataset.environment=PointMaze-v9")
    assert done.status == 2
    assert "there is no environment 'PointMaze-v9'" in done.err
    assert not (place / "runs").exists()


def test_another_horizon_leaves_out_the_reference_and_stands_in_tables_of_its_own(
    agent, tiny, place
):
    done = agent("run", *tiny, "dataset.horizon=9", "train.looks=1", "--json")
    assert done.status == 0, done.err
    assert done.json["runs"][0]["score"] is None
    (listed,) = agent("runs", "--columns", "run,protocol", "--json").json
    assert listed["protocol"] == "default[episodes=2,environments=2]@horizon=9"


def test_the_datas_own_horizon_changes_nothing(agent, tiny):
    done = agent("run", *tiny, "dataset.horizon=300", "train.looks=0", "--json")
    assert done.json["runs"][0]["score"] is not None
