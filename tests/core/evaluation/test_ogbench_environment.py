import contextlib

import numpy as np
import pytest

from genpolicy.dataset import EnvironmentSpec
from genpolicy.evaluation import Protocol, evaluate, make_environment, make_environments
from genpolicy.evaluation.global_random import GlobalRandom

NAVIGATE = EnvironmentSpec(
    id="pointmaze-medium-navigate-singletask-v0", horizon=30, factory="ogbench"
)
STAY = np.zeros(2)


def test_lent_random_numbers_go_on_where_they_stopped_and_leave_no_trace():
    np.random.seed(3)
    expected = np.random.rand(2)
    np.random.seed(3)
    stream, drawn = GlobalRandom(8), []
    for k in range(2):
        with stream.lent():
            drawn.append(np.random.rand())
        assert np.random.rand() == expected[k]
    assert drawn == np.random.RandomState(8).rand(2).tolist()


def test_lent_random_numbers_come_back_after_an_error():
    np.random.seed(3)
    with contextlib.suppress(ValueError), GlobalRandom(8).lent():
        np.random.seed(-1)
    assert np.random.rand() == np.random.RandomState(3).rand()


def first(seed, spec=NAVIGATE):
    environment = make_environment(spec)
    seen = environment.reset(seed=seed)[0]
    environment.close()
    return seen


def test_a_seed_gives_the_same_start_whatever_else_was_drawn():
    np.random.seed(0)
    one = first(5)
    np.random.seed(1)
    assert np.array_equal(one, first(5))
    assert not np.array_equal(one, first(6))


def test_an_environment_draws_nothing_from_the_global_random_numbers():
    before = str(np.random.get_state(legacy=False))
    environment = make_environment(NAVIGATE)
    environment.reset(seed=0)
    environment.step(STAY)
    environment.reset()
    environment.close()
    assert str(np.random.get_state(legacy=False)) == before


def test_a_teleport_leads_to_the_same_place_when_others_draw_in_between():
    spec = EnvironmentSpec(
        id="pointmaze-teleport-navigate-singletask-v0", horizon=50, factory="ogbench"
    )
    ends = []
    for others in (0, 3):
        environment = make_environment(spec)
        environment.reset(seed=2)
        maze = environment.unwrapped
        places = []
        for _ in range(8):
            maze.set_xy(np.array(maze._teleport_info["teleport_in_xys"][0]))
            environment.step(STAY)
            places.append(maze.get_xy())
            np.random.rand(others)
        ends.append(np.array(places))
        environment.close()
    assert np.array_equal(*ends)
    assert len(np.unique(ends[0].round(1), axis=0)) > 1


def test_episodes_are_cut_at_the_horizon():
    environment = make_environment(NAVIGATE)
    environment.reset(seed=0)
    cuts = [environment.step(STAY)[3] for _ in range(30)]
    environment.close()
    assert cuts == [False] * 29 + [True]


def test_success_ends_the_episode_one_step_after_the_goal_is_reached():
    environment = make_environment(NAVIGATE)
    environment.reset(seed=0)
    environment.unwrapped.set_xy(np.array(environment.unwrapped.cur_goal_xy))
    _, reward, terminal, _, info = environment.step(STAY)
    environment.close()
    assert (reward, terminal, info["success"]) == (0.0, True, 1.0)


@pytest.mark.slow
def test_evaluating_twice_gives_the_same_episodes_however_many_environments():
    def act(observation, generator):
        return np.sin(9 * observation).astype(np.float32)

    records = [
        evaluate(act, NAVIGATE, Protocol(episodes=6, environments=count)) for count in (2, 2, 3)
    ]
    assert records[0].episodes == records[1].episodes == records[2].episodes
    assert records[0].environment == {**NAVIGATE.as_json(), "factory": "ogbench"}
    assert {episode.success for episode in records[0].episodes} == {False}


@pytest.mark.slow
def test_arms_start_alike_from_a_seed():
    spec = EnvironmentSpec(id="cube-single-play-singletask-v0", horizon=20, factory="ogbench")
    one, other = make_environments(spec, 2)
    assert np.array_equal(one.reset(seed=4)[0], other.reset(seed=4)[0])
    action = np.full(5, 0.5)
    for _ in range(10):
        assert np.array_equal(one.step(action)[0], other.step(action)[0])
    for environment in (one, other):
        environment.close()
