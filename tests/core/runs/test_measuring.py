"""The returns between which scores are normalised, measured."""

import attrs
import numpy as np
import pytest

from genpolicy.dataset import Dataset, DatasetRecipe, EnvironmentSpec, Reference
from genpolicy.errors import DataError
from genpolicy.evaluation import Protocol
from genpolicy.evaluation.baselines import FROM_DATA
from genpolicy.runs.measuring import measure_references, reference_between

PENDULUM = EnvironmentSpec(id="Pendulum-v1", horizon=5)


@attrs.frozen(kw_only=True)
class Pendulums(DatasetRecipe):
    """Four episodes of three steps, each step worth the same."""

    worth: float = -2.0
    where: EnvironmentSpec | None = PENDULUM
    between: Reference | None = None

    def load(self) -> Dataset:
        steps = np.arange(12)
        seen = np.random.default_rng(0).standard_normal((13, 3)).astype(np.float32)
        return Dataset(
            name="pendulums",
            observation=seen[:-1],
            action=np.zeros((12, 1), np.float32),
            reward=(self.worth + steps // 3).astype(np.float32),
            next_observation=seen[1:],
            terminal=np.zeros(12, np.bool_),
            timeout=steps % 3 == 2,
            action_low=np.full(1, -2.0, np.float32),
            action_high=np.full(1, 2.0, np.float32),
            environment=self.where,
            reference=self.between,
        )


def test_of_any_data_random_actions_are_played_and_the_behaviour_is_read_off():
    measured = measure_references(Pendulums(), episodes=2)
    assert list(measured) == ["random", "behaviour"]
    assert [each.seed for each in measured["random"].episodes] == [100_000, 100_001]
    assert [each.return_ for each in measured["behaviour"].episodes] == [-6.0, -3.0, 0.0, 3.0]
    assert measured["behaviour"].protocol == FROM_DATA
    assert all(record.score is None for record in measured.values())
    assert reference_between(measured) is None


def test_without_a_number_the_episodes_are_those_that_agents_are_scored_on():
    measured = measure_references(Pendulums())
    assert measured["random"].protocol == Protocol().label == "default"
    assert len(measured["random"].episodes) == 100


def test_an_experts_data_make_the_scale():
    measured = measure_references(Pendulums(), expert=Pendulums(worth=10.0), episodes=2)
    assert measured["expert"].return_.mean == 34.5
    assert measured["random"].score.mean == pytest.approx(0.0, abs=1e-3)
    assert measured["expert"].score.mean == pytest.approx(100.0)
    between = reference_between(measured)
    assert between.random_return == pytest.approx(measured["random"].return_.mean, abs=5e-4)
    assert between.expert_return == 34.5
    assert between.source == "measured here: 2 episodes of random actions, 4 of an expert"
    given = {"random_return": between.random_return, "expert_return": between.expert_return}
    scored = Pendulums(**given).prepare().reference
    assert (scored.random_return, scored.expert_return) == tuple(given.values())


def test_the_datas_own_reference_tells_the_scores():
    own = Reference(random_return=-6.0, expert_return=4.0, source="us")
    measured = measure_references(Pendulums(between=own), expert=Pendulums(), episodes=1)
    assert measured["behaviour"].score.mean == 45.0
    assert reference_between(measured).expert_return == -1.5


def test_transforms_of_a_run_change_nothing_that_is_measured():
    plain = measure_references(Pendulums(), episodes=1)["behaviour"]
    changed = Pendulums(reward="return-range", n_step=2, normalise=True)
    assert measure_references(changed, episodes=1)["behaviour"] == plain
    best = measure_references(Pendulums(best=0.25), episodes=1)["behaviour"]
    assert [each.return_ for each in best.episodes] == [3.0]


def test_data_without_an_environment_name_one():
    with pytest.raises(DataError, match=r"names no environment to measure returns in; name one wi"):
        measure_references(Pendulums(where=None))


def test_an_expert_acted_in_the_same_environment():
    other = Pendulums(where=EnvironmentSpec(id="Swimmer-v5", horizon=5))
    with pytest.raises(DataError, match=r"'Swimmer-v5', 'pendulums' of 'Pendulum-v1'; an expert"):
        measure_references(Pendulums(), expert=other, episodes=1)
    unknown = measure_references(Pendulums(), expert=Pendulums(where=None), episodes=1)
    assert unknown["expert"].environment == PENDULUM.as_json()
