"""Scores during training, in an environment of our own."""

from collections.abc import Callable
from pathlib import Path

import attrs
import gymnasium
import numpy as np
import pytest
import torch
from torch import nn

from genpolicy.agent import Agent, shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset, EnvironmentSpec
from genpolicy.errors import DataError, StoppedError
from genpolicy.objective import Stage
from genpolicy.observer import Observer
from genpolicy.records import EvaluationRecord
from genpolicy.training.learner import Learner
from genpolicy.training.looks import Looks
from genpolicy.training.runner import Runner

Maker = Callable[..., AgentRecipe]
DataMaker = Callable[..., Dataset]
CPU = torch.device("cpu")
STEPS = ("objective.critic_steps=4", "objective.policy_steps=4", "objective.batch_size=8")
SCORING = ("evaluation.episodes=3", "train.looks=2", "train.look_episodes=2")


class Drift(gymnasium.Env[np.ndarray, np.ndarray]):
    """Rewards the action, for as many steps as the specification allows."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed=None, options=None):  # type: ignore[no-untyped-def]
        super().reset(seed=seed)
        return self.np_random.normal(size=3).astype(np.float32), {}

    def step(self, action):  # type: ignore[no-untyped-def]
        seen = self.np_random.normal(size=3).astype(np.float32)
        return seen, float(action.sum()), False, False, {}


gymnasium.register("Drift-v0", entry_point=Drift)


@pytest.fixture
def data(make_dataset: DataMaker) -> Dataset:
    return attrs.evolve(make_dataset(), environment=EnvironmentSpec(id="Drift-v0", horizon=4))


@pytest.fixture
def recipe(small_recipe: Maker) -> AgentRecipe:
    return small_recipe("gmpo", *STEPS, *SCORING)


def _drop_out(learner: Learner) -> None:
    """Give the acting policy dropout, wherever it has layers of several modules."""
    for module in learner.models.roles["policy"].modules():
        if isinstance(module, nn.Sequential):
            module.append(nn.Dropout(0.5))


def _runner(recipe: AgentRecipe, data: Dataset, folder: Path) -> Runner:
    return Runner(recipe, data, run="r", folder=folder, device=CPU)


def _taken(looks: Looks, learner: Learner, stage: Stage) -> EvaluationRecord:
    look = looks.look(learner, stage)
    look.take()
    return looks.record(look)


def _returns(record: EvaluationRecord) -> list[float]:
    return [episode.return_ for episode in record.episodes]


def test_a_look_scores_without_dropout_and_training_goes_on_with_it(
    recipe: AgentRecipe, data: Dataset
) -> None:
    torch.manual_seed(0)
    learner, looks = Learner(recipe, shapes_of(data), CPU), Looks(recipe, data)
    _drop_out(learner)
    stage = recipe.objective.stages()[1]
    learner.enter(1, stage)
    policy = learner.models.roles["policy"]
    policy.path_probe = nn.Dropout().eval()  # a part that keeps to its own mode while training
    before = [module.training for module in policy.modules()]
    assert True in before
    state = torch.get_rng_state()
    first, second = (_taken(looks, learner, stage) for _ in range(2))
    looks.close()
    assert _returns(first) == _returns(second)
    assert torch.equal(state, torch.get_rng_state()), "dropout drew random numbers"
    assert [module.training for module in policy.modules()] == before


def test_a_look_that_fails_leaves_the_policy_training(
    recipe: AgentRecipe, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, looks = Learner(recipe, shapes_of(data), CPU), Looks(recipe, data)
    stage = recipe.objective.stages()[1]
    learner.enter(1, stage)

    def fail(*_: object) -> None:
        raise RuntimeError("fell over")

    monkeypatch.setattr(Agent, "act", fail)
    with pytest.raises(RuntimeError, match="fell over"):
        _taken(looks, learner, stage)
    looks.close()
    assert learner.models.roles["policy"].training


def test_the_finished_agent_acts_without_dropout(
    recipe: AgentRecipe, data: Dataset, tmp_path: Path
) -> None:
    runner = _runner(recipe, data, tmp_path)
    _drop_out(runner.learner)
    agent = runner.run([]).agent
    observation = np.ones((4, 3), np.float32)
    one, two = (agent.act(observation, torch.Generator().manual_seed(1)) for _ in range(2))
    assert np.array_equal(one, two)


def test_looks_and_the_score_are_named_by_what_was_changed(
    recipe: AgentRecipe, data: Dataset, tmp_path: Path
) -> None:
    protocols: list[tuple[str, int]] = []

    class Diary(Observer):
        def on_evaluation(self, record: EvaluationRecord) -> None:
            protocols.append((record.protocol, len(record.episodes)))

    _runner(recipe, data, tmp_path).run([Diary()])
    look = ("default[episodes=3]-look", 2)
    assert protocols == [look, look, ("default[episodes=3]", 3)]


@pytest.mark.parametrize("stopped", [None, 5])
def test_an_environment_that_cannot_be_made_is_refused_before_the_first_step(
    stopped: int | None, recipe: AgentRecipe, data: Dataset, tmp_path: Path
) -> None:
    if stopped is not None:
        first = _runner(recipe, data, tmp_path)
        first.sampler.draw = _counting(first, stopped)  # type: ignore[method-assign]
        with pytest.raises(StoppedError):
            first.run([])
    gone = attrs.evolve(data, environment=EnvironmentSpec(id="Gone-v0", horizon=4))
    runner = _runner(recipe, gone, tmp_path)
    done, _ = runner.restore()
    assert done == (stopped or 0)
    with pytest.raises(DataError, match="environment 'Gone-v0' cannot be made"):
        runner.run([])
    assert runner.learner.step == done


def _counting(runner: Runner, last: int) -> Callable[[int], object]:
    draw = runner.sampler.draw

    def drawing(size: int) -> object:
        if runner.learner.step + 1 == last:
            runner.stop()
        return draw(size)

    return drawing


@pytest.mark.parametrize(("looks", "made"), [(0, 3), (2, 5)])
def test_environments_are_made_when_they_are_needed(
    looks: int,
    made: int,
    recipe: AgentRecipe,
    data: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts: list[int] = []
    make = gymnasium.make

    def counting(*arguments: object, **options: object) -> object:
        counts.append(1)
        return make(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(gymnasium, "make", counting)
    recipe = attrs.evolve(recipe, train=attrs.evolve(recipe.train, looks=looks))
    opened = Looks(recipe, data)
    opened.open(recipe.objective.stages())
    opened.close()
    assert len(counts) == 1, "one shows whether they can be made"
    counts.clear()
    _runner(recipe, data, tmp_path).run([])
    assert len(counts) == made


def test_without_an_environment_nothing_is_opened(
    recipe: AgentRecipe, make_dataset: DataMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("made an environment")

    monkeypatch.setattr(gymnasium, "make", refuse)
    Looks(recipe, make_dataset()).open(recipe.objective.stages())


def test_a_stop_while_the_agent_is_scored_ends_it_and_it_can_be_scored_again(
    recipe: AgentRecipe, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = attrs.evolve(recipe, train=attrs.evolve(recipe.train, looks=0))
    whole = _runner(recipe, data, tmp_path / "whole").run([]).evaluation
    runner, act, asked = _runner(recipe, data, tmp_path / "r"), Agent.act, []

    def stopping(self: Agent, *arguments: object) -> object:
        asked.append(1)
        if len(asked) == 2:
            runner.stop()
        return act(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Agent, "act", stopping)
    with pytest.raises(StoppedError) as caught:
        runner.run([])
    assert str(caught.value) == (
        "run r was stopped while it was scored; `agent resume r` scores it again"
    )
    assert len(asked) == 2
    monkeypatch.undo()
    again = _runner(recipe, data, tmp_path / "r")
    assert again.restore() == (8, [])
    found = again.run([]).evaluation
    assert whole is not None
    assert found is not None
    assert _returns(found) == _returns(whole)
