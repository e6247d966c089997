"""``--tracker`` and the options of trackers, on the command line."""

import csv
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import numpy as np
import pytest

from genpolicy.registry import Registry

LIGHT = """
import sys
from genpolicy_cli.main import main
status = main(["list", "tracker"]) or main(["info", "tracker", "mlflow"])
print([name for name in ("tensorboard", "wandb", "mlflow") if name in sys.modules], file=sys.stderr)
sys.exit(status)
"""
OURS = ("csv", "tensorboard", "wandb", "mlflow")


@pytest.fixture
def data(place):
    """The settings of a run of moments, on data without an environment."""
    random = np.random.default_rng(0)
    np.savez(
        place / "mine.npz",
        observation=random.normal(size=(64, 3)).astype(np.float32),
        action=random.uniform(-1, 1, (64, 2)).astype(np.float32),
        reward=np.zeros(64, np.float32),
        terminal=np.arange(64) % 16 == 15,
    )
    settings = ("objective=bc", "objective.batch_size=8", "network=mlp", "network.hidden=8")
    off = ("evaluation.held_out=0", "evaluation.fitted_q_steps=0")
    return (*settings, *off, "dataset=npz:mine.npz", "train.log_every=10")


def rows(place, run):
    with (place / "runs" / run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_tracker_mirrors_a_run_and_is_no_part_of_its_recipe(agent, place, data):
    settings = (*data, "objective.steps=30", "--json", "--quiet")
    mirrored = agent(
        "run", *settings, "--tracker", "csv", "tracker.csv.path=all/{run}.csv", "--seeds", "2"
    )
    assert mirrored.status == 0, mirrored.err
    runs = [run["run"] for run in mirrored.json["runs"]]
    runs.append(agent("run", *settings).json["runs"][0]["run"])
    for run in runs[:2]:
        lines = (place / "runs" / run / "all" / f"{run}.csv").read_text().splitlines()
        assert lines[0] == "step,stage,name,value"
        assert [line.split(",")[:3] for line in lines[1:]] == [
            [str(step), "policy", "policy/loss"] for step in (10, 20, 30)
        ]
    with Registry.open("registry.db", read_only=True) as registry:
        assert len({registry.run(run).start.recipe_hash for run in runs}) == 1


@pytest.mark.slow
@pytest.mark.skipif(
    any(find_spec(name) is None for name in OURS[1:]), reason="some tracker's package is missing"
)
def test_all_trackers_mirror_one_run_and_end_with_it(place, data, program):
    named = [text for name in OURS for text in ("--tracker", name)]
    done = program("run", *data, "objective.steps=30", *named, "--json", cwd=place)
    assert done.status == 0, done.err
    assert "warning" not in done.err
    run = done.json["runs"][0]["run"]
    folder = place / "runs" / run
    assert (folder / "metrics.csv").exists()
    assert list(folder.glob("tensorboard/events.out.tfevents.*"))
    (kept,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    assert kept.stat().st_size > 1000
    assert (place / "runs" / "mlflow.db").exists()
    assert {path.name for path in place.iterdir()} == {"mine.npz", "registry.db", "runs"}


@pytest.mark.slow
def test_a_killed_run_goes_on_in_the_same_file(agent, place, data, begin):
    settings = (*data, "objective.steps=2000", "--tracker", "csv", "train.checkpoint_seconds=0.2")
    process = begin("run", *settings, "--quiet", cwd=place)
    deadline = time.monotonic() + 60
    while len(list(place.glob("runs/*/checkpoints/*"))) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (run,) = [path.name for path in (place / "runs").iterdir()]
    before = len(rows(place, run))
    done = agent("resume", run, "--tracker", "csv", "--quiet")
    assert done.status == 0, done.err
    assert 0 < before < 200
    assert [int(row["step"]) for row in rows(place, run)] == list(range(10, 2001, 10))


def test_a_tracker_that_fails_is_told_and_the_run_ends_well(agent, place, data):
    (place / "mine.csv").write_text("mine\n")
    where = f"tracker.csv.path={place / 'mine.csv'}"
    done = agent("run", *data, "objective.steps=20", "--tracker", "csv", where)
    assert done.status == 0
    assert done.err.count("tracker 'csv' failed and is left alone: ") == 1
    assert "exists and may be another run's" in done.err


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (
            ("--tracker", "cvs"),
            3,
            "no installed plugin provides tracker 'cvs'; did you mean 'csv'?",
        ),
        (
            ("--tracker", "csv", "tracker.csv.pth=x"),
            2,
            "tracker csv has no option 'pth'; did you mean 'path'?",
        ),
        (
            ("--tracker", "csv", "tracker.path=x"),
            2,
            "'tracker.path=x' is not an option; options of trackers read tracker.name.key=value",
        ),
        (
            ("tracker.csv.path=x",),
            2,
            "an option of tracker csv is set, and it is not used: add --tracker csv",
        ),
    ],
)
@pytest.mark.parametrize("command", ["run", "resume"])
def test_what_cannot_be_meant_is_refused_before_anything_begins(
    agent, place, command, arguments, status, sentence
):
    first = ("resume", "abc") if command == "resume" else ("run", "objective=bc")
    done = agent(*first, *arguments)
    assert done.status == status
    assert done.err.strip().splitlines()[-1] == f"error: {sentence}"
    assert list(place.iterdir()) == []


def test_a_missing_package_is_told_before_training(agent, place, monkeypatch):
    from genpolicy_plugins.trackers import extras

    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    done = agent("run", "--tracker", "csv", "--tracker", "wandb")
    assert done.status == 3
    assert done.err.strip() == (
        "error: tracker wandb needs the package wandb, which is not installed: "
        "pip install 'genpolicy[wandb]'"
    )
    assert list(place.iterdir()) == []


def test_a_resumed_run_takes_no_other_settings(agent):
    done = agent("resume", "abc", "objective.steps=3")
    assert done.status == 2
    assert (
        "a resumed run keeps its recipe, and 'objective.steps=3' would change it; only "
        "tracker.NAME.KEY=VALUE can be set" in done.err
    )


def test_an_option_may_be_set_by_the_full_name(agent):
    named = ("--tracker", "csv", "tracker.genpolicy/csv.path=x.csv")
    assert agent("run", "--dry-run", *named).status == 0


@pytest.mark.slow
def test_showing_trackers_imports_none_of_their_packages(place):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"
    assert "tracker.mlflow.store" in done.stdout


def test_the_options_of_a_tracker_are_shown_as_they_are_typed(agent):
    assert "tracker.csv.path" in agent("info", "tracker", "csv").out
