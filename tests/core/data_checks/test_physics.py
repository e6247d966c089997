"""Whether the data's steps are those of their environment."""

from types import SimpleNamespace

import attrs
import numpy as np
import pytest

from genpolicy.data_checks.bodies import CLIPPED
from genpolicy.data_checks.physics import PHYSICS, physics
from genpolicy.data_checks.replay import body_of
from genpolicy.data_checks.surroundings import action_bounds
from genpolicy.dataset import EnvironmentSpec
from genpolicy.evaluation import make_environment

GOALS = ("observation", "desired_goal")
PENDULUM = EnvironmentSpec(id="Pendulum-v1", horizon=100)
MAZE = EnvironmentSpec(
    id="gymnasium_robotics:PointMaze_UMaze-v3", horizon=100, observation_keys=GOALS
)
KNOWN = {
    "Hopper-v5": 11,
    "Walker2d-v5": 17,
    "HalfCheetah-v4": 17,
    "Ant-v5": 27,
    "Swimmer-v5": 8,
    "InvertedPendulum-v5": 4,
}


def found_in(data, spec=None):
    data = data if spec is None else attrs.evolve(data, environment=spec)
    environment = make_environment(data.environment)
    try:
        return list(physics(data, environment))
    finally:
        environment.close()


@pytest.fixture(scope="module")
def swings(rollout):
    return rollout(PENDULUM)


@pytest.mark.slow
@pytest.mark.parametrize("name", KNOWN)
def test_what_a_body_did_is_told_again(rollout, name):
    spec = EnvironmentSpec(id=name, horizon=100)
    data = rollout(spec)
    moved, paid, *ends = found_in(data)
    assert (moved.verdict, paid.verdict) == ("ok", "ok"), (moved, paid)
    assert [found.verdict for found in ends] == ["ok"] * len(ends), ends
    assert f"steps lead in {name} to the data's next observation" in moved.what
    environment = make_environment(spec)
    body, *_ = body_of(spec, environment, *action_bounds(environment))
    environment.close()
    assert body.compared == KNOWN[name]


@pytest.mark.slow
def test_the_embedded_data_are_their_mazes_own(catalogue):
    from genpolicy.composition.choosing import choose_part

    data = choose_part(catalogue, "dataset", "pointmaze/umaze", {}).recipe.load()
    assert [each.verdict for each in found_in(data)] == ["ok", "ok"]
    moved, paid = found_in(attrs.evolve(data, reward=np.roll(data.reward, 1)))
    assert (moved.verdict, paid.verdict) == ("ok", "wrong")
    assert "next row's reward is earned there: move rewards back by one row" in paid.advice
    _, paid = found_in(attrs.evolve(data, reward=0 * data.reward))
    assert paid.verdict == "wrong"


def test_honest_swings_pass(swings):
    moved, paid = found_in(swings)
    assert (moved.verdict, paid.verdict) == ("ok", "ok")
    assert moved.row is None


def noise(data, random):
    seen, following = random.normal(size=(2, *data.observation.shape)).astype(np.float32)
    return {"observation": seen, "next_observation": following}


def other_actions(data, random):
    return {"action": random.permutation(data.action)}


def other_successors(data, random):
    return {"next_observation": random.permutation(data.next_observation)}


@pytest.mark.parametrize("impostor", [noise, other_actions, other_successors])
def test_an_impostor_is_found_out(swings, impostor):
    changed = impostor(swings, np.random.default_rng(0))
    (moved,) = found_in(attrs.evolve(swings, **changed))
    assert moved.verdict == "wrong"
    assert moved.rows > 100
    assert moved.row in range(len(swings))
    assert "name the right one (dataset.environment)" in moved.advice


@pytest.mark.slow
@pytest.mark.parametrize("impostor", [noise, other_actions, other_successors])
def test_an_impostor_of_a_walking_body_is_found_out(rollout, impostor):
    data = rollout(EnvironmentSpec(id="Hopper-v5", horizon=100))
    changed = impostor(data, np.random.default_rng(0))
    assert found_in(attrs.evolve(data, **changed))[0].verdict == "wrong"


