"""What of a CUDA graph can be seen without CUDA; what cannot is in ``test_device.py``."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genpolicy.agent import shapes_of
from genpolicy.backbone import Model
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Batch, Dataset
from genpolicy.training.cuda_graph import StepGraph, Taken, Watch, python_state
from genpolicy.training.learner import Learner
from genpolicy.training.python_state import PROGRESS, changes
from genpolicy.training.sampler import Sampler
from objectives import OBJECTIVES, PLAIN, options

Maker = Callable[..., AgentRecipe]
DataMaker = Callable[..., Dataset]
CPU = torch.device("cpu")
FOLLOWING = {
    "gtp": "TrajectoryModel follows the progress of training",
    "consistency-ac": "ConsistencyModel follows the progress of training",
}
"""Objectives whose backbones refine a grid as they train."""


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_nothing_in_a_shipped_step_forbids_a_graph(
    objective: str, small_recipe: Maker, make_dataset: DataMaker
) -> None:
    solver = "jump" if objective in PLAIN else "midpoint"
    settings = ("train.ema=0.9", "train.clip_norm=1", *options(objective, 20))
    recipe = small_recipe(objective.partition(" ")[0], f"solver={solver}", *settings)
    data = make_dataset()
    learner, sampler = Learner(recipe, shapes_of(data), CPU), Sampler(data, CPU)
    for number, stage in enumerate(recipe.objective.stages()):
        learner.means.clear()
        updates, batch = learner.enter(number, stage), sampler.draw(stage.batch_size)
        with Watch(CPU) as watch:
            learner.take_step(batch, updates)
        assert watch.found == ""
        assert not any(changes(update.model, PROGRESS) for update in updates), "it compiles"
        follows = python_state([update.model for update in updates])
        assert follows == (FOLLOWING.get(objective, "") if "policy" in stage.learning_rates else "")


@pytest.mark.parametrize(
    ("work", "found"),
    [
        (lambda x: x.sum().item(), "_local_scalar_dense waits for the device"),
        (lambda x: float(x[0]), "_local_scalar_dense waits for the device"),
        (lambda x: bool((x > 0).all()), "_local_scalar_dense waits for the device"),
        (lambda x: x.nonzero(), "nonzero waits for the device"),
        (lambda x: x[x > 0], "index waits for the device"),
        (lambda x: x.masked_select(x > 0), "masked_select waits for the device"),
        (lambda x: x.to("meta"), "a part copies between the device and the host"),
        (lambda x: torch.where(x > 0, x, 0.0)[torch.tensor([0])].to(torch.float64), ""),
    ],
)
def test_what_waits_for_the_device_is_seen(work: Callable[[Tensor], object], found: str) -> None:
    with Watch(CPU) as watch:
        work(torch.ones(3))
    assert watch.found == found


class Still(Model):
    pass


class Averaging(Model):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(2))

    def after_step(self, progress: float) -> None:
        self.w.data.mul_(0.5)


class Counting(Model):
    steps = 0

    def after_step(self, progress: float) -> None:
        self.steps += 1


class Growing(Model):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("size", torch.zeros(()))

    def after_step(self, progress: float) -> None:
        self.get_buffer("size").fill_(progress)


def test_models_that_do_more_than_the_device_sees_are_named_and_left_as_they_were() -> None:
    averaging, counting = Averaging(), Counting()
    assert python_state([Still(), averaging]) == ""
    assert python_state([averaging, counting]) == "Counting keeps a count in Python"
    assert python_state([Growing()]) == "Growing follows the progress of training"
    assert torch.equal(averaging.w, torch.ones(2))
    assert counting.steps == 0


class Losing:
    """A part that counts what it loses."""

    def __init__(self) -> None:
        self.seen = {"steps": 0}

    def take(self, batch: Batch) -> Taken:
        self.seen["steps"] += 1
        return {}, [batch.reward.sum()]


class Graph:
    """Stands for torch's; counts how often it is replayed."""

    replays = 0

    def replay(self) -> None:
        self.replays += 1


class Generator:
    """Stands for torch's; its state is a word."""

    state = "before"

    def clone_state(self) -> str:
        return self.state

    def graphsafe_set_state(self, state: str) -> None:
        self.state = state


