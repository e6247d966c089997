import zipfile

import attrs
import gymnasium_robotics  # noqa: F401  registers the mazes
import numpy as np
import pytest

from genpolicy.errors import DataError, OptionError
from genpolicy.evaluation import Evaluator, Protocol, make_environment
from genpolicy_plugins.datasets import generator
from genpolicy_plugins.datasets.controller import RADIUS
from genpolicy_plugins.datasets.generator import LINGER, make
from genpolicy_plugins.datasets.mazes import LARGE, MAZES, MEDIUM, UMAZE
from genpolicy_plugins.datasets.measuring import measure_reference
from genpolicy_plugins.datasets.npz_writer import write_npz
from genpolicy_plugins.datasets.pointmaze import Large, Medium, UMaze
from genpolicy_plugins.datasets.references import reference_of

SHIPPED = "ade97ab261710d7049b434d342e178b7cbbc0a2ee5bcb0b73d58c696febeedb6"


@pytest.fixture(scope="module")
def umaze():
    return UMaze().load()


def episodes(data):
    """Where the episodes of a dataset lie, as slices."""
    ends = np.append(np.flatnonzero(data.timeout[:-1]) + 1, len(data))
    return [slice(*ends) for ends in zip(np.append(0, ends[:-1]), ends, strict=True)]


def stays(data):
    """How many steps each episode that reached its goal went on, the last episode apart."""
    rewards = [data.reward[episode] for episode in episodes(data)[:-1]]
    return np.array([len(r) - 1 - int(r.argmax()) for r in rewards if r.any()])