@pytest.mark.parametrize(
    ("shift", "advice"), [(1, "next row's {}: move {} back"), (-1, "previous row's {}: move {} on")]
)
def test_what_stands_a_row_too_far_is_named(swings, shift, advice):
    (moved,) = found_in(attrs.evolve(swings, action=np.roll(swings.action, shift, axis=0)))
    assert moved.verdict == "wrong"
    assert advice.format("action leads there", "actions") in moved.advice
    moved, paid = found_in(attrs.evolve(swings, reward=np.roll(swings.reward, shift)))
    assert (moved.verdict, paid.verdict) == ("ok", "wrong")
    assert advice.format("reward is earned there", "rewards") in paid.advice


def test_other_rewards_are_found(swings):
    random = np.random.default_rng(0)
    _, paid = found_in(attrs.evolve(swings, reward=random.permutation(swings.reward)))
    assert paid.verdict == "wrong"
    assert "agents would be scored by other rewards" in paid.advice


def test_what_there_is_to_know_of_the_environment_is_told(swings):
    spec = attrs.evolve(PENDULUM, note="an older version")
    (moved,) = found_in(attrs.evolve(swings, action=-swings.action), spec)
    assert moved.advice.endswith("name the right one (dataset.environment) (an older version)")


def test_a_quarter_of_other_steps_is_odd(swings):
    following = swings.next_observation.copy()
    following[::4] = np.random.default_rng(0).permutation(following)[::4]
    moved, _ = found_in(attrs.evolve(swings, next_observation=following))
    assert moved.verdict == "odd"
    assert moved.row % 4 == 0


def test_rows_that_are_all_ends_are_compared_all_the_same(swings):
    ends = {"terminal": np.ones(len(swings), bool), "timeout": np.zeros(len(swings), bool)}
    assert found_in(attrs.evolve(swings, **ends))[0].verdict == "ok"


@pytest.mark.parametrize("name", ["InvertedDoublePendulum-v5", "MountainCarContinuous-v0"])
def test_a_state_that_cannot_be_set_is_not_guessed(rollout, name):
    (only,) = found_in(rollout(EnvironmentSpec(id=name, horizon=50), rows=20))
    assert (only.check, only.verdict) == (PHYSICS, "unchecked")
    assert only.what == f"the state of {name} cannot be set from what it observes"


@pytest.fixture
def tampered(monkeypatch):
    """Lets a pendulum's steps be changed by random numbers; returns how its state is set then."""
    environment, random = make_environment(PENDULUM), np.random.default_rng(0)
    simulator = environment.unwrapped
    honest = simulator.step

    def found(change):
        monkeypatch.setattr(simulator, "step", lambda action: change(honest, action, random))
        return body_of(PENDULUM, environment, *action_bounds(environment))

    yield found
    environment.close()


def test_a_body_whose_steps_depend_on_more_than_it_observes_is_not_believed(tampered):
    assert tampered(lambda honest, action, random: honest(action)) != (None, False, False)
    gusty = tampered(lambda honest, action, random: honest(action + random.normal(size=1)))
    assert gusty == (None, False, False)


def test_rewards_that_an_environment_draws_are_not_compared(tampered):
    def step(honest, action, random):
        seen, _, *rest = honest(action)
        return seen, random.normal(), *rest

    body, rewarding, _ = tampered(step)
    assert body is not None
    assert not rewarding


def test_velocities_at_the_limit_do_not_tell_a_state(rollout):
    spec = EnvironmentSpec(id="Walker2d-v5", horizon=100)
    environment = make_environment(spec)
    body, *_ = body_of(spec, environment, *action_bounds(environment))
    environment.close()
    seen = np.zeros((2, 17), np.float32)
    seen[1, 12] = -CLIPPED
    assert body.tells_all(seen).tolist() == [True, False]


def test_an_environment_without_a_box_of_actions_has_no_bounds():
    low, high = action_bounds(SimpleNamespace(action_space=None))
    assert low.shape == high.shape == ()
