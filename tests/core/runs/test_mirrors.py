"""What a run tells its trackers from its start to its end, and when it goes on."""

from typing import Any

import attrs
import pytest
import torch

from genpolicy.errors import RunError, StoppedError
from genpolicy.observer import Observer
from genpolicy.records import EventRecord, MetricsRecord, RunStart, RunState
from genpolicy.registry import Registry
from genpolicy.runs import launch, resumption
from genpolicy.tracker import TrackerRecipe

STEPS = ("objective.steps=8", "objective.batch_size=4", "train.log_every=2")


class Heard(Observer):
    def __init__(self) -> None:
        self.all: list[Any] = []

    def on_event(self, record: EventRecord) -> None:
        self.all.append((record.kind, record.step))

    def on_metrics(self, record: MetricsRecord) -> None:
        self.all.append(record.step)

    def on_end(self, state: RunState, message: str) -> None:
        self.all.append((state, message))


@attrs.frozen(kw_only=True)
class Tracker(TrackerRecipe):
    heard: Heard

    def open(self, run: RunStart) -> Observer:
        return self.heard


class Stopping(Observer):
    """Stops a run, or lets it fail, after its fourth step."""

    def __init__(self, act: Any) -> None:
        self.act = act

    def on_metrics(self, record: MetricsRecord) -> None:
        if record.step == 4:
            self.act()


@pytest.fixture
def registry(tmp_path):
    with Registry.open(tmp_path / "registry.db") as registry:
        yield registry


@pytest.fixture
def begin(small_recipe, make_dataset, registry, tmp_path):
    def start(heard: Heard) -> launch.Launch:
        return launch.start(
            small_recipe("bc", *STEPS),
            make_dataset(),
            registry=registry,
            output=tmp_path / "runs",
            device=torch.device("cpu"),
            trackers={"heard": Tracker(heard=heard)},
        )

    return start


def test_a_tracker_hears_of_a_run_until_its_end(begin):
    heard = Heard()
    begin(heard).run()
    assert heard.all == [2, 4, 6, 8, ("scoring", 8), ("finished", "")]


def test_a_tracker_hears_why_a_run_failed(begin):
    heard = Heard()

    def fail() -> None:
        raise RunError("this cannot be")

    with pytest.raises(RunError):
        begin(heard).run([Stopping(fail)])
    assert heard.all == [2, 4, ("failed", "this cannot be")]


def test_observers_of_a_python_user_hear_of_the_end_too(begin):
    heard = Heard()
    begin(Heard()).run([heard])
    assert heard.all[-1] == ("finished", "")


def test_a_resumed_run_tells_where_it_goes_on(
    begin, registry, make_dataset, catalogue, monkeypatch
):
    first, second = Heard(), Heard()
    started = begin(first)
    with pytest.raises(StoppedError):
        started.run([Stopping(started.stop)])
    assert first.all[-1][0] == "interrupted"
    recipe = started.runner.recipe
    monkeypatch.setattr(resumption, "recall", lambda *_: recipe)
    monkeypatch.setattr(type(recipe.part("dataset", object)), "prepare", lambda _: make_dataset())
    step = started.runner.learner.step
    resumption.resume(
        registry.run(started.run_id),
        registry=registry,
        catalogue=catalogue,
        device=torch.device("cpu"),
        trackers={"heard": Tracker(heard=second)},
    ).run()
    told = [each for each in first.all if isinstance(each, int)]
    assert second.all[0] == ("resumed", step)
    assert [*told, *(each for each in second.all if isinstance(each, int))] == [2, 4, 6, 8]
    assert second.all[-1] == ("finished", "")


@attrs.frozen(kw_only=True)
class Broken(TrackerRecipe):
    def open(self, run: RunStart) -> Observer:
        raise OSError("no network")


def test_a_tracker_that_fails_is_said_and_recorded(small_recipe, make_dataset, registry, tmp_path):
    said: list[str] = []
    started = launch.start(
        small_recipe("bc", *STEPS),
        make_dataset(),
        registry=registry,
        output=tmp_path / "runs",
        device=torch.device("cpu"),
        trackers={"broken": Broken()},
        say=said.append,
    )
    started.run()
    told = "tracker 'broken' failed and is left alone: no network"
    events = registry.run(started.run_id).events
    assert [event.message for event in events if event.kind == "warning"] == [told] == said
