"""Agents that are scored together: each as alone, but for rounding."""

import attrs
import numpy as np
import pytest
import torch

from drives import drive
from genpolicy.acting.stacked import stacked
from genpolicy.agent import shapes_of
from genpolicy.errors import RunError
from genpolicy.evaluation import Evaluator, Protocol
from genpolicy.evaluation.scoring import Entry, score_together
from genpolicy.training.learner import Learner

CPU = torch.device("cpu")
FACTS = {"stage": "policy", "step": 3, "selection": None}
PROTOCOL = Protocol(episodes=7, environments=4)


@pytest.fixture
def entries(small_recipe, make_dataset):
    """Return agents of several seeds, to be scored."""

    def make(*arguments, count=3, data=None, objective="bc"):
        data = data or attrs.evolve(make_dataset(), environment=drive())
        made = []
        for seed in range(count):
            torch.manual_seed(seed)
            recipe = small_recipe(objective, *arguments, seed=seed)
            agent = Learner(recipe, shapes_of(data), CPU).agent("policy", data, "")
            made.append(Entry(agent, Evaluator.of(data, PROTOCOL)))
        return made

    return make


def alone(entries):
    return [outcome for entry in entries for outcome in score_together([entry], **FACTS)]


def watch(monkeypatch):
    """Return how many agents decided as one, decision by decision."""
    calls, vmap = [], torch.func.vmap

    def watched(program):
        def counted(weights, rows, noise):
            calls.append(len(rows))
            return vmap(program)(weights, rows, noise)

        return counted

    monkeypatch.setattr(torch.func, "vmap", watched)
    return calls


@pytest.mark.parametrize(
    ("objective", "arguments"),
    [
        ("bc", ()),
        ("bc", ("solver=sde:5", "backbone=diffusion")),
        ("diffusion-ql", ("backbone=diffusion", "solver=ddpm", "inference=best-of:4")),
    ],
)
def test_agents_scored_together_come_out_as_alone(objective, arguments, entries, monkeypatch):
    made = entries(*arguments, objective=objective)
    calls = watch(monkeypatch)
    together, expected = score_together(made, **FACTS), alone(made)
    assert max(calls) == 3
    for one, other in zip(together, expected, strict=True):
        assert one.step == 3
        assert [e.seed for e in one.episodes] == [e.seed for e in other.episodes]
        assert [e.length for e in one.episodes] == [e.length for e in other.episodes]
        returns = [[e.return_ for e in record.episodes] for record in (one, other)]
        np.testing.assert_allclose(*returns, atol=1e-4)
    assert len({record.return_.mean for record in together}) == 3
    lengths = [[e.length for e in record.episodes] for record in together]
    assert lengths[0] != lengths[1], "their numbers of environments never part"


def test_what_cannot_be_batched_is_scored_one_after_the_other(entries, monkeypatch):
    made = entries("solver=dopri5", count=2)
    calls = watch(monkeypatch)
    together = score_together(made, **FACTS)
    assert not calls
    assert [r.episodes for r in together] == [r.episodes for r in alone(made)]


def test_agents_whose_acting_differs_are_scored_one_after_the_other(entries, monkeypatch):
    made = [*entries(count=1), *entries("solver=euler:3", count=1)]
    calls = watch(monkeypatch)
    together = score_together(made, **FACTS)
    assert not calls
    assert [r.episodes for r in together] == [r.episodes for r in alone(made)]


def test_one_that_cannot_be_scored_leaves_the_others_alone(entries):
    made = entries()
    with torch.no_grad():
        next(made[1].agent.models.roles["policy"].parameters()).fill_(float("nan"))
    first, second, third = score_together(made, **FACTS)
    assert isinstance(second, RunError)
    assert [first.episodes, third.episodes] == [r.episodes for r in alone([made[0], made[2]])]


def _stop():
    raise RunError("stop")


def test_whoever_is_asked_to_stop_is_not_scored(entries):
    made = [attrs.evolve(entry, go_on=_stop) for entry in entries(count=2)]
    assert [str(outcome) for outcome in score_together(made, **FACTS)] == ["stop", "stop"]


def test_agents_that_differ_beside_their_weights_do_not_decide_as_one(entries):
    first, second = entries(count=2)
    seen = torch.ones(2, 3)

    def louder(observation, generator):
        return 2.0 * second.agent.decide(observation, generator)

    def members(decide):
        return [(one, e.agent.models.all()) for one, e in zip(decide, (first, second), strict=True)]

    assert stacked(members([first.agent.decide, second.agent.decide]), seen) is not None
    assert stacked(members([first.agent.decide, louder]), seen) is None


@pytest.mark.parametrize("debug", [True, False])
def test_why_agents_are_not_scored_as_one_is_shown_to_those_who_look_for_a_fault(
    debug, entries, monkeypatch, capsys
):
    monkeypatch.setenv("AGENT_DEBUG", "1" if debug else "")
    made = entries(count=2)
    score_together([attrs.evolve(entry, go_on=_stop) for entry in made], **FACTS)
    models = [entry.agent.models.all() for entry in made]
    acts = [made[0].agent.decide, lambda *given: 2.0 * made[1].agent.decide(*given)]
    stacked(list(zip(acts, models, strict=True)), torch.ones(2, 3))
    stacked([], torch.ones(2, 3))
    said = [line for line in capsys.readouterr().err.splitlines() if "debug: " in line]
    assert said == debug * [
        "debug: agents that began to play as one go on alone",
        "debug: agents would decide otherwise as one than each alone",
        "debug: agents cannot decide as one",
    ]
