"""Runs as the registry tells of them, made up; and rliable, to compare with."""

import math
import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from types import ModuleType, SimpleNamespace

import attrs
import numpy as np
import pytest

from genpolicy.registry import RunSummary
from genpolicy.registry.episode_sums import EpisodeSums

START = datetime(2026, 1, 1, tzinfo=UTC)
ERROR = 1.0


@pytest.fixture
def run():
    """Make a run, each newer than the one before."""
    made = count()

    def make(
        objective="bc",
        seed=0,
        score=50.0,
        *,
        dataset="maze",
        backbone="flow",
        recipe=None,
        error=ERROR,
        episodes=100,
        solved=None,
        **changes,
    ):
        number = next(made)
        finite = score is not None and math.isfinite(score)
        sums = EpisodeSums(
            episode_count=0 if score is None else episodes,
            return_mean=score if finite else None,
            return_deviation=error * math.sqrt(episodes) if episodes > 1 else None,
            success_count=solved,
            steps_to_success_mean=None,
        )
        summary = RunSummary(
            id=f"run{number}",
            state="finished",
            created=START + timedelta(minutes=number),
            started=None,
            seconds=1.0,
            step=10,
            dataset=dataset,
            fingerprint="ab" * 32,
            recipe_hash=(recipe or f"{objective}-{backbone}-{dataset}").ljust(64, "0"),
            parts={
                "objective": f"genpolicy/{objective}",
                "backbone": f"genpolicy/{backbone}",
                "dataset": f"genpolicy/{dataset}",
            },
            reference=None,
            seed=seed,
            device="cpu",
            parent=None,
            tags=(),
            sums=sums,
            random_return=0.0,
            expert_return=100.0,
            protocol="default",
            selection="last",
        )
        return attrs.evolve(summary, **changes)

    return make


@pytest.fixture
def reference(run):
    """Make a run that measured a reference policy."""

    def make(name="expert", score=100.0, **changes):
        parts = {"dataset": "genpolicy/maze"}
        return run(score=score, recipe=name, reference=name, parts=parts, **changes)

    return make


class Bootstrap:
    """What rliable needs of ``arch.bootstrap``: to call a function on data drawn again.

    It stands in for that package, which brings 160 MB along and whose releases that run on NumPy 2
    refuse what rliable 1.2 passes. Which data are drawn is rliable's own code.
    """

    def __init__(self, *args, random_state=None):
        self._args = args
        self._num_items = len(args[0])
        self._num_args = len(args)
        self._num_arg_items = [len(arg) for arg in args]
        self._kwargs = {}

    def conf_int(self, func, reps, size, method):
        assert method == "percentile"
        found = [func(*self._drawn(self.update_indices())) for _ in range(reps)]
        return np.quantile(found, ((1 - size) / 2, (1 + size) / 2), axis=0)

    def _drawn(self, indices):
        return [self._args[0][indices]]


class IndependentBootstrap(Bootstrap):
    def _drawn(self, indices):
        return [arg[index] for arg, index in zip(self._args, indices[0], strict=True)]


@pytest.fixture
def rliable(monkeypatch):
    """Return rliable's modules ``metrics`` and ``library``."""
    words = "needs rliable: pip install --no-deps rliable"
    metrics = pytest.importorskip("rliable.metrics", reason=words)
    stand_in = ModuleType("arch.bootstrap")
    stand_in.IIDBootstrap = Bootstrap
    stand_in.IndependentSamplesBootstrap = IndependentBootstrap
    monkeypatch.setitem(sys.modules, "arch", ModuleType("arch"))
    monkeypatch.setitem(sys.modules, "arch.bootstrap", stand_in)
    monkeypatch.delitem(sys.modules, "rliable.library", raising=False)
    library = pytest.importorskip("rliable.library", reason=words)
    np.random.seed(0)  # it draws from NumPy's global random numbers
    return SimpleNamespace(metrics=metrics, library=library)
