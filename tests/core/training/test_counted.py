"""Final scores that are made of looks during training, in an environment of our own."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import gymnasium
import numpy as np
import pytest
import torch

from genpolicy.agent import Agent
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset, EnvironmentSpec
from genpolicy.errors import OptionError, StoppedError
from genpolicy.evaluation import Evaluator
from genpolicy.observer import Observer
from genpolicy.records import ArtifactRecord, EpisodeRecord, EvaluationRecord
from genpolicy.training.record_facts import record_as_json, record_from_json
from genpolicy.training.runner import Outcome, Runner

Maker = Callable[..., AgentRecipe]
DataMaker = Callable[..., Dataset]
STEPS = ("objective.critic_steps=4", "objective.policy_steps=12", "objective.batch_size=8")
RATE = ("objective.policy_learning_rate=0.05",)
LOOKS = ("train.looks=6", "train.look_episodes=2")


class Slope(gymnasium.Env[np.ndarray, np.ndarray]):
    """Rewards the first number of the action and charges for the second, for a while."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed=None, options=None):  # type: ignore[no-untyped-def]
        super().reset(seed=seed)
        return self.np_random.normal(size=3).astype(np.float32), {}

    def step(self, action):  # type: ignore[no-untyped-def]
        seen = self.np_random.normal(size=3).astype(np.float32)
        return seen, float(action[0] - action[1]), False, False, {"success": action[0] > action[1]}


gymnasium.register("Slope-v0", entry_point=Slope)


class Diary(Observer):
    """Writes down the scores and the agents that it is told of."""

    def __init__(self) -> None:
        self.evaluations: list[EvaluationRecord] = []
        self.agents: list[ArtifactRecord] = []

    def on_evaluation(self, record: EvaluationRecord) -> None:
        self.evaluations.append(record)

    def on_artifact(self, record: ArtifactRecord) -> None:
        if record.kind == "agent":
            self.agents.append(record)

    @property
    def looks(self) -> list[EvaluationRecord]:
        return [record for record in self.evaluations if record.selection is None]


@pytest.fixture
def data(make_dataset: DataMaker) -> Dataset:
    return attrs.evolve(make_dataset(), environment=EnvironmentSpec(id="Slope-v0", horizon=4))


@pytest.fixture
def protocol(small_recipe: Maker) -> Callable[..., AgentRecipe]:
    """Return a small agent that is scored by a protocol."""

    def make(name: str, *arguments: str, objective: str = "gmpo") -> AgentRecipe:
        typed = (*STEPS, *RATE, *LOOKS, f"evaluation.name={name}", *arguments)
        return small_recipe(objective, *typed)

    return make


def _runner(recipe: AgentRecipe, data: Dataset, folder: Path) -> Runner:
    return Runner(recipe, data, run="r", folder=folder, device=torch.device("cpu"))


def _run(recipe: AgentRecipe, data: Dataset, folder: Path) -> tuple[Outcome, Diary]:
    diary = Diary()
    return _runner(recipe, data, folder).run([diary]), diary


def _sizes(records: Sequence[EvaluationRecord]) -> list[tuple[int, int]]:
    return [(record.step, len(record.episodes)) for record in records]


def _returns(record: EvaluationRecord | None) -> list[float]:
    assert record is not None
    return [episode.return_ for episode in record.episodes]


def test_the_last_three_looks_are_the_score(protocol: Maker, data: Dataset, tmp_path: Path) -> None:
    outcome, diary = _run(protocol("fql", "evaluation.episodes=3"), data, tmp_path)
    assert _sizes(diary.looks) == [(6, 2), (8, 2), (10, 2), (12, 3), (14, 3), (16, 3)]
    assert {record.protocol for record in diary.looks} == {"fql[episodes=3]-look"}
    final = diary.evaluations[-1]
    assert final == outcome.evaluation
    assert (final.protocol, final.selection) == ("fql[episodes=3]", "mean-of-last-three")
    assert (final.stage, final.step, len(final.episodes)) == ("policy", 16, 9)
    assert final.episodes == tuple(e for look in diary.looks[-3:] for e in look.episodes)
    means = [record.return_.mean for record in diary.looks[-3:]]
    assert len(set(means)) == 3
    assert final.return_.mean == pytest.approx(sum(means) / 3)
    assert final.success is not None
    assert [artifact.step for artifact in diary.agents] == [16]


def test_the_best_look_is_the_score_and_its_agent_is_saved(
    protocol: Maker, data: Dataset, tmp_path: Path
) -> None:
    outcome, diary = _run(protocol("best", "objective.policy_learning_rate=0.3"), data, tmp_path)
    assert _sizes(diary.looks) == [(6, 100), (8, 100), (10, 100), (12, 100), (14, 100), (16, 100)]
    best = max(diary.looks, key=lambda record: record.return_.mean)
    assert best.step < 16, "the last look would be the best in any case"
    final = outcome.evaluation
    assert final is not None
    assert (final.protocol, final.selection, final.step) == ("best", "best", best.step)
    assert final.episodes == best.episodes
    assert [artifact.step for artifact in diary.agents] == [best.step]
    saved = Agent.load(tmp_path / "agent")
    evaluator = Evaluator.of(data, saved.recipe.evaluation)
    assert evaluator.evaluate(saved.act).episodes == best.episodes
    assert evaluator.evaluate(outcome.agent.act).episodes == best.episodes
    evaluator.close()


