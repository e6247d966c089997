"""An agent that acts while it learns, in environments of our own and in a maze."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor

import drifting  # noqa: F401  registers the environments
from genpolicy.agent import Agent, shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Batch, Dataset, EnvironmentSpec, Floats
from genpolicy.errors import DataError, RunError, StoppedError
from genpolicy.observer import Observer
from genpolicy.records import ArtifactRecord, EvaluationRecord, EventRecord
from genpolicy.training.learner import Learner
from genpolicy.training.online import OnlineSampler
from genpolicy.training.runner import Outcome, Runner
from genpolicy.training.sampler import Sampler
from genpolicy.transforms import in_chunks

Maker = Callable[..., AgentRecipe]
DataMaker = Callable[..., Dataset]
CPU = torch.device("cpu")
JOINT = ("objective.steps=3", "objective.batch_size=8", "train.checkpoint_seconds=1e9")
SCORED = ("evaluation.episodes=2", "train.looks=2", "train.look_episodes=2")
STAGED = ("objective.critic_steps=3", "objective.policy_steps=2", "objective.batch_size=8")


@pytest.fixture
def data(make_dataset: DataMaker) -> Dataset:
    """Transitions whose rewards are all 9, where the environment's are at most 2."""
    place = EnvironmentSpec(id="drifting/Drift-v0", horizon=6)
    data = make_dataset()
    return attrs.evolve(data, environment=place, reward=np.full(len(data), 9.0, np.float32))


