"""What ``agent resume`` refuses, and what it says about changes."""

import sqlite3
from contextlib import closing
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from genpolicy.records import ArtifactRecord
from genpolicy.registry import Registry


@pytest.fixture
def data(place):
    """Return a function that writes the data of these runs."""

    def write(rows):
        random = np.random.default_rng(0)
        np.savez(
            place / "mine.npz",
            observation=random.normal(size=(rows, 3)).astype(np.float32),
            action=random.uniform(-1, 1, (rows, 2)).astype(np.float32),
            reward=np.zeros(rows, np.float32),
            terminal=np.arange(rows) % 16 == 15,
        )

    return write


@pytest.fixture
def failed(agent, drift, data):
    """Return the id of a run that failed in its first step."""
    data(64)
    done = agent("run", "--objective", "faulty", "--dataset", "npz:mine.npz", "network.hidden=8")
    assert done.status == 1
    with Registry.open("registry.db", read_only=True) as registry:
        return registry.runs()[0].id


def test_a_finished_run_is_not_resumed(agent, data):
    data(64)
    arguments = ("objective=bc", "objective.steps=2", "network.hidden=8", "objective.batch_size=8")
    named = ("--dataset", "npz:mine.npz", "evaluation.fitted_q_steps=5")
    run = agent("run", *arguments, *named, "--json").json["runs"][0]["run"]
    done = agent("resume", run)
    assert done.status == 2
    assert f"run {run} is finished; there is nothing left to resume" in done.err


def test_a_run_without_a_checkpoint_starts_anew(agent, failed):
    done = agent("resume", failed)
    assert done.status == 1
    assert f"run {failed} starts anew: it has no checkpoint yet" in done.err
    assert "failed at step 0 of 20 (ValueError: this cannot be)" in done.err


def test_records_that_the_registry_lacks_are_spoken_of(agent, failed):
    with Registry.open("registry.db", read_only=True) as registry:
        folder = Path(registry.run(failed).start.directory)
    (folder / "unrecorded.jsonl").touch()
    done = agent("resume", failed)
    assert f"once the run is over, `agent runs import {folder}` takes it in" in done.err


def test_other_data_is_refused_with_both_fingerprints(agent, failed, data):
    data(80)
    done = agent("resume", failed)
    assert done.status == 2
    assert "learns from 'npz:mine.npz' with 64 transitions and fingerprint" in done.err
    assert "but 'npz:mine.npz' now has 80 and" in done.err


def test_a_part_that_changed_is_told(agent, failed, drift):
    drift.change(drift.parts, drift.parts.read_text().replace("this cannot be", "nor can this"))
    done = agent("resume", failed)
    assert (
        "the source of genpolicy-drift has changed since the run began (1.0, now 1.0), which "
        "objective came from" in done.err
    )
    assert "nor can this" in done.err


def test_a_program_that_changed_is_told(agent, failed):
    now = metadata.version("genpolicy")
    with closing(sqlite3.connect("registry.db")) as file, file:
        file.execute("UPDATE runs SET versions = json_set(versions, '$.genpolicy', '0.0.7')")
    sentence = f"genpolicy has changed since the run began (0.0.7, now {now}): it may not go on"
    assert sentence in agent("resume", failed).err
    with Registry.open("registry.db", read_only=True) as registry:
        assert any(sentence in event.message for event in registry.run(failed).events)


def test_the_same_program_is_not_told(agent, failed):
    assert "has changed" not in agent("resume", failed).err


def test_a_part_that_is_gone_is_refused_by_name(agent, failed, drift):
    drift.uninstall()
    done = agent("resume", failed)
    assert done.status == 3
    assert (
        "objective 'genpolicy-drift/faulty' needs the plugin genpolicy-drift 1.0, which is not "
        "installed: `pip install genpolicy-drift==1.0`" in done.err
    )


def test_an_unknown_run_is_refused(agent, failed):
    done = agent("resume", "nosuchrun")
    assert done.status == 4
    assert "holds no run 'nosuchrun'" in done.err


def test_a_run_whose_checkpoints_are_gone_is_refused(agent, failed, place):
    gone = ArtifactRecord(kind="checkpoint", path=str(place / "c"), sha256="0", bytes=1, step=7)
    with Registry.open("registry.db") as registry:
        writer = registry.claim(failed)
        writer.on_artifact(gone)
        assert writer.close()
    done = agent("resume", failed)
    assert done.status == 1
    assert f"run {failed} had checkpoints, and no whole one is left in" in done.err
    assert "start a new run with --config" in done.err