class FailedCapture:
    """Ends as torch's does where something could not be captured: by an error, nothing put back."""

    def __enter__(self) -> None:
        torch.cuda.set_stream("of the capture")  # type: ignore[arg-type]
        torch.cuda.default_generators[0].state = "of the capture"  # type: ignore[attr-defined]

    def __exit__(self, *_: object) -> None:
        raise RuntimeError("operation failed due to a previous error during capture\nand more")


@pytest.fixture
def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = SimpleNamespace(wait_stream=lambda _: None)
    here: Any = torch.no_grad
    monkeypatch.setattr(torch.cuda, "Stream", lambda _: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: here())
    monkeypatch.setattr(torch.cuda, "graph", lambda _: here())
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "default_generators", (Generator(),))
    monkeypatch.setattr(torch.cuda, "set_stream", lambda _: None)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)


def _graph(model: Model, take: Callable[[Batch], Taken], said: list[str]) -> StepGraph:
    updates: Any = [SimpleNamespace(model=model, loss=take)]
    return StepGraph(updates, take, CPU, said.append)


def test_the_fourth_step_is_captured_and_replayed_on_one_batchs_memory(
    without_cuda: None, make_dataset: DataMaker
) -> None:
    sampler, seen, said = Sampler(make_dataset(), CPU), list[Batch](), list[str]()

    def take(batch: Batch) -> Taken:
        seen.append(batch)
        return {}, [batch.reward.sum()]

    graph, batches = _graph(Averaging(), take, said), [sampler.draw(4) for _ in range(6)]
    for batch in batches[:3]:
        graph(batch)
    assert all(one is other for one, other in zip(seen, batches, strict=False))
    for batch in batches[3:]:
        graph(batch)
        assert torch.equal(seen[3].observation, batch.observation)
    assert graph._graph is not None
    assert graph._graph.replays == 3  # type: ignore[attr-defined]
    assert len(seen) == 4, "a replay runs no Python"
    assert said == []


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Counting(), "Counting keeps a count in Python"),
        (Growing(), "Growing follows the progress of training"),
    ],
)
def test_what_cannot_be_captured_is_said_once_and_taken_part_by_part(
    model: Model, why: str, without_cuda: None, make_dataset: DataMaker
) -> None:
    sampler, seen, said = Sampler(make_dataset(), CPU), list[Batch](), list[str]()

    def take(batch: Batch) -> Taken:
        seen.append(batch)
        return {}, []

    graph = _graph(model, take, said)
    for _ in range(6):
        graph(sampler.draw(4))
    assert len(seen) == 6
    assert said == [f"steps are not captured as a CUDA graph: {why}"]


def test_a_capture_that_fails_is_said_and_its_step_is_taken_all_the_same(
    without_cuda: None, make_dataset: DataMaker
) -> None:
    sampler, said, steps = Sampler(make_dataset(), CPU), list[str](), list[int]()

    def take(batch: Batch) -> Taken:
        steps.append(1)
        if len(steps) == 4:
            raise RuntimeError("operation not permitted when stream is capturing\nand more")
        return {}, []

    graph = _graph(Still(), take, said)
    for _ in range(5):
        graph(sampler.draw(4))
    assert len(steps) == 6
    assert said == [
        "steps are not captured as a CUDA graph: operation not permitted when stream is capturing"
    ]


def test_a_capture_that_fails_leaves_the_stream_and_the_random_numbers_as_they_were(
    without_cuda: None, make_dataset: DataMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler, said, streams = Sampler(make_dataset(), CPU), list[str](), list[object]()
    before = torch.cuda.current_stream(CPU)
    monkeypatch.setattr(torch.cuda, "graph", lambda _: FailedCapture())
    monkeypatch.setattr(torch.cuda, "set_stream", streams.append)
    graph = _graph(Still(), lambda _: ({}, []), said)
    for _ in range(5):
        graph(sampler.draw(4))
    assert streams == ["of the capture", before]
    assert torch.cuda.default_generators[0].state == "before"  # type: ignore[attr-defined]
    assert said == [
        "steps are not captured as a CUDA graph: operation failed due to a previous error during "
        "capture"
    ]


def test_a_count_that_a_loss_keeps_is_not_captured(
    without_cuda: None, make_dataset: DataMaker
) -> None:
    sampler, said, part = Sampler(make_dataset(), CPU), list[str](), Losing()
    graph = _graph(Still(), part.take, said)
    for _ in range(6):
        graph(sampler.draw(4))
    assert part.seen == {"steps": 6}
    assert said == ["steps are not captured as a CUDA graph: Losing keeps a count in Python"]
