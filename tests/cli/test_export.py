"""``agent export``, and acting by other solvers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genpolicy.agent import Agent

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "act_with_onnxruntime.py"
WITHOUT_TORCH = (
    "import os, runpy, sys; runpy.run_path(os.environ['EXAMPLE'], run_name='__main__'); "
    "sys.exit(any(name in sys.modules for name in ('torch', 'genpolicy')))"
)


@pytest.fixture
def trained(finished, monkeypatch):
    monkeypatch.setenv("AGENT_REGISTRY", str(finished / "registry.db"))
    (run,) = (finished / "runs").iterdir()
    return run.name


def test_an_exported_agent_acts_without_torch(agent, trained, place):
    done = agent("export", trained, "--out", "agent.onnx", "--solver", "euler:2")
    assert done.status == 0, done.err
    for line in ("agent.onnx", "onnx", trained, "[batch, 6]", "[batch, 2]"):
        assert line in done.out
    call = [sys.executable, "-c", WITHOUT_TORCH, "agent.onnx"]
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "EXAMPLE": str(EXAMPLE)}
    acted = subprocess.run(call, cwd=place, capture_output=True, text=True, env=environ)
    assert acted.returncode == 0, acted.stderr
    rows = acted.stdout.replace("[", "").replace("]", "").split()
    assert len(rows) == 6
    assert all(-1.0 <= float(number) <= 1.0 for number in rows)


def test_the_recipe_in_a_file_is_what_acts(agent, trained, place):
    done = agent("export", trained, "--out", "a.pt2", "--steps", "3", "--json")
    assert done.status == 0, done.err
    assert done.json["recipe"]["parts"]["solver"]["options"]["steps"] == 3
    assert done.json["inputs"] == {"observation": ["batch", 6], "noise": ["batch", 2]}
    assert (place / "a.pt2").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--out", "agent"), "'agent' does not say what to write; name a FILE.onnx or a FILE.pt2"),
        (("--out", "a.pt2", "--format", "pickle"), "exported as onnx or torch; got 'pickle'"),
        (("--out", "a.pt2", "--solver", "dopri5"), "'dopri5' is no fixed graph"),
        (("--out", "a.pt2", "--solver", "jump:2"), "jump needs a backbone that"),
        (("--out", "there.pt2"), "there.pt2 is there; --force replaces it"),
    ],
)
def test_what_cannot_be_exported_is_refused(arguments, words, agent, trained, place):
    (place / "there.pt2").touch()
    done = agent("export", trained, *arguments)
    assert done.status == 2
    assert words in done.err
    assert [path.name for path in place.glob("*.pt2")] == ["there.pt2"]


def test_an_agent_is_scored_by_another_solver(agent, trained, finished):
    own = agent("evaluate", trained, "--json")
    assert own.status == 0, own.err
    named = Agent.load(finished / "runs" / trained / "agent").recipe.chosen["solver"]
    same = agent("evaluate", trained, "--json", "--solver", named.name, "--steps", "2")
    assert same.status == 0, same.err
    assert same.json["episodes"] == own.json["episodes"]
    assert own.json["solver"].partition(":")[0] == named.name
    assert same.json["solver"] == f"{named.name}:2"
    shown = agent("evaluate", trained, "--solver", "euler:3", "--episodes", "1").out
    assert ["solver", "euler:3"] in [line.split() for line in shown.splitlines()]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--solver", "jump:2"), "jump needs a backbone that"),
        (("--solver", "heun:4", "--steps", "3"), "steps are given twice: solver heun:4 and steps"),
        (("--solver", "dopri5", "--steps", "3"), "solver dopri5 has no option 'steps'"),
    ],
)
def test_a_solver_that_does_not_fit_is_refused(options, words, agent, trained):
    done = agent("evaluate", trained, *options)
    assert done.status == 2
    assert words in done.err
