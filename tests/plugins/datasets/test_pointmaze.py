import hashlib

import attrs
import gymnasium_robotics  # noqa: F401  registers the mazes
import numpy as np
import pytest

from genpolicy.errors import DataError, OptionError
from genpolicy.evaluation import Evaluator, Protocol, make_environment
from genpolicy_plugins.datasets import generator
from genpolicy_plugins.datasets.generator import make
from genpolicy_plugins.datasets.mazes import LARGE, MAZES, MEDIUM, UMAZE
from genpolicy_plugins.datasets.measuring import measure_reference
from genpolicy_plugins.datasets.npz_writer import write_npz
from genpolicy_plugins.datasets.pointmaze import Large, Medium, UMaze, cache_directory
from genpolicy_plugins.datasets.references import REFERENCES

SHIPPED = "b50bd4bfdde4e7636284a74b2334c448e61abd5db85a8cc1bd2a0dd1fd92d04d"


@pytest.fixture(scope="module")
def umaze():
    return UMaze().load()


def test_the_shipped_data_is_what_was_published(umaze):
    assert umaze.fingerprint() == SHIPPED
    assert (len(umaze), umaze.episodes) == (80_000, 1030)
    assert (umaze.name, umaze.observation.shape[1], umaze.action.shape[1]) == (UMAZE.dataset, 6, 2)


@pytest.mark.slow
def test_the_generator_remakes_the_shipped_data_byte_for_byte(umaze, tmp_path):
    made = UMaze().make()
    assert made.fingerprint() == SHIPPED
    write_npz(made, tmp_path / "again.npz")
    again, shipped = (tmp_path / "again.npz").read_bytes(), UMaze()._file().read_bytes()
    assert hashlib.sha256(again).digest() == hashlib.sha256(shipped).digest()


def test_the_same_seed_gives_the_same_arrays_and_another_seed_others(small):
    assert make(UMAZE, transitions=600, seed=5).fingerprint() == small.fingerprint()
    assert make(UMAZE, transitions=600, seed=6).fingerprint() != small.fingerprint()


def test_fewer_transitions_are_the_first_of_more(small):
    fewer = make(UMAZE, transitions=200, seed=5)
    assert np.array_equal(fewer.observation, small.observation[:200])
    assert np.array_equal(fewer.action, small.action[:200])


def test_nothing_ends_and_every_goal_reached_is_a_cut(umaze):
    assert not umaze.terminal.any()
    assert np.array_equal(umaze.reward[:-1] == 1, umaze.timeout[:-1])
    assert umaze.timeout[-1]


def test_the_reward_is_one_exactly_at_the_goal_after_the_step(umaze):
    distance = np.linalg.norm(umaze.next_observation[:, :2] - umaze.next_observation[:, 4:], axis=1)
    clear = np.abs(distance - 0.45) > 1e-5
    assert np.array_equal((distance <= 0.45)[clear], (umaze.reward == 1)[clear])


def test_what_follows_a_step_holds_the_goal_of_that_step(umaze):
    assert np.array_equal(umaze.observation[:, 4:], umaze.next_observation[:, 4:])
    new_goal = (umaze.observation[1:, 4:] != umaze.observation[:-1, 4:]).any(axis=1)
    assert np.array_equal(new_goal, umaze.timeout[:-1])


def test_the_point_walks_on_from_where_it_reached_its_goal(umaze):
    assert np.array_equal(umaze.observation[1:, :4], umaze.next_observation[:-1, :4])


def test_actions_stay_in_the_box_and_often_touch_it(umaze):
    assert np.abs(umaze.action).max() == 1.0
    assert 0.1 < (np.abs(umaze.action) == 1.0).mean() < 0.9


def test_a_transition_is_what_the_simulator_does(umaze):
    """One step from a stored state lands where the data says, up to what 32 bits keep."""
    environment = make_environment(UMAZE.scored)
    environment.reset(seed=0)
    point = environment.unwrapped.point_env
    for row in range(0, 80_000, 8_000):
        state = umaze.observation[row].astype(np.float64)
        point.set_state(state[:2], state[2:4])
        seen = environment.step(umaze.action[row])[0]["observation"]
        assert seen == pytest.approx(umaze.next_observation[row, :4], abs=1e-4)
    environment.close()


