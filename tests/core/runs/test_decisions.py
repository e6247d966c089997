"""Whether stages are compiled is decided once, and followed where a run goes on or is repeated."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from genpolicy.agent import Agent
from genpolicy.errors import StoppedError
from genpolicy.observer import Observer
from genpolicy.registry import Registry
from genpolicy.runs import launch
from genpolicy.runs.launch import decisions_of
from genpolicy.runs.resumption import resume
from genpolicy.training import compiling
from genpolicy.training.compiling import COMPILED, EAGER

CPU = torch.device("cpu")
SMALL = ("objective.steps=40", "objective.batch_size=4", "train.checkpoint_seconds=1000")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Decide after 15 steps, and generate no code."""
    monkeypatch.setattr(compiling, "_BACKEND", "aot_eager")
    monkeypatch.setattr(compiling, "_MEASURED", 15)
    yield
    torch._dynamo.reset()


@pytest.fixture
def pays(monkeypatch):
    """Let compiling pay, or not."""

    def let(pay):
        monkeypatch.setattr(compiling, "WARMUP", 0.0 if pay else 1e9)

    return let


@pytest.fixture
def registry(tmp_path):
    with Registry.open(tmp_path / "registry.db") as registry:
        yield registry


@pytest.fixture
def begin(small_recipe, make_dataset, registry, tmp_path):
    """Begin a run, or the repetition of one."""

    def start(parent=None):
        place = {"registry": registry, "output": tmp_path / "runs", "device": CPU}
        return launch.start(small_recipe("bc", *SMALL), make_dataset(), parent=parent, **place)

    return start


@pytest.fixture
def go_on(registry, catalogue, make_dataset):
    """Resume a run; return what is recorded of it in the end."""

    def finish(run):
        known = {"registry": registry, "catalogue": catalogue, "device": CPU}
        resume(registry.run(run), dataset=make_dataset(), say=str, **known).run()
        return registry.run(run)

    return finish


class On(Observer):
    """Does something at an event of a kind, or at a stage's beginning."""

    def __init__(self, kind, act):
        self.kind, self.act = kind, act

    def on_stage(self, name, first_step, last_step):
        if self.kind == "stage":
            self.act()

    def on_event(self, record):
        if record.kind == self.kind:
            self.act()


def interrupt():
    raise KeyboardInterrupt


def decided(detail):
    return [(event.kind, event.step) for event in detail.events if event.kind in (COMPILED, EAGER)]


def weights(detail):
    folder = Path(detail.start.directory) / "agent"
    return Agent.load(folder).models.all()["policy"].state_dict()


def same(one, other):
    return all(torch.equal(weight, weights(other)[name]) for name, weight in weights(one).items())


def test_what_was_decided_after_the_checkpoint_that_a_run_went_on_from_is_given_up():
    def event(kind, step):
        return SimpleNamespace(kind=kind, step=step)

    events = [event(COMPILED, 5), event(EAGER, 9), event("resumed", 8), event("stage", 9)]
    detail = SimpleNamespace(events=events)
    assert decisions_of(detail) == {5: True}
    events += [event(COMPILED, 11), event("resumed", 11)]
    assert decisions_of(detail) == {5: True, 11: True}


@pytest.mark.slow
def test_a_run_that_lost_its_decision_goes_on_by_it_and_is_repeated_so(
    begin, go_on, pays, registry
):
    pays(True)
    one = begin()
    with pytest.raises(KeyboardInterrupt):
        one.run([On(COMPILED, interrupt)])
    pays(False)
    done = go_on(one.run_id)
    assert decided(done) == [(COMPILED, 16), (COMPILED, 16)]
    again = begin(one.run_id)
    again.run()
    repeated = registry.run(again.run_id)
    assert decided(repeated) == [(COMPILED, 16)]
    assert same(done, repeated)


@pytest.mark.slow
def test_a_run_that_was_stopped_before_its_decision_is_repeated_by_the_one_it_came_to(
    begin, go_on, pays, registry
):
    pays(True)
    one = begin()
    with pytest.raises(StoppedError):
        one.run([On("stage", one.stop)])
    done = go_on(one.run_id)
    (decision,) = decided(done)
    assert decision[0] == COMPILED
    pays(False)
    again = begin(one.run_id)
    again.run()
    assert decided(registry.run(again.run_id)) == [decision]
    assert same(done, registry.run(again.run_id))


@pytest.mark.slow
def test_a_repetition_that_was_stopped_before_its_first_checkpoint_follows_all_the_same(
    begin, go_on, pays, registry
):
    pays(True)
    one = begin()
    one.run()
    again = begin(one.run_id)
    with pytest.raises(KeyboardInterrupt):
        again.run([On("stage", interrupt)])
    pays(False)
    repeated = go_on(again.run_id)
    assert decided(repeated) == [(COMPILED, 16)]
    assert same(registry.run(one.run_id), repeated)