@pytest.mark.parametrize("name", ["fql", "best"])
@pytest.mark.parametrize("stop", [5, 8, 11, 12, 13, 15, 16])
def test_a_run_that_was_stopped_scores_as_if_it_never_was(
    name: str, stop: int, protocol: Maker, data: Dataset, tmp_path: Path
) -> None:
    recipe = protocol(name, "evaluation.episodes=3", "train.ema=0.5")
    whole, diary = _run(recipe, data, tmp_path / "whole")
    first, told = _runner(recipe, data, tmp_path / "r"), Diary()
    _stop_after(first, stop)
    with pytest.raises(StoppedError):
        first.run([told])
    torch.manual_seed(99)
    second = _runner(recipe, data, tmp_path / "r")
    assert second.restore() == (stop, [])
    outcome = second.run([told])
    assert _timeless(outcome.evaluation) == _timeless(whole.evaluation)
    assert [*map(_timeless, told.evaluations)] == [*map(_timeless, diary.evaluations)]
    assert told.agents[-1].sha256 == diary.agents[-1].sha256


def _stop_after(runner: Runner, step: int) -> None:
    take_step = runner.learner.take_step

    def taking(*arguments: Any) -> None:
        take_step(*arguments)
        if runner.learner.step == step:
            runner.stop()

    runner.learner.take_step = taking  # type: ignore[method-assign]


def _timeless(record: EvaluationRecord | None) -> EvaluationRecord:
    assert record is not None
    return attrs.evolve(record, seconds=0.0)


def test_the_last_agents_protocol_is_scored_as_ever(
    protocol: Maker, data: Dataset, tmp_path: Path
) -> None:
    outcome, diary = _run(protocol("d4rl-last"), data, tmp_path)
    assert _sizes(diary.looks) == [(step, 2) for step in (6, 8, 10, 12, 14, 16)]
    assert outcome.evaluation is not None
    assert (outcome.evaluation.protocol, outcome.evaluation.selection) == ("d4rl-last", "last")
    assert len(outcome.evaluation.episodes) == 10


def test_looks_count_in_the_last_stage_that_trains_what_acts(
    small_recipe: Maker, data: Dataset, tmp_path: Path
) -> None:
    """A policy that picks by its critic is scored while the critic trains, not before."""
    typed = ("objective.behaviour_steps=6", "objective.critic_steps=6", "objective.batch_size=8")
    looks = ("train.looks=3", "train.look_episodes=2", "evaluation.environments=3")
    recipe = small_recipe("sfbc", *typed, *looks, "evaluation.name=fql", "evaluation.episodes=3")
    stages = [stage.name for stage in recipe.objective.stages()]
    assert stages == ["behaviour", "critic"]
    outcome, diary = _run(recipe, data, tmp_path)
    assert [(r.stage, r.step, len(r.episodes)) for r in diary.looks] == [
        *(("behaviour", step, 2) for step in (2, 4, 6)),
        *(("critic", step, 3) for step in (8, 10, 12)),
    ]
    assert outcome.evaluation is not None
    assert (outcome.evaluation.stage, len(outcome.evaluation.episodes)) == ("critic", 9)


def test_a_stage_too_short_for_the_looks_that_count_is_refused_before_the_first_step(
    protocol: Maker, data: Dataset, tmp_path: Path
) -> None:
    runner = _runner(protocol("fql", "objective.policy_steps=2"), data, tmp_path)
    with pytest.raises(OptionError) as caught:
        runner.run([])
    assert "and stage 'policy' of 2 steps has 2; " in str(caught.value)
    assert runner.learner.step == 0


def test_where_every_look_counts_no_environment_is_made_for_others(
    protocol: Maker, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    init = Evaluator.__init__

    def counting(self: Evaluator, *arguments: Any, **options: Any) -> None:
        made.append(1)
        init(self, *arguments, **options)

    monkeypatch.setattr(Evaluator, "__init__", counting)
    _run(protocol("best", "evaluation.episodes=2"), data, tmp_path)
    assert len(made) == 1


def test_a_record_is_the_same_after_json() -> None:
    episode = EpisodeRecord(
        return_=float("inf"), length=3, success=None, steps_to_success=None, seed=7
    )
    record = EvaluationRecord(
        stage="policy",
        step=4,
        protocol="fql-look",
        selection=None,
        environment={"id": "Slope-v0"},
        seed=7,
        episodes=(episode, attrs.evolve(episode, success=True, steps_to_success=2)),
        random_return=0.5,
    )
    assert record_from_json(record_as_json(record)) == record