def contents(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def distance(observation):
    return np.linalg.norm(observation[:, :2] - observation[:, 4:], axis=1)


def test_the_shipped_data_is_what_was_published(umaze):
    assert umaze.fingerprint() == SHIPPED
    assert (len(umaze), umaze.episodes) == (80_000, 812)
    assert (umaze.name, umaze.observation.shape[1], umaze.action.shape[1]) == (UMAZE.dataset, 6, 2)


@pytest.mark.slow
def test_the_generator_remakes_the_shipped_file_byte_for_byte(tmp_path):
    """Inside the compression, whose own bytes depend on the version of zlib."""
    made = UMaze().make()
    assert made.fingerprint() == SHIPPED
    write_npz(made, tmp_path / "made.npz")
    assert contents(tmp_path / "made.npz") == contents(UMaze()._file())


def test_the_same_seed_gives_the_same_arrays_and_another_seed_others(small):
    assert make(UMAZE, transitions=600, seed=5).fingerprint() == small.fingerprint()
    assert make(UMAZE, transitions=600, seed=6).fingerprint() != small.fingerprint()


def test_fewer_transitions_are_the_first_of_more(small):
    fewer = make(UMAZE, transitions=200, seed=5)
    assert np.array_equal(fewer.observation, small.observation[:200])
    assert np.array_equal(fewer.action, small.action[:200])


def test_nothing_ends_and_the_data_stop_with_a_cut(umaze):
    assert not umaze.terminal.any()
    assert umaze.timeout[-1]


def test_the_data_show_what_staying_at_a_goal_is_worth(umaze):
    """Many transitions begin within reach of their goal, and are rewarded for staying there."""
    there = distance(umaze.observation) <= RADIUS
    assert 0.1 < there.mean() < 0.3
    assert umaze.reward[there].mean() > 0.99


def test_an_episode_goes_on_for_a_random_while_after_arrival(umaze):
    assert np.array_equal(np.unique(stays(umaze)), np.arange(LINGER + 1))
    assert stays(umaze).mean() == pytest.approx(LINGER / 2, abs=1.0)


def test_an_episode_is_cut_no_later_than_the_longest_stay(small):
    assert len(stays(small)) > 0
    assert stays(small).max() <= LINGER


def test_without_lingering_the_cut_comes_on_arrival(monkeypatch):
    monkeypatch.setattr(generator, "LINGER", 0)
    assert set(stays(make(UMAZE, transitions=600, seed=5))) == {0}


def test_every_new_goal_is_out_of_reach():
    data = make(attrs.evolve(UMAZE, horizon=4), transitions=400, seed=0)
    first = [episode.start for episode in episodes(data)]
    assert len(first) >= 100
    assert (distance(data.observation[first]) > RADIUS).all()


def test_the_reward_is_one_exactly_at_the_goal_after_the_step(umaze):
    after = distance(umaze.next_observation)
    clear = np.abs(after - RADIUS) > 1e-5
    assert np.array_equal((after <= RADIUS)[clear], (umaze.reward == 1)[clear])


def test_what_follows_a_step_holds_the_goal_of_that_step(umaze):
    assert np.array_equal(umaze.observation[:, 4:], umaze.next_observation[:, 4:])
    new_goal = (umaze.observation[1:, 4:] != umaze.observation[:-1, 4:]).any(axis=1)
    assert np.array_equal(new_goal, umaze.timeout[:-1])


def test_the_point_walks_on_from_where_it_left_its_goal(umaze):
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


def test_a_goal_that_is_not_reached_in_time_is_given_up_and_the_point_walks_on():
    hasty = attrs.evolve(UMAZE, horizon=25)
    data = make(hasty, transitions=400, seed=0)
    late = [e for e in episodes(data)[:-1] if not data.reward[e].any()]
    assert len(late) > 3
    assert {e.stop - e.start for e in late} == {25}
    assert np.array_equal(data.observation[1:, :4], data.next_observation[:-1, :4])
    assert np.array_equal(data.observation[:, 4:], data.next_observation[:, 4:])


def test_lingering_does_not_go_on_past_the_time_for_a_goal():
    data = make(attrs.evolve(UMAZE, horizon=40), transitions=2000, seed=0)
    lengths = [episode.stop - episode.start for episode in episodes(data)]
    assert max(lengths) == 40
    assert len(stays(data)) > 10


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


def test_no_environment_draws_goals_by_itself():
    assert dict(UMAZE.explored.kwargs) == {"continuing_task": True, "reset_target": False}


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
    assert second.reference == reference_of(maze.dataset)


def test_a_cache_that_cannot_be_written_is_refused_in_words(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setattr(Medium, "maze", attrs.evolve(MEDIUM, transitions=10))
    monkeypatch.setenv("AGENT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match="cannot be written"):
        Medium().load()


@pytest.mark.slow
def test_the_published_references_are_what_is_measured():
    measured = measure_reference(UMAZE, Protocol(episodes=100))
    published = reference_of("pointmaze/umaze")
    for name, value in (("random", published.random_return), ("expert", published.expert_return)):
        interval = measured[name].return_
        assert abs(interval.mean - value) < 2 * interval.half_width
    assert measured["controller"].success.mean == 1.0
    assert measured["expert"].environment == UMAZE.scored.as_json()


def test_measuring_takes_a_protocol():
    measured = UMaze().measure_reference(Protocol(episodes=2, seed=7))
    assert list(measured) == ["random", "controller", "expert"]
    assert [episode.seed for episode in measured["expert"].episodes] == [7, 8]


def test_more_than_the_embedded_data_are_further_walks():
    """The first walk is the embedded one; the others have random numbers of their own."""
    maze = attrs.evolve(UMAZE, transitions=150)
    data, first = make(maze, transitions=400, seed=5), make(maze, transitions=150, seed=5)
    assert np.array_equal(data.observation[:150], first.observation)
    assert np.array_equal(data.timeout[:150], first.timeout)
    assert data.timeout[[149, 299, 399]].all()
    assert not np.array_equal(data.observation[150:250], data.observation[:100])
    assert not np.array_equal(data.observation[150:250], data.observation[300:])


def test_walks_are_made_in_blocks_and_joined_without_a_seam():
    data = make(UMAZE, transitions=2100, seed=5)
    for row in (999, 1999):
        assert np.array_equal(data.next_observation[row, :4], data.observation[row + 1, :4])
