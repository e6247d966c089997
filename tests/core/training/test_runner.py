import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor

from genpolicy.agent import Agent
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.errors import CheckpointError, DivergedError, StoppedError
from genpolicy.observer import Observer
from genpolicy.records import ArtifactRecord, EvaluationRecord, EventRecord, MetricsRecord
from genpolicy.training import pace as pace_module
from genpolicy.training.checkpoint import read_checkpoint
from genpolicy.training.runner import Runner

Maker = Callable[..., AgentRecipe]
DataMaker = Callable[..., Dataset]

GMPG = (
    "objective.behaviour_steps=4",
    "objective.critic_steps=5",
    "objective.policy_steps=4",
    "objective.batch_size=8",
    "objective.policy_batch_size=6",
    "train.log_every=3",
    "train.ema=0.9",
    "train.schedule=cosine",
    "train.warmup_steps=2",
    "train.clip_norm=1",
    "train.checkpoint_seconds=1e9",
)
STEPS = 13


class Diary(Observer):
    """Writes down everything it is told."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int, int]] = []
        self.metrics: list[tuple[str, int, Mapping[str, float]]] = []
        self.artifacts: list[ArtifactRecord] = []
        self.events: list[EventRecord] = []
        self.evaluations: list[EvaluationRecord] = []
        self.steps: list[int] = []

    def on_stage(self, name: str, first_step: int, last_step: int) -> None:
        self.stages.append((name, first_step, last_step))

    def on_step(self, step: int) -> None:
        self.steps.append(step)

    def on_metrics(self, record: MetricsRecord) -> None:
        self.metrics.append((record.stage, record.step, dict(record.values)))

    def on_artifact(self, record: ArtifactRecord) -> None:
        self.artifacts.append(record)

    def on_event(self, record: EventRecord) -> None:
        self.events.append(record)

    def on_evaluation(self, record: EvaluationRecord) -> None:
        self.evaluations.append(record)


def _runner(recipe: AgentRecipe, data: Dataset, folder: Path) -> Runner:
    return Runner(recipe, data, run="r", folder=folder, device=torch.device("cpu"))


def _without_behaviour(recipe: AgentRecipe) -> AgentRecipe:
    """Leave a stage out, which is for objectives whose roles train in several."""
    objective = attrs.evolve(recipe.objective, behaviour_steps=0)  # type: ignore[call-arg]
    chosen = attrs.evolve(recipe.chosen["objective"], recipe=objective)
    return attrs.evolve(recipe, chosen={**recipe.chosen, "objective": chosen})


def _before_step(runner: Runner, step: int, act: Callable[[], None]) -> None:
    """Do something right before the step after ``step`` steps."""
    take_step = runner.learner.take_step

    def taking(*arguments: Any) -> None:
        if runner.learner.step == step:
            act()
        take_step(*arguments)

    runner.learner.take_step = taking  # type: ignore[method-assign]


def _end(runner: Runner) -> dict[str, Tensor]:
    """Everything a run ends with: its state, and the weights that act."""
    acting = runner.learner.agent("policy", runner.dataset, "").models.roles["policy"]
    own = {f"acting/{key}": value for key, value in acting.state_dict().items()}
    return {**runner.learner.state().tensors, **own}


def _different(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> set[str]:
    assert one.keys() == other.keys()
    return {key for key in one if not torch.equal(one[key], other[key])}


@pytest.fixture(scope="module")
def unbroken(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Mapping[str, Tensor], Diary]:
    """The state and diary of a run that was never stopped."""
    runner = _runner(small_recipe("gmpg", *GMPG), make_dataset(), tmp_path_factory.mktemp("run"))
    diary = Diary()
    runner.run([diary])
    return _end(runner), diary


def test_stages_come_in_order_and_metrics_at_their_steps(
    unbroken: tuple[Mapping[str, Tensor], Diary],
) -> None:
    _, diary = unbroken
    assert diary.stages == [("behaviour", 0, 4), ("critic", 4, 9), ("policy", 9, 13)]
    assert [(stage, step) for stage, step, _ in diary.metrics] == [
        ("behaviour", 3),
        ("behaviour", 4),
        ("critic", 6),
        ("critic", 9),
        ("policy", 12),
        ("policy", 13),
    ]
    assert diary.metrics[2][2].keys() >= {"critic/loss", "critic/q_loss"}
    assert [record.kind for record in diary.artifacts] == [*["checkpoint"] * 3, "agent"]
    assert [record.step for record in diary.artifacts] == [4, 9, 13, 13]
    assert [event.kind for event in diary.events] == ["scoring"]
    assert diary.evaluations == []
    assert diary.steps == [10]


@pytest.mark.parametrize("stop", range(STEPS))
def test_a_run_that_was_stopped_goes_on_as_if_it_never_was(
    stop: int,
    unbroken: tuple[Mapping[str, Tensor], Diary],
    small_recipe: Maker,
    make_dataset: DataMaker,
    tmp_path: Path,
) -> None:
    recipe, data, diary = small_recipe("gmpg", *GMPG), make_dataset(), Diary()
    runner = _runner(recipe, data, tmp_path)
    _before_step(runner, stop, runner.stop)
    with pytest.raises(StoppedError) as caught:
        runner.run([diary])
    assert str(caught.value) == (
        f"run r was stopped at step {stop + 1} of 13; `agent resume r` goes on from there"
    )
    torch.manual_seed(12345)
    torch.rand(7)
    resumed = _runner(recipe, data, tmp_path)
    assert resumed.restore() == (stop + 1, [])
    resumed.run([diary])
    assert _different(unbroken[0], _end(resumed)) == set()
    assert diary.metrics == unbroken[1].metrics


@pytest.mark.parametrize("crash", [3, 5, 8, 9, 11])
def test_a_run_that_crashed_goes_on_from_its_checkpoint_to_the_same_end(
    crash: int,
    unbroken: tuple[Mapping[str, Tensor], Diary],
    small_recipe: Maker,
    make_dataset: DataMaker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Checkpoints fall every four steps, by a clock that counts steps."""
    recipe, data, diary = small_recipe("gmpg", *GMPG), make_dataset(), Diary()
    recipe = attrs.evolve(recipe, train=attrs.evolve(recipe.train, checkpoint_seconds=4))
    runner = _runner(recipe, data, tmp_path)
    runner.pace._saved = 0
    clock = types.SimpleNamespace(monotonic=lambda: runner.learner.step)
    monkeypatch.setattr(pace_module, "time", clock)

    def fall() -> None:
        raise KeyboardInterrupt

    _before_step(runner, crash, fall)
    with pytest.raises(KeyboardInterrupt):
        runner.run([diary])
    monkeypatch.undo()
    resumed = _runner(recipe, data, tmp_path)
    step, _ = resumed.restore()
    assert step == max([0, *(s for s in (4, 8, 9) if s <= crash)])
    resumed.run([diary])
    assert _different(unbroken[0], _end(resumed)) == set()
    told = {(stage, step): values for stage, step, values in diary.metrics}
    assert told == {(stage, step): values for stage, step, values in unbroken[1].metrics}
    for stage, step, values in diary.metrics:
        assert told[stage, step] == values


