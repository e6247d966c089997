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
