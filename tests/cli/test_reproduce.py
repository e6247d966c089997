"""What ``agent reproduce`` runs, says and refuses."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from genpolicy.registry import Registry

SHORT = (
    "objective=bc",
    "objective.steps=3",
    "objective.batch_size=8",
    "network=mlp",
    "network.hidden=8",
    "train.looks=0",
    "evaluation.episodes=2",
    "evaluation.environments=2",
    "evaluation.fitted_q_steps=5",
)


@pytest.fixture
def write_data(place):
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
def unscored(agent, write_data):
    """Return a finished run on data without an environment."""
    write_data(64)
    done = agent("run", *SHORT, "--dataset", "npz:mine.npz", "--json")
    return done.json["runs"][0]["run"]


def edit(statement, *values):
    with closing(sqlite3.connect("registry.db")) as file, file:
        file.execute(statement, values)


@pytest.mark.slow
def test_a_run_comes_out_the_same_to_the_bit_as_a_run_of_its_own(agent):
    run = agent("run", *SHORT, "--json").json["runs"][0]["run"]
    done = agent("reproduce", run)
    assert done.status == 0, done.err
    assert "nothing changed" in done.out
    assert "bit-identical: the trained weights and every episode are the same" in done.out
    with Registry.open("registry.db", read_only=True) as registry:
        newest = registry.runs()[0].id
        assert newest != run
        assert registry.run(newest).start.parent == run


@pytest.mark.slow
def test_a_score_that_lies_apart_is_told_with_its_interval(agent):
    run = agent("run", *SHORT, "evaluation.episodes=4", "--json").json["runs"][0]["run"]
    edit("UPDATE episodes SET return_value = 200 + position")
    edit("UPDATE artifacts SET sha256 = 'other' WHERE kind = 'agent'")
    done = agent("reproduce", run, "--json")
    assert done.status == 1
    assert done.json["comparison"]["verdict"] == "differs"
    assert "was not reproduced: it differs: the score differs by -" in done.err
    assert "an interval without 0" in done.err


def test_what_changed_since_is_listed(agent, unscored):
    edit("UPDATE runs SET versions = json_set(versions, '$.torch', '0.0.7')")
    edit("UPDATE runs SET host = json_set(host, '$.name', 'elsewhere'), git_commit = 'abc'")
    edit("UPDATE parts SET source_hash = 'fedcba987654321' WHERE slot = 'backbone'")
    done = agent("reproduce", unscored, "--json")
    assert done.status == 0, done.err
    changes = {change["what"]: (change["then"], change["now"]) for change in done.json["changes"]}
    assert changes["torch"][0] == "0.0.7"
    assert changes["name"][0] == "elsewhere"
    assert changes["git commit"][0] == "abc"
    assert changes["the source of backbone genpolicy/flow"][0] == "fedcba987654"
    assert done.json["comparison"]["verdict"] == "bit-identical"


def test_without_a_score_the_weights_decide(agent, unscored):
    assert "bit-identical: the trained weights are the same" in agent("reproduce", unscored).out
    edit("UPDATE artifacts SET sha256 = 'other' WHERE kind = 'agent'")
    done = agent("reproduce", unscored)
    assert done.status == 1
    assert "differs: the trained weights are not the same, and nothing was scored" in done.err


def test_other_data_is_refused(agent, unscored, write_data):
    write_data(80)
    done = agent("reproduce", unscored)
    assert done.status == 2
    assert "but 'npz:mine.npz' now has 80 and" in done.err


def test_a_part_that_is_gone_is_refused_with_how_to_get_it(agent, drift, write_data):
    write_data(64)
    agent("run", "--objective", "faulty", "--dataset", "npz:mine.npz", "network.hidden=8")
    with Registry.open("registry.db", read_only=True) as registry:
        run = registry.runs()[0].id
    done = agent("reproduce", run)
    assert done.status == 2
    assert f"run {run} is failed and has no result to reproduce; `agent resume {run}`" in done.err
    edit("UPDATE runs SET state = 'finished'")
    drift.uninstall()
    done = agent("reproduce", run)
    assert done.status == 3
    assert "`pip install genpolicy-drift==1.0`" in done.err


def test_a_reference_policy_is_refused(agent):
    agent("datasets", "reference", "pointmaze/umaze", "--episodes", "1", "--record")
    with Registry.open("registry.db", read_only=True) as registry:
        run = next(run for run in registry.runs() if run.reference == "random").id
    done = agent("reproduce", run)
    assert done.status == 2
    assert "measured the reference policy 'random' and trained nothing" in done.err
