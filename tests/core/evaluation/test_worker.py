"""What a worker answers: the agent's own errors for it alone, others for all."""

import attrs
import pytest
import torch

from drives import Drive, drive
from genpolicy.agent import Agent, shapes_of
from genpolicy.environment_spec import EnvironmentSpec
from genpolicy.errors import BrokenPartError, RunError
from genpolicy.evaluation import Protocol
from genpolicy.evaluation.worker import Task, answer
from genpolicy.training.learner import Learner


@pytest.fixture
def task(small_recipe, make_dataset):
    data = attrs.evolve(make_dataset(), environment=drive())
    learner = Learner(small_recipe("bc"), shapes_of(data), torch.device("cpu"))
    return Task(
        agents=[learner.agent("policy", data, "").packed()],
        device="cpu",
        threads=1,
        environment=data.environment,
        protocol=Protocol(episodes=2, environments=2),
        reference=None,
        stage="policy",
        step=1,
        selection=None,
    )


def _fail(monkeypatch, method, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(method[0], method[1], fail)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("dust"), "ValueError: dust"),
        (BrokenPartError("the part is broken"), "the part is broken"),
    ],
)
def test_an_error_of_an_agents_part_is_told_in_words_for_it_alone(error, words, task, monkeypatch):
    _fail(monkeypatch, (Agent, "act"), error)
    (outcome,) = answer(task, {})
    assert type(outcome) is RunError
    assert str(outcome) == words


@pytest.mark.parametrize(
    "error", [MemoryError("full"), torch.OutOfMemoryError("full"), OSError("full")]
)
def test_an_error_of_the_process_is_told_for_all(error, task, monkeypatch):
    _fail(monkeypatch, (Agent, "act"), error)
    assert answer(task, {}) == f"{type(error).__name__}: full"


def test_an_environment_that_fails_is_told_for_all(task, monkeypatch):
    _fail(monkeypatch, (Drive, "step"), ValueError("the wheel is off"))
    assert answer(task, {}) == "ValueError: the wheel is off"


def test_an_environment_that_cannot_be_made_is_told_for_all(task):
    nowhere = attrs.evolve(task, environment=EnvironmentSpec(id="Nowhere-v0", horizon=8))
    assert answer(nowhere, {}).startswith("DataError: environment 'Nowhere-v0'")