def test_a_goal_that_is_not_reached_in_time_is_given_up():
    hasty = attrs.evolve(UMAZE, horizon=25)
    data = make(hasty, transitions=400, seed=0)
    starts = np.flatnonzero(np.append(True, data.timeout[:-1]))
    lengths = np.diff(np.append(starts, len(data)))
    given_up = data.timeout & (data.reward == 0)
    assert lengths.max() == 25
    assert given_up[:-1].sum() > 3
    restarted = np.flatnonzero(given_up[:-1]) + 1
    jump = data.observation[restarted, :4] - data.next_observation[restarted - 1, :4]
    assert (np.abs(jump).max(axis=1) > 1e-3).all()
    assert np.array_equal(data.observation[:, 4:], data.next_observation[:, 4:])


def test_no_noise_gives_other_data_than_noise(small):
    assert make(UMAZE, transitions=600, seed=5, noise=0.0).fingerprint() != small.fingerprint()


def test_making_no_transitions_is_refused():
    with pytest.raises(OptionError, match="pointmaze/umaze needs transitions ≥ 1; got 0"):
        UMaze().make(transitions=0)


def test_the_data_names_the_environment_it_is_scored_in(umaze):
    assert umaze.environment == UMAZE.scored
    assert dict(umaze.environment.kwargs) == {"continuing_task": True, "reset_target": False}
    evaluator = Evaluator.of(umaze, Protocol(episodes=2))
    record = evaluator.evaluate(lambda seen, generator: np.zeros((len(seen), 2), np.float32))
    evaluator.close()
    assert [episode.length for episode in record.episodes] == [300, 300]


def test_horizons_are_the_registered_ones():
    import gymnasium

    for maze in MAZES.values():
        assert gymnasium.spec(maze.environment).max_episode_steps == maze.horizon


@pytest.mark.parametrize(("recipe", "maze"), [(Medium, MEDIUM), (Large, LARGE)])
def test_other_mazes_are_made_once_and_kept(recipe, maze, tmp_path, monkeypatch):
    tiny = attrs.evolve(maze, transitions=300)
    monkeypatch.setattr(recipe, "maze", tiny)
    monkeypatch.setenv("AGENT_CACHE", str(tmp_path / "cache"))
    first = recipe().load()
    assert [file.name for file in (tmp_path / "cache").iterdir()] == [
        f"pointmaze-{maze.name}-300-seed0-v1.npz"
    ]
    monkeypatch.setattr(generator, "make", None)
    second = recipe().load()
    assert first.fingerprint() == second.fingerprint()
    assert first.fingerprint() == make(tiny, transitions=300, seed=0).fingerprint()
    assert (second.name, second.environment) == (maze.dataset, maze.scored)
    assert second.reference == REFERENCES[maze.name]


def test_a_cache_that_cannot_be_written_is_refused_in_words(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setattr(Medium, "maze", attrs.evolve(MEDIUM, transitions=10))
    monkeypatch.setenv("AGENT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match="cannot be written"):
        Medium().load()


def test_without_a_choice_data_is_kept_in_the_users_cache(monkeypatch):
    monkeypatch.delenv("AGENT_CACHE", raising=False)
    assert cache_directory().name == "genpolicy"


@pytest.mark.slow
def test_the_published_references_are_what_is_measured():
    measured = measure_reference(UMAZE, Protocol(episodes=100))
    published = REFERENCES["umaze"]
    for name, value in (("random", published.random_return), ("expert", published.expert_return)):
        interval = measured[name].return_
        assert abs(interval.mean - value) < 2 * interval.half_width
    assert measured["controller"].success.mean == 1.0
    assert measured["expert"].environment == UMAZE.scored.as_json()


def test_measuring_takes_a_protocol():
    measured = UMaze().measure_reference(Protocol(episodes=2, seed=7))
    assert list(measured) == ["random", "controller", "expert"]
    assert [episode.seed for episode in measured["expert"].episodes] == [7, 8]