def test_a_run_killed_while_it_is_scored_only_finishes(
    unbroken: tuple[Mapping[str, Tensor], Diary],
    small_recipe: Maker,
    make_dataset: DataMaker,
    tmp_path: Path,
) -> None:
    recipe, data, diary = small_recipe("gmpg", *GMPG), make_dataset(), Diary()
    _runner(recipe, data, tmp_path).run([])
    again = _runner(recipe, data, tmp_path)
    assert again.restore() == (13, [])
    again.run([diary])
    assert diary.metrics == []
    assert _different(unbroken[0], _end(again)) == set()


def test_a_damaged_checkpoint_costs_its_steps_and_no_more(
    unbroken: tuple[Mapping[str, Tensor], Diary],
    small_recipe: Maker,
    make_dataset: DataMaker,
    tmp_path: Path,
) -> None:
    recipe, data = small_recipe("gmpg", *GMPG), make_dataset()
    runner = _runner(recipe, data, tmp_path)
    _before_step(runner, 10, runner.stop)
    with pytest.raises(StoppedError):
        runner.run([])
    (newest,) = tmp_path.glob("checkpoints/step-0000000011-*")
    newest.write_bytes(newest.read_bytes()[:-1])
    resumed = _runner(recipe, data, tmp_path)
    assert resumed.restore() == (9, [f"checkpoint {newest.name} is damaged and was passed over"])
    resumed.run([])
    assert _different(unbroken[0], _end(resumed)) == set()


