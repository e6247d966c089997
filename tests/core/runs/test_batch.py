"""Runs of several seeds that train as one program: each is a run of its own."""

import pytest
import torch

from genpolicy.agent import Agent
from genpolicy.errors import RunError, StoppedError
from genpolicy.observer import Observer
from genpolicy.registry import Registry
from genpolicy.runs import launch
from genpolicy.runs.batch import run_batch
from genpolicy.training.checkpoint import whole_checkpoints
from genpolicy.training.sampler import Sampler

CPU = torch.device("cpu")
STEPS = ("objective.steps=8", "objective.batch_size=4", "train.log_every=2")


@pytest.fixture
def registry(tmp_path):
    with Registry.open(tmp_path / "registry.db") as registry:
        yield registry


@pytest.fixture
def begin(small_recipe, make_dataset, registry, tmp_path):
    """Start tiny runs of several seeds, counted from 5."""

    def start(count=3, objective="bc"):
        data = make_dataset()
        sampler = Sampler(data, CPU)
        return [
            launch.start(
                small_recipe(objective, *STEPS, seed=5 + number),
                data,
                registry=registry,
                output=tmp_path / "runs",
                device=CPU,
                sampler=sampler,
            )
            for number in range(count)
        ]

    return start


class Raising(Observer):
    """Raises after some steps."""

    def __init__(self, error):
        self.error = error

    def on_metrics(self, record):
        raise self.error


def weights(folder):
    return Agent.load(folder).models.all()["policy"].state_dict()


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_each_is_recorded_as_a_run_of_its_own(begin, registry):
    launches = begin()
    results = run_batch(launches)
    assert [result.seed for result in results] == [5, 6, 7]
    runs = [registry.run(launch.run_id) for launch in launches]
    assert [run.state for run in runs] == ["finished"] * 3
    for run in runs:
        assert [record.step for record in run.metrics] == [2, 4, 6, 8]
        assert {artifact.kind for artifact in run.artifacts} == {"checkpoint", "agent"}
    one, two, three = (weights(result.folder) for result in results)
    assert not same(one, two)
    assert not same(two, three)


def test_a_members_record_names_its_batch(begin, registry):
    launches = begin()
    run_batch(launches)
    names = ", ".join(launch.run_id for launch in launches)
    events = [e for e in registry.run(launches[1].run_id).events if e.kind == "batch"]
    assert [e.message for e in events] == [f"member 2 of 3 that train as one program: {names}"]


def test_the_same_seeds_come_out_the_same(begin):
    first, second = run_batch(begin()), run_batch(begin())
    for one, other in zip(first, second, strict=True):
        assert same(weights(one.folder), weights(other.folder))


def test_one_that_fails_leaves_the_others_alone(begin, registry):
    undisturbed, launches = run_batch(begin()), begin()
    first, *others = run_batch(launches, [Raising(RunError("it broke"))])
    assert isinstance(first, RunError)
    assert [registry.run(launch.run_id).state for launch in launches] == [
        "failed",
        "finished",
        "finished",
    ]
    for one, other in zip(undisturbed[1:], others, strict=True):
        assert same(weights(one.folder), weights(other.folder))


def test_all_that_are_asked_to_stop_stop_and_can_go_on_alone(begin, registry):
    launches = begin()
    for each in launches:
        each.stop()
    with pytest.raises(
        StoppedError, match=r"was stopped at step 1 of 8; .* the 2 others that train"
    ):
        run_batch(launches)
    assert {registry.run(each.run_id).state for each in launches} == {"interrupted"}
    steps = [list(whole_checkpoints(each.runner.folder / "checkpoints")) for each in launches]
    assert steps == [[1]] * 3


def test_an_interruption_ends_all(begin, registry):
    launches = begin()
    with pytest.raises(KeyboardInterrupt):
        run_batch(launches, [Raising(KeyboardInterrupt())])
    assert {registry.run(each.run_id).state for each in launches} == {"interrupted"}
