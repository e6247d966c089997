"""Looks that other processes play: the same records, at the same places, whatever becomes of them.

The environment is one that other processes can import.
"""

import os
import signal
from multiprocessing import active_children
from multiprocessing.context import SpawnProcess

import attrs
import pytest
import torch

from drives import drive
from genpolicy.agent import shapes_of
from genpolicy.errors import DivergedError, RunError, StoppedError
from genpolicy.evaluation import Evaluator, Protocol
from genpolicy.evaluation.workers import Workers
from genpolicy.observer import Observer
from genpolicy.training.learner import Learner
from genpolicy.training.look import Look, take_together
from genpolicy.training.runner import Outcome, Runner
from genpolicy.training.sampler import Sampler
from genpolicy.training.together import run_together

CPU = torch.device("cpu")
STEPS = ("objective.critic_steps=4", "objective.policy_steps=24", "objective.batch_size=8")
TRAIN = ("train.looks=6", "train.look_episodes=5", "train.log_every=2", "train.ema=0.5")
SCORED = ("evaluation.episodes=6", "evaluation.environments=4")


class Diary(Observer):
    """Writes down what it is told, but for times."""

    def __init__(self):
        self.told = []
        self.events = []

    def on_metrics(self, record):
        self.told.append((record.step, dict(record.values)))

    def on_evaluation(self, record):
        self.told.append(attrs.evolve(record, seconds=0.0))

    def on_artifact(self, record):
        kept = record.sha256 if record.kind == "agent" else ""
        self.told.append((record.kind, record.step, kept))

    def on_event(self, record):
        self.events.append((record.kind, record.message))

    @property
    def warnings(self):
        return [message for kind, message in self.events if kind == "warning"]


class Refusing(Workers):
    """Takes tasks and says afterwards that they could not be played."""

    def __init__(self):
        super().__init__(1)

    def attend(self, seconds):
        self._give_up("DataError: environment 'Drive-v0' cannot be made")

    def close(self):
        raise AssertionError("whoever made them closes them")


@pytest.fixture
def data(make_dataset):
    return attrs.evolve(make_dataset(), environment=drive())


@pytest.fixture
def trained(small_recipe, tmp_path):
    """Train, and return what came of it and what was told."""

    def train(data, protocol="default", workers=None, stop=None, folder="run"):
        typed = (*STEPS, *TRAIN, *SCORED, f"evaluation.name={protocol}")
        diary, runner = (
            Diary(),
            Runner(
                small_recipe("gmpo", *typed),
                data,
                run="r",
                folder=tmp_path / folder,
                device=CPU,
                workers=workers,
            ),
        )
        runner.restore()
        if stop is not None:
            _stop_after(runner, stop)
        try:
            runner.run([diary])
        except StoppedError:
            assert stop is not None
        return diary

    return train


def _stop_after(runner, step):
    take_step = runner.learner.take_step

    def taking(*arguments):
        take_step(*arguments)
        if runner.learner.step == step:
            runner.stop()

    runner.learner.take_step = taking


@pytest.fixture(scope="module")
def one():
    with Workers(1) as workers:
        yield workers


@pytest.fixture(scope="module")
def two():
    with Workers(2) as workers:
        yield workers


@pytest.fixture
def looks(small_recipe, data):
    """Return looks at agents of three seeds, of which the second has gone astray."""

    def make(workers=None):
        found = []
        for seed in range(3):
            torch.manual_seed(seed)
            recipe = small_recipe("bc", seed=seed)
            agent = Learner(recipe, shapes_of(data), CPU).agent("policy", data, "")
            evaluator = Evaluator.of(data, Protocol(episodes=3, environments=2))
            found.append(
                Look(agent=agent, evaluator=evaluator, stage="policy", step=1, workers=workers)
            )
        for weight in found[1].agent.models.roles["policy"].parameters():
            weight.data.fill_(float("nan"))
        take_together(found)
        return found

    return make


@pytest.mark.slow
def test_a_worker_does_not_hear_ctrl_c_from_its_first_moment_on(one, looks):
    sought = looks(one)
    while not sought[0].wait(0.02):
        for process in active_children():
            os.kill(process.pid, signal.SIGINT)
    assert one.willing