def test_a_checkpoint_of_other_parts_is_refused(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    _runner(small_recipe("gmpg", *GMPG), make_dataset(), tmp_path).run([])
    other = _runner(small_recipe("gmpg", *GMPG, "network.hidden=9"), make_dataset(), tmp_path)
    with pytest.raises(CheckpointError, match="in the checkpoint do not fit the installed part"):
        other.restore()


def test_the_same_seed_gives_the_same_run_and_another_seed_another(
    unbroken: tuple[Mapping[str, Tensor], Diary],
    small_recipe: Maker,
    make_dataset: DataMaker,
    tmp_path: Path,
) -> None:
    for seed in (0, 1):
        recipe = small_recipe("gmpg", *GMPG, seed=seed)
        runner = _runner(recipe, make_dataset(), tmp_path / str(seed))
        runner.run([])
        assert (_different(unbroken[0], _end(runner)) == set()) == (seed == 0)


def test_looking_often_changes_nothing_of_the_training(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    ends = []
    for every in (1, 100):
        options = (*GMPG, f"train.log_every={every}", f"train.checkpoint_seconds={every - 1}")
        runner = _runner(small_recipe("gmpg", *options), make_dataset(), tmp_path / str(every))
        runner.run([])
        ends.append(_end(runner))
    assert _different(*ends) == set()


def test_only_two_checkpoints_of_a_run_stay(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    recipe = small_recipe("gmpg", *GMPG, "train.checkpoint_seconds=0")
    _runner(recipe, make_dataset(), tmp_path).run([])
    names = sorted(path.name[:15] for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-0000000012", "step-0000000013"]


def test_stages_without_steps_are_left_out(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    diary = Diary()
    recipe = _without_behaviour(small_recipe("gmpg", *GMPG))
    runner = _runner(recipe, make_dataset(), tmp_path)
    assert runner.total_steps == 9
    runner.run([diary])
    assert diary.stages == [("critic", 0, 5), ("policy", 5, 9)]


DIVERGING = (
    "objective.critic_learning_rate=1e30",
    "objective.critic_steps=50",
    "train.log_every=1",
)


@pytest.mark.parametrize("every", [1, 7, 1000])
def test_a_loss_that_diverges_stops_the_run_and_says_where(
    every: int, small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    options = (*GMPG, *DIVERGING, f"train.log_every={every}", "train.clip_norm=0")
    runner, diary = _runner(small_recipe("gmpg", *options), make_dataset(), tmp_path), Diary()
    with pytest.raises(DivergedError) as caught:
        runner.run([diary])
    message = str(caught.value)
    assert message.startswith("the loss of stage 'critic' stopped being finite at step ")
    assert "of 58 (critic/loss, " in message
    assert message.endswith(
        "; the checkpoint of step 4 is kept; try a lower learning rate than critic's 1e+30, or "
        "train.clip_norm=1"
    )
    state, passed = read_checkpoint(tmp_path / "checkpoints")
    assert passed == []
    assert state is not None
    assert state.facts["step"] == 4
    assert all(torch.isfinite(v).all() for k, v in state.tensors.items() if k.startswith("model/"))
    assert not (tmp_path / "agent").exists()


def test_the_step_that_diverged_is_the_same_however_often_it_is_looked_at(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    steps = set()
    for every in (1, 7, 1000):
        options = (*GMPG, *DIVERGING, f"train.log_every={every}")
        runner = _runner(small_recipe("gmpg", *options), make_dataset(), tmp_path / str(every))
        with pytest.raises(DivergedError) as caught:
            runner.run([])
        steps.add(str(caught.value).partition(" of 58")[0].rpartition(" ")[2])
    assert len(steps) == 1
    assert 4 < int(steps.pop()) < 20


def test_a_run_that_diverges_before_any_checkpoint_claims_none(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    recipe = _without_behaviour(small_recipe("gmpg", *GMPG, *DIVERGING))
    with pytest.raises(DivergedError, match="; there was no checkpoint yet; try a lower"):
        _runner(recipe, make_dataset(), tmp_path).run([])


def test_weights_that_are_no_numbers_are_never_saved(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    """A finite loss may have gradients that are not, and would spoil the last good checkpoint."""
    recipe = small_recipe("gmpg", *GMPG, "train.checkpoint_seconds=0")
    runner = _runner(recipe, make_dataset(), tmp_path)

    def spoil() -> None:
        weight = next(runner.learner.models.roles["policy"].parameters())
        weight.register_hook(lambda gradient: gradient * float("nan"))

    _before_step(runner, 11, spoil)
    with pytest.raises(DivergedError) as caught:
        runner.run([])
    assert str(caught.value).startswith(
        "the weights of 'policy' stopped being finite in stage 'policy' by step 12 of 13; the "
        "checkpoint of step 11 is kept; try a lower learning rate than policy's 3e-05"
    )
    state, _ = read_checkpoint(tmp_path / "checkpoints")
    assert state is not None
    assert state.facts["step"] == 11


def test_what_is_saved_in_the_end_acts(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    outcome = _runner(small_recipe("gmpg", *GMPG), make_dataset(), tmp_path).run([])
    assert outcome.evaluation is None
    assert outcome.folder == tmp_path / "agent"
    loaded, observation = Agent.load(outcome.folder), np.ones((4, 3), np.float32)
    actions = [
        agent.act(observation, torch.Generator().manual_seed(1))
        for agent in (outcome.agent, loaded)
    ]
    assert np.array_equal(*actions)
    assert loaded.run == "r"


@pytest.mark.slow
def test_looks_at_the_score_change_nothing_of_the_training(
    small_recipe: Maker, tmp_path: Path
) -> None:
    from genpolicy_plugins.datasets.pointmaze import UMaze

    data, ends, diaries = UMaze().load(), [], []
    assert data.environment is not None
    data = attrs.evolve(data, environment=attrs.evolve(data.environment, horizon=20))
    for looks in (0, 2):
        options = (*GMPG, f"train.looks={looks}", "train.look_episodes=2", "evaluation.episodes=3")
        runner = _runner(small_recipe("gmpg", *options), data, tmp_path / str(looks))
        diaries.append(Diary())
        runner.run([diaries[-1]])
        ends.append(_end(runner))
    assert _different(*ends) == set()
    assert [
        (each.stage, each.step, each.protocol, each.selection, len(each.episodes))
        for each in diaries[1].evaluations
    ] == [
        ("behaviour", 2, "default[episodes=3]-look", None, 2),
        ("behaviour", 4, "default[episodes=3]-look", None, 2),
        ("policy", 11, "default[episodes=3]-look", None, 2),
        ("policy", 13, "default[episodes=3]-look", None, 2),
        ("policy", 13, "default[episodes=3]", "last", 3),
    ]
    assert [each.selection for each in diaries[0].evaluations] == ["last"]
    assert diaries[0].evaluations[0].episodes == diaries[1].evaluations[-1].episodes
