"""Runs that are compiled: by order, or on the way; and what can be said against it."""

import numpy as np
import pytest

from genpolicy.registry import Registry
from genpolicy.training import compiling

SHORT = (
    "objective=bc",
    "objective.steps=70",
    "objective.batch_size=4",
    "network=mlp",
    "network.hidden=8",
    "evaluation.fitted_q_steps=5",
    "--dataset",
    "npz:mine.npz",
)


@pytest.fixture(autouse=True)
def data(place):
    random = np.random.default_rng(0)
    np.savez(
        place / "mine.npz",
        observation=random.normal(size=(64, 3)).astype(np.float32),
        action=random.uniform(-1, 1, (64, 2)).astype(np.float32),
        reward=np.zeros(64, np.float32),
        terminal=np.arange(64) % 16 == 15,
    )


def events(*kinds):
    with Registry.open("registry.db", read_only=True) as registry:
        run = registry.run(registry.runs()[0].id)
    return [(event.kind, event.step) for event in run.events if event.kind in kinds]


@pytest.mark.slow
def test_a_run_that_was_compiled_on_the_way_is_repeated_so(agent, monkeypatch):
    """By code that is really generated, whose sums are not the eager ones."""
    monkeypatch.setattr(compiling, "WARMUP", 0.0)
    run = agent("run", *SHORT, "--json").json["runs"][0]["run"]
    assert events("compiled", "eager") == [("compiled", 61)]
    monkeypatch.setattr(compiling, "WARMUP", 1e9)
    done = agent("reproduce", run)
    assert done.status == 0, done.err
    assert events("compiled", "eager") == [("compiled", 61)]
    assert "bit-identical: the trained weights are the same" in done.out


def test_a_short_run_decides_that_compiling_does_not_pay(agent):
    assert agent("run", *SHORT).status == 0
    assert events("compiled", "eager") == [("eager", 61)]


def test_what_cannot_be_compiled_ends_at_the_first_step_with_a_way_out(agent, monkeypatch):
    def no_compiler(function, **_):
        def compiled(*_, **__):
            raise RuntimeError("no C++ compiler was found")

        return compiled

    monkeypatch.setattr(compiling.torch, "compile", no_compiler)
    done = agent("run", *SHORT, "--compile", "on")
    assert done.status == 1
    assert (
        "the loss that trains 'policy' cannot be compiled: no C++ compiler was found; "
        "--compile off trains without"
    ) in done.err
    monkeypatch.setattr(compiling, "WARMUP", 0.0)
    done = agent("run", *SHORT)
    assert done.status == 0
    assert "no C++ compiler was found; training goes on without" in done.err
    assert events("compiled", "eager", "warning") == [("warning", 61)]


def test_compiling_is_chosen_once(agent):
    done = agent("run", *SHORT, "--compile", "on", "train.compile=off")
    assert done.status == 2
    assert "compiling is chosen twice: --compile on and train.compile=off" in done.err
    assert agent("run", *SHORT, "--compile", "perhaps").status == 2
