"""Runs on data without an environment: what is held out, and what it says in the end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch

from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Batch, Dataset, EnvironmentSpec
from genpolicy.errors import OptionError, StoppedError
from genpolicy.observer import Observer
from genpolicy.records import HELD_OUT, EventRecord, MetricsRecord
from genpolicy.training.runner import Runner
from genpolicy.training.unseen import Unseen
from genpolicy.transforms import in_chunks, units_of, with_n_step_returns

Maker = Callable[..., AgentRecipe]
DataMaker = Callable[..., Dataset]
STEPS = ("objective.critic_steps=4", "objective.policy_steps=4", "objective.batch_size=8")
SCORING = ("evaluation.held_out=0.25", "evaluation.fitted_q_steps=5")
METRICS = {
    "held_out/episodes",
    "held_out/transitions",
    "held_out/critic_loss",
    "held_out/policy_loss",
    "fitted_q/value",
    "fitted_q/data_value",
    "fitted_q/starts",
}


class Diary(Observer):
    """Writes down metrics and events."""

    def __init__(self) -> None:
        self.metrics: list[MetricsRecord] = []
        self.events: list[EventRecord] = []

    def on_metrics(self, record: MetricsRecord) -> None:
        self.metrics.append(record)

    def on_event(self, record: EventRecord) -> None:
        self.events.append(record)


def _recipe(small_recipe: Maker, *arguments: str) -> AgentRecipe:
    return small_recipe("gmpo", *STEPS, *SCORING, *arguments)


def _runner(recipe: AgentRecipe, data: Dataset, folder: Path) -> Runner:
    return Runner(recipe, data, run="r", folder=folder, device=torch.device("cpu"))


def _finite(values: Any) -> bool:
    return all(np.isfinite(value) for value in values.values())


def test_a_run_ends_with_losses_and_values_of_held_out_data(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    diary, data = Diary(), make_dataset()
    outcome = _runner(_recipe(small_recipe), data, tmp_path).run([diary])
    assert outcome.evaluation is None
    assert outcome.held_out.keys() == METRICS
    assert _finite(outcome.held_out)
    assert outcome.held_out["held_out/episodes"] == 2  # of eight
    assert outcome.held_out["held_out/transitions"] == 16
    assert outcome.held_out["fitted_q/starts"] == 2
    record = diary.metrics[-1]
    assert (record.stage, record.step) == (HELD_OUT, 8)
    assert dict(record.values) == outcome.held_out


def test_nothing_of_a_held_out_episode_is_ever_trained_on(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    data = make_dataset()
    marked = attrs.evolve(data, reward=np.arange(len(data), dtype=np.float32))
    runner, seen = _runner(_recipe(small_recipe), marked, tmp_path), set[float]()
    draw = runner.sampler.draw

    def drawing(size: int) -> Batch:
        batch = draw(size)
        seen.update(batch.reward.tolist())
        return batch

    runner.sampler.draw = drawing  # type: ignore[method-assign]
    runner.run([])
    seen.update(draw(5000).reward.tolist())
    held = set(runner._unseen._split.held_out.astype(float))
    assert len(held) == 16
    assert seen == set(range(len(data))) - held


def test_the_last_numbers_of_a_stopped_run_are_those_of_one_that_was_not(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    recipe, data = _recipe(small_recipe), make_dataset()
    whole = _runner(recipe, data, tmp_path / "whole").run([]).held_out
    stopped = _runner(recipe, data, tmp_path / "r")
    stopped._unseen.values = _stopping(stopped)  # type: ignore[method-assign]
    with pytest.raises(StoppedError, match="stopped while it was scored; `agent resume r`"):
        stopped.run([])
    again = _runner(recipe, data, tmp_path / "r")
    assert again.restore() == (8, [])
    assert again.run([]).held_out == whole


def _stopping(runner: Runner) -> Callable[..., dict[str, float]]:
    values = runner._unseen.values

    def asked(*arguments: Any) -> dict[str, float]:
        runner.stop()
        return values(*arguments)

    return asked


@pytest.mark.parametrize(
    ("option", "left"),
    [
        ("evaluation.held_out=0", {name for name in METRICS if name.startswith("fitted_q")}),
        ("evaluation.fitted_q_steps=0", {name for name in METRICS if name.startswith("held_out")}),
    ],
)
def test_zero_turns_each_off(
    option: str, left: set[str], small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    found = _runner(_recipe(small_recipe, option), make_dataset(), tmp_path).run([]).held_out
    assert found.keys() == left
    if "held_out" in option:
        assert found["fitted_q/starts"] == 8


def test_without_both_a_run_is_the_one_that_it_always_was(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    off = ("evaluation.held_out=0", "evaluation.fitted_q_steps=0")
    diary, data = Diary(), make_dataset()
    runner = _runner(_recipe(small_recipe, *off), data, tmp_path)
    torch.manual_seed(5)
    rows = torch.randint(len(data), (6,))
    torch.manual_seed(5)
    drawn = runner.sampler.draw(6)
    assert drawn.reward.tolist() == data.reward[rows].tolist()
    assert runner.run([diary]).held_out == {}
    assert HELD_OUT not in {record.stage for record in diary.metrics}


def test_with_an_environment_nothing_is_held_out(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    data = attrs.evolve(make_dataset(), environment=EnvironmentSpec(id="Pendulum-v1", horizon=3))
    runner = _runner(_recipe(small_recipe), data, tmp_path)
    assert runner.losses_held_out() == {}
    assert len(runner.sampler.packed) == len(data)  # type: ignore[union-attr]


def test_data_of_one_episode_trains_whole_and_says_so(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    data, diary = make_dataset(), Diary()
    never = np.zeros(len(data), bool)
    single = attrs.evolve(data, terminal=never, timeout=never)
    found = _runner(_recipe(small_recipe), single, tmp_path).run([diary]).held_out
    assert {name for name in found if name.startswith("held_out")} == set()
    assert found["fitted_q/starts"] == 1
    (odd,) = (event.message for event in diary.events if event.kind == "warning")
    assert odd == (
        "dataset 'tiny' has one episode, so that none is held out: there are no held-out losses, "
        "and fitted-Q values are of what it was trained on; evaluation.held_out=0 asks for none"
    )


def test_the_loss_is_that_of_what_acts_without_dropout_over_all_held_out_data(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    """Of a loss without noise: the mean over held-out rows, by the averaged weights."""
    recipe = small_recipe(
        "td3-bc",
        "solver=jump",
        "objective.steps=6",
        "objective.batch_size=8",
        "train.ema=0.5",
        *SCORING,
    )
    data = make_dataset()
    runner = _runner(recipe, data, tmp_path)
    found = runner.run([]).held_out
    learner, rows = runner.learner, torch.from_numpy(runner._unseen._split.held_out)
    batch = runner._unseen._all.at(rows)
    loss, size = learner.losses()["policy"]
    assert size == 8
    halves = [loss(batch=runner._unseen._all.at(part)).value for part in rows.split(8)]
    assert found["held_out/policy_loss"] == pytest.approx(
        float(torch.stack(halves).detach().mean()), rel=1e-5
    )
    raw = learner.models.loss_of("policy")(batch=batch).value
    assert float(raw.detach()) != pytest.approx(found["held_out/policy_loss"], rel=1e-5)


@pytest.mark.parametrize("told", ["n-step", "chunk"])
def test_decisions_of_several_steps_are_scored_in_their_own_units(
    told: str, small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    data = attrs.evolve(make_dataset(), action_high=np.full(2, 3.0, np.float32))
    data = with_n_step_returns(data, 3, 0.99) if told == "n-step" else in_chunks(data, 3)
    data = attrs.evolve(data, units=units_of(data, normalise=True, rescale=True))
    found = _runner(_recipe(small_recipe), data, tmp_path).run([]).held_out
    assert found.keys() == METRICS
    assert _finite(found)


def test_the_policy_acts_in_the_environments_numbers_and_its_q_is_fitted_in_the_models(
    small_recipe: Maker, make_dataset: DataMaker
) -> None:
    data = attrs.evolve(make_dataset(), action_high=np.full(2, 3.0, np.float32))
    data = attrs.evolve(data, units=units_of(data, normalise=True, rescale=True))
    recipe = _recipe(small_recipe)
    shown: list[np.ndarray] = []
    runner = _runner(recipe, data, Path("unused"))
    agent = runner._agent()
    act = agent.act

    def acting(observation: np.ndarray, generator: torch.Generator) -> np.ndarray:
        shown.append(observation)
        return act(observation, generator)

    agent.act = acting  # type: ignore[method-assign,assignment]
    unseen = runner._unseen
    from genpolicy.training.unseen import _Policy

    policy = _Policy(agent, data, torch.device("cpu"), 0, lambda: None)
    rows = np.arange(20)
    batch = policy.followed(unseen._all, rows)
    goes_on = ~data.terminal[rows]
    assert np.array_equal(np.concatenate(shown), data.next_observation[rows[goes_on]])
    expected = act(data.next_observation[rows[goes_on]], torch.Generator().manual_seed(0))
    found = data.units.done(batch.next_action[torch.from_numpy(goes_on)]).numpy()
    assert found == pytest.approx(expected, abs=1e-6)
    assert (batch.next_action[~torch.from_numpy(goes_on)] == 0).all()


def test_n_step_returns_discounted_otherwise_are_refused(
    small_recipe: Maker, make_dataset: DataMaker
) -> None:
    recipe = _recipe(small_recipe, "dataset.n_step=3", "dataset.n_step_discount=0.9")
    with pytest.raises(OptionError) as caught:
        _runner(recipe, make_dataset(), Path("unused"))
    assert str(caught.value) == (
        "dataset.n_step_discount=0.9 and evaluation.fitted_q_discount=0.99 would discount the same "
        "rewards differently; set both alike, or evaluation.fitted_q_steps=0"
    )
    off = _recipe(
        small_recipe,
        "dataset.n_step=3",
        "dataset.n_step_discount=0.9",
        "evaluation.fitted_q_steps=0",
    )
    assert isinstance(_runner(off, make_dataset(), Path("unused"))._unseen, Unseen)