class Diary(Observer):
    """Writes down what a run says of its course."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int, int]] = []
        self.evaluations: list[EvaluationRecord] = []
        self.artifacts: list[ArtifactRecord] = []
        self.events: list[EventRecord] = []

    def on_stage(self, name: str, first_step: int, last_step: int) -> None:
        self.stages.append((name, first_step, last_step))

    def on_evaluation(self, record: EvaluationRecord) -> None:
        self.evaluations.append(record)

    def on_artifact(self, record: ArtifactRecord) -> None:
        self.artifacts.append(record)

    def on_event(self, record: EventRecord) -> None:
        self.events.append(record)


def _sampler(recipe: AgentRecipe, data: Dataset) -> OnlineSampler:
    learner = Learner(recipe, shapes_of(data), CPU)
    sampler = OnlineSampler(recipe, data, Sampler(data, CPU), CPU)
    assert sampler.open(learner.agent("policy", data, "")) is None
    return sampler


def _of_data(batch: Batch) -> int:
    return int((batch.reward == 9.0).sum())


def _runner(recipe: AgentRecipe, data: Dataset, folder: Path) -> Runner:
    return Runner(recipe, data, run="r", folder=folder, device=CPU)


def _end(runner: Runner, outcome: Outcome) -> dict[str, Tensor]:
    """Everything a run ends with, in numbers."""
    scores = [outcome.offline, outcome.evaluation]
    returns = [e.return_ for record in scores if record for e in record.episodes]
    return {**runner._state().tensors, "returns": torch.tensor(returns)}


def _different(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> set[str]:
    assert one.keys() == other.keys()
    return {key for key in one if not torch.equal(one[key], other[key])}


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.25, 4), (0.5, 8), (1.0, 16)])
def test_a_batch_holds_the_share_of_the_data_that_is_asked_for(
    share: float, expected: int, small_recipe: Maker, data: Dataset
) -> None:
    options = ("train.online_steps=60", f"train.online_offline_share={share}")
    sampler = _sampler(small_recipe("gmpo", *options), data)
    counts = [_of_data(sampler.draw(16)) for _ in range(60)]
    sampler.close()
    assert counts[:3] == [max(expected, 16 - steps) for steps in (1, 2, 3)], "data fill the rest"
    assert set(counts[16:]) == {expected}


def test_appended_steps_are_drawn_as_often_as_the_data(small_recipe: Maker, data: Dataset) -> None:
    torch.manual_seed(0)
    options = ("train.online_steps=64", "train.online_replay=append", "train.online_warmup=63")
    sampler = _sampler(small_recipe("gmpo", *options), data)
    batch = sampler.draw(20_000)
    sampler.close()
    assert len(batch) == 20_000
    assert abs(_of_data(batch) - 10_000) < 300, "64 transitions of the data, 64 steps"
    seen = batch.next_observation[batch.reward != 9.0]
    drawn = seen.unique(dim=0, return_counts=True)[1]
    assert len(drawn) == 64
    assert int((drawn - 156).abs().max()) < 60


@pytest.mark.parametrize(("updates", "warmup"), [(1, 0), (3, 0), (2, 5)])
def test_updates_and_a_warmup_space_the_steps_in_the_environment(
    updates: int, warmup: int, small_recipe: Maker, data: Dataset
) -> None:
    options = [f"train.online_updates={updates}", f"train.online_warmup={warmup}"]
    recipe = small_recipe("gmpo", "train.online_steps=9", *options)
    draws = recipe.train.online_learning_steps
    assert draws == (9 - warmup) * updates
    sampler, steps = _sampler(recipe, data), []
    for _ in range(draws):
        sampler.draw(2)
        steps.append(sampler.state().facts["online"]["steps"])
    sampler.close()
    assert steps == [warmup + 1 + draw // updates for draw in range(draws)]
    assert steps[-1] == 9


def test_it_acts_by_the_weights_that_it_has_at_the_time(small_recipe: Maker, data: Dataset) -> None:
    recipe = small_recipe("gmpo", "train.online_steps=50")
    learner = Learner(recipe, shapes_of(data), CPU)
    sampler = OnlineSampler(recipe, data, Sampler(data, CPU), CPU)
    sampler.open(learner.agent("policy", data, ""))
    sampler.draw(4)
    with torch.no_grad():
        for weight in learner.models.roles["policy"].parameters():
            weight.fill_(torch.nan)
    with pytest.raises(RunError) as caught:
        sampler.draw(4)
    sampler.close()
    assert str(caught.value) == (
        "the policy's action in online step 2 is not finite; try a lower learning rate, or "
        "train.clip_norm=1"
    )


def test_noise_stirs_actions_inside_their_box(small_recipe: Maker, data: Dataset) -> None:
    taken: list[Floats] = []
    for noise in (0.0, 0.3, 50.0):
        options = ("backbone=deterministic", "solver=jump:1", f"train.online_noise={noise}")
        torch.manual_seed(0)
        sampler = _sampler(small_recipe("gmpo", "train.online_steps=6", *options), data)
        for _ in range(5):
            sampler.draw(1)
        taken.append(sampler._playing.taken)
        sampler.close()
    calm, stirred, thrown = taken
    assert 0.0 < abs(stirred[0] - calm[0]).max() < 1.5
    assert (abs(thrown) == 1.0).mean() > 0.9


def test_chunks_are_played_to_their_end_and_told_step_by_step(
    small_recipe: Maker, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    act = Agent.act

    def asking(self: Agent, *arguments: Any) -> Floats:
        asked.append(1)
        return act(self, *arguments)

    monkeypatch.setattr(Agent, "act", asking)
    chunked = in_chunks(attrs.evolve(data, timeout=np.arange(len(data)) % 16 == 7), 4)
    options = ("train.online_steps=12", "train.online_offline_share=0", "train.online_warmup=11")
    sampler = _sampler(small_recipe("gmpo", *options), chunked)
    batch = sampler.draw(8)
    sampler.close()
    assert len(asked) == 4, "two for each episode of six steps: four, and what is left"
    assert batch.action.shape == (8, 4, 2)
    assert len(sampler._replay) == 6, "three windows of four in each"


def test_without_an_environment_it_is_refused_before_anything_is_trained(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        _runner(small_recipe("gmpo", "train.online_steps=10"), make_dataset(), tmp_path)
    assert str(caught.value) == (
        "train.online_steps=10 needs an environment to act in, and dataset 'tiny' names none; name "
        "one with dataset.environment, or leave the online steps out"
    )


def test_both_scores_and_both_agents_are_kept(
    small_recipe: Maker, data: Dataset, tmp_path: Path
) -> None:
    recipe = small_recipe("gmpo", *STAGED, *SCORED, "train.online_steps=4")
    diary = Diary()
    outcome = _runner(recipe, data, tmp_path).run([diary])
    assert diary.stages == [("critic", 0, 3), ("policy", 3, 5), ("online", 5, 9)]
    assert [(each.stage, each.step, each.selection) for each in diary.evaluations] == [
        ("policy", 4, None),
        ("policy", 5, None),
        ("policy", 5, "offline"),
        ("online", 7, None),
        ("online", 9, None),
        ("online", 9, "last"),
    ]
    assert outcome.offline == diary.evaluations[2]
    assert outcome.evaluation == diary.evaluations[-1]
    assert diary.evaluations[2].protocol == diary.evaluations[-1].protocol
    agents = [each for each in diary.artifacts if each.kind == "agent"]
    assert [(each.step, Path(each.path).name) for each in agents] == [
        (5, "offline-agent"),
        (9, "agent"),
    ]
    before, after = (Agent.load(each.path) for each in agents)
    seen = np.ones((4, 3), np.float32)
    acts = [each.act(seen, torch.Generator().manual_seed(0)) for each in (before, after)]
    assert not np.array_equal(*acts)


def test_the_offline_part_is_that_of_a_run_that_stays_offline(
    small_recipe: Maker, data: Dataset, tmp_path: Path
) -> None:
    options = (*STAGED, *SCORED)
    alone = _runner(small_recipe("gmpo", *options), data, tmp_path / "a").run([])
    online = small_recipe("gmpo", *options, "train.online_steps=4")
    both = _runner(online, data, tmp_path / "b").run([])
    assert alone.offline is None
    assert alone.evaluation is not None
    assert both.offline is not None
    assert both.offline.episodes == alone.evaluation.episodes


ONLINE = (*JOINT, *SCORED, "train.online_steps=10", "train.online_updates=2", "train.ema=0.9")


@pytest.fixture(scope="module")
def unbroken(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Tensor]:
    """What a run ends with that was never stopped."""
    data = attrs.evolve(
        make_dataset(), environment=EnvironmentSpec(id="drifting/Drift-v0", horizon=6)
    )
    runner = _runner(small_recipe("gtp", *ONLINE), data, tmp_path_factory.mktemp("run"))
    return _end(runner, runner.run([]))


@pytest.mark.parametrize("stop", [1, 3, 4, 9, 15, 16, 22, 23])
def test_a_run_that_was_stopped_goes_on_as_if_it_never_was(
    stop: int,
    unbroken: Mapping[str, Tensor],
    small_recipe: Maker,
    make_dataset: DataMaker,
    tmp_path: Path,
) -> None:
    """Before, at and after the beginning of the online stage, within episodes and between them."""
    data = attrs.evolve(
        make_dataset(), environment=EnvironmentSpec(id="drifting/Drift-v0", horizon=6)
    )
    recipe, diary = small_recipe("gtp", *ONLINE), Diary()
    runner = _runner(recipe, data, tmp_path)
    take_step = runner.learner.take_step

    def taking(*arguments: Any) -> None:
        if runner.learner.step == stop - 1:
            runner.stop()
        take_step(*arguments)

    runner.learner.take_step = taking  # type: ignore[method-assign]
    with pytest.raises(StoppedError):
        runner.run([diary])
    torch.manual_seed(12345)
    resumed = _runner(recipe, data, tmp_path)
    done, _ = resumed.restore()
    outcome = resumed.run([diary])
    assert _different(unbroken, _end(resumed, outcome)) == set()
    assert [event for event in diary.events if event.kind == "warning"] == []
    assert done in (stop, 0), "stopped while it was scored, it trains again up to there"


def test_a_run_killed_after_its_last_step_only_finishes(
    unbroken: Mapping[str, Tensor], small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    data = attrs.evolve(
        make_dataset(), environment=EnvironmentSpec(id="drifting/Drift-v0", horizon=6)
    )
    recipe = small_recipe("gtp", *ONLINE)
    _runner(recipe, data, tmp_path).run([])
    again = _runner(recipe, data, tmp_path)
    assert again.restore() == (23, [])
    assert _different(unbroken, _end(again, again.run([]))) == set()


def test_a_simulator_that_does_not_come_back_is_told_and_the_run_finishes(
    small_recipe: Maker, data: Dataset, tmp_path: Path
) -> None:
    place = EnvironmentSpec(id="drifting/Remembering-v0", horizon=6)
    data, recipe = attrs.evolve(data, environment=place), small_recipe("gtp", *ONLINE)
    runner = _runner(recipe, data, tmp_path)
    assert runner._online is not None
    draw = runner._online.draw

    def drawing(size: int) -> Batch:
        if runner.learner.step == 20:
            runner.stop()
        return draw(size)

    runner._online.draw = drawing  # type: ignore[method-assign]
    with pytest.raises(StoppedError):
        runner.run([])
    resumed, diary = _runner(recipe, data, tmp_path), Diary()
    resumed.restore()
    outcome = resumed.run([diary])
    assert outcome.evaluation is not None
    assert [event.message for event in diary.events if event.kind == "warning"] == [
        "environment 'drifting/Remembering-v0' does not take the same course twice: its episode "
        "was left, and the next one begun"
    ]
    assert resumed._state().facts["online"]["steps"] == 10


def test_another_seed_acts_otherwise(
    unbroken: Mapping[str, Tensor], small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    data = attrs.evolve(
        make_dataset(), environment=EnvironmentSpec(id="drifting/Drift-v0", horizon=6)
    )
    runner = _runner(small_recipe("gtp", *ONLINE, seed=1), data, tmp_path)
    outcome = runner.run([])
    assert "online/rows" in _different(unbroken, _end(runner, outcome))
