"""``agent runs``, ``runs show`` and ``evaluate``."""

import numpy as np
import pytest

from genpolicy.registry import Registry
from recorded import record, run_start

pytestmark = pytest.mark.slow


@pytest.fixture
def run(finished, monkeypatch):
    monkeypatch.chdir(finished)
    monkeypatch.setenv("AGENT_REGISTRY", str(finished / "registry.db"))
    with Registry.open("registry.db", read_only=True) as registry:
        return registry.runs()[0]


def test_the_listing_and_its_json_tell_the_same(agent, run):
    table, (fact,) = agent("runs"), agent("runs", "--json").json
    assert fact["run"] == run.id
    for text in (run.id, "finished", "pointmaze/umaze", "bc", "flow"):
        assert text in table.out
    assert fact["objective"] == "genpolicy/bc"
    assert fact["score"]["mean"] == run.score.mean
    assert f"{run.score.mean:.1f} ± {run.score.half_width:.1f}" in table.out


def test_the_listing_can_be_narrowed(agent, run):
    assert len(agent("runs", "--state", "finished", "--json").json) == 1
    assert agent("runs", "--state", "failed", "--json").json == []
    assert agent("runs", "--dataset", "elsewhere", "--json").json == []
    assert agent("runs", "--dataset", "elsewhere").err.startswith("no such runs; no recorded run")
    assert agent("runs", "--state", "tired").status == 2


def test_a_run_is_shown_with_all_that_is_known_of_it(agent, run):
    done = agent("runs", "show", run.id[:11])
    assert done.status == 0, done.err
    for text in (
        "score by step: 1 look of 2 episodes, ● final",
        "normalised score",
        "fingerprint",
        "objective.steps=20",
        "command line",
        "policy/loss",
        "checkpoint",
        "training is done",
        "tags",
        "first",
    ):
        assert text in done.out, text


def test_a_run_as_json_holds_every_episode_and_worked_out_scores(agent, run):
    facts = agent("runs", "show", run.id, "--json").json
    assert facts["run"] == run.id
    assert facts["start"]["recipe"]["parts"]["objective"]["options"]["steps"] == 20
    assert [len(record["episodes"]) for record in facts["evaluations"]] == [2, 2]
    assert facts["evaluations"][1]["return"]["mean"] == run.return_.mean
    assert facts["final"]["score"]["mean"] == run.score.mean


def test_an_unknown_run_is_refused(agent, run):
    done = agent("runs", "show", "zzz")
    assert done.status == 4
    assert f"holds no run 'zzz'; the newest are {run.id}" in done.err


def test_a_saved_agent_is_scored_again_to_the_same_score(agent, run, finished):
    folder = finished / "runs" / run.id
    facts = agent("evaluate", str(folder / "agent"), "--json").json
    assert facts["return"]["mean"] == run.return_.mean
    assert facts["episodes"] == 2
    done = agent("evaluate", str(folder), "--episodes", "3", "--seed", "7")
    assert done.status == 0
    assert "normalised score" in done.out
    assert len(agent("runs", "--json").json) == 1


def test_a_run_is_scored_again_by_how_its_id_begins(agent, run):
    facts = agent("evaluate", run.id[:11], "--json").json
    assert facts["return"]["mean"] == run.return_.mean
    done = agent("evaluate", "zzz")
    assert done.status == 4
    assert "holds no run 'zzz'" in done.err
    done = agent("evaluate", "runs/zzz")
    assert done.status == 4
    assert "there is no folder 'runs/zzz'; name one that is there, or a run's id" in done.err


def test_what_has_no_trained_agent_is_not_scored(agent, place):
    with Registry.open("registry.db") as registry:
        registry.start(run_start("aa")).finish("failed")
        recipe = {"dataset": {"name": "genpolicy/x", "options": {}}, "reference": "expert"}
        record(registry, run_start("bb", recipe=recipe))
    done = agent("evaluate", "aa")
    assert done.status == 2
    assert "run aa is failed and has no trained agent yet; `agent resume aa`" in done.err
    done = agent("evaluate", "bb")
    assert done.status == 2
    assert "run bb measured the reference policy 'expert' and trained no model" in done.err


def test_a_folder_without_an_agent_is_refused(agent, place):
    done = agent("evaluate", str(place))
    assert done.status == 1
    assert f"'{place}' holds no agent" in done.err


def test_an_agent_of_data_without_an_environment_is_not_scored(agent, place):
    random = np.random.default_rng(0)
    np.savez(
        place / "mine.npz",
        observation=random.normal(size=(32, 3)).astype(np.float32),
        action=random.uniform(-1, 1, (32, 2)).astype(np.float32),
        reward=np.zeros(32, np.float32),
        terminal=np.arange(32) % 16 == 15,
    )
    arguments = ("objective=bc", "objective.steps=2", "network.hidden=8", "objective.batch_size=8")
    off = ("evaluation.held_out=0", "evaluation.fitted_q_steps=0", "--json")
    (run,) = agent("run", *arguments, "--dataset", "npz:mine.npz", *off).json["runs"]
    done = agent("evaluate", run["agent"])
    assert done.status == 2
    assert "dataset 'npz:mine.npz' names no environment to score a policy in" in done.err