@pytest.mark.slow
def test_an_agent_that_cannot_be_scored_leaves_others_and_the_workers_alone(one, looks):
    expected, sought = looks(), looks(one)
    for number in (0, 2):
        assert sought[number].record().episodes == expected[number].record().episodes
    for look in (expected[1], sought[1]):
        with pytest.raises(RunError, match="the policy's actions are not finite"):
            look.record()
    assert one.willing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("protocol", "count"), [("default", "one"), ("best", "two"), ("fql", "two")]
)
def test_whoever_plays_the_looks_the_same_is_told_in_the_same_order(
    protocol, count, trained, data, request
):
    workers = request.getfixturevalue(count)
    expected = trained(data, protocol, folder="without")
    diary = trained(data, protocol, workers, folder="with")
    assert workers.willing
    assert diary.told == expected.told
    assert diary.events == expected.events


@pytest.mark.slow
@pytest.mark.parametrize("stop", [9, 20])
def test_a_checkpoint_waits_for_looks_so_that_a_resumed_run_lacks_and_repeats_none(
    stop, trained, data, two
):
    expected = trained(data, "best", folder="whole")
    first = trained(data, "best", two, stop=stop)
    second = trained(data, "best", two)
    seen = [each for diary in (first, second) for each in diary.told if type(each) is not tuple]
    assert seen == [each for each in expected.told if type(each) is not tuple]
    assert second.told[-2:] == expected.told[-2:]


@pytest.mark.slow
def test_a_batch_is_scored_the_same_by_workers(small_recipe, data, tmp_path, one):
    def told(workers, folder):
        sampler, diaries = Sampler(data, CPU), [Diary() for _ in range(3)]
        runners = [
            Runner(
                small_recipe("gmpo", *STEPS, *TRAIN, *SCORED, seed=seed),
                data,
                run=f"r{seed}",
                folder=tmp_path / folder / str(seed),
                device=CPU,
                sampler=sampler,
                workers=workers,
            )
            for seed in range(3)
        ]
        ends = {}
        run_together(runners, [[diary] for diary in diaries], ends.__setitem__)
        assert all(isinstance(end, Outcome) for end in ends.values()), ends
        return [
            [each for each in diary.told if type(each) is not tuple or each[0] != "agent"]
            for diary in diaries
        ]

    expected = told(None, "without")
    assert told(one, "with") == expected
    assert len({record.return_.mean for record in (each[-1] for each in expected)}) == 3


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing_but_a_warning(trained, data):
    expected = trained(data, "best", folder="without")
    deadly = attrs.evolve(data, environment=drive(dies=True))
    with Workers(1) as workers:
        diary = trained(deadly, "best", workers, folder="with")
        assert not workers.willing
    episodes = [each.episodes for each in expected.told if type(each) is not tuple]
    assert [each.episodes for each in diary.told if type(each) is not tuple] == episodes
    assert diary.warnings == [
        "an evaluation worker died (exit code -9); looks are played in the training process from "
        "here on"
    ]


def test_a_worker_that_cannot_be_started_costs_nothing_but_a_warning(trained, data, monkeypatch):
    def start(process):
        raise OSError("no process is left")

    expected = trained(data, "best", folder="without")
    monkeypatch.setattr(SpawnProcess, "start", start)
    with Workers(2) as workers:
        diary = trained(data, "best", workers, folder="with")
        assert not workers.willing
    assert diary.told == expected.told
    assert diary.warnings == [
        "an evaluation worker cannot be started (no process is left); looks are played in "
        "the training process from here on"
    ]


def test_what_a_worker_cannot_play_is_played_here(trained, data):
    expected = trained(data, "best", folder="without")
    diary = trained(data, "best", Refusing(), folder="with")
    assert diary.told == expected.told
    assert diary.warnings == [
        "DataError: environment 'Drive-v0' cannot be made; looks are played in the training "
        "process from here on"
    ]


def test_looks_before_a_loss_that_diverges_are_told(small_recipe, data, tmp_path):
    """The last of them had not come when it was noticed."""
    runner = Runner(
        small_recipe("gmpo", *STEPS, *TRAIN, *SCORED),
        data,
        run="r",
        folder=tmp_path,
        device=CPU,
        workers=Refusing(),
    )
    take_step = runner.learner.take_step

    def taking(*arguments):
        take_step(*arguments)
        if runner.learner.step == 10:
            for weight in runner.learner.models.roles["policy"].parameters():
                weight.data.fill_(float("nan"))

    runner.learner.take_step = taking
    diary = Diary()
    with pytest.raises(DivergedError):
        runner.run([diary])
    assert [each.step for each in diary.told if type(each) is not tuple] == [8]
