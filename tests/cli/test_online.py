"""``agent run --online-steps``: from the data to the environment, with both scores."""

import pytest

from genpolicy.registry import Registry

MAZE = (
    *("--dataset", "pointmaze/umaze", "--recipe", "none", "dataset.horizon=5"),
    *("dataset.random_return=0", "dataset.expert_return=5"),
)
SMALL = (
    "objective=iql",
    "objective.steps=20",
    "objective.batch_size=8",
    "network.hidden=8",
    "critic.hidden=8",
    "evaluation.episodes=2",
    "train.looks=1",
    "train.look_episodes=1",
)


def test_the_plan_shows_the_online_stage(agent):
    done = agent("run", "--dry-run", "--json", *MAZE, *SMALL, "--online-steps", "7")
    assert done.status == 0, done.err
    stages = [(each["name"], each["steps"]) for each in done.json["stages"]]
    assert stages == [("joint", 20), ("online", 7)]
    (found,) = [each for each in done.json["settings"] if each["option"] == "online_steps"]
    assert (found["slot"], found["value"], found["origin"]) == ("train", 7, "command line")


def test_steps_that_are_named_twice_must_be_the_same(agent):
    twice = ("--dry-run", *MAZE, *SMALL, "--online-steps", "7")
    assert agent("run", *twice, "train.online_steps=7").status == 0
    done = agent("run", *twice, "train.online_steps=8")
    assert done.status == 2
    assert "online steps are given twice: --online-steps 7 and train.online_steps=8" in done.err


def test_imitation_is_refused_before_the_data_are_loaded(agent):
    done = agent("run", "--objective", "bc", "--dataset", "npz:/nowhere.npz", "--online-steps", "7")
    assert done.status == 2
    assert "bc learns nothing from acting" in done.err


@pytest.mark.slow
def test_both_scores_are_recorded_and_shown(agent, place):
    asked = ("run", *MAZE, *SMALL, "--online-steps", "6", "--seeds", "2", "--tracker", "csv")
    done = agent(*asked, "--json")
    assert done.status == 0, done.err
    assert "joint, at the end: score" in done.err
    assert "online, at the end: score" in done.err
    one, other = done.json["runs"]
    assert one["offline"]["episodes"] == other["offline"]["episodes"] == 2
    assert f"score before online   {one['offline']['score']['mean']:.1f}" in (
        agent("runs", "show", one["run"]).out
    )
    told = agent("runs", "show", one["run"], "--json").json["evaluations"]
    assert [each["selection"] for each in told] == [None, "offline", None, "last"]
    with Registry.open(place / "registry.db", read_only=True) as registry:
        assert {run.selection for run in registry.runs()} == {"last"}
        (summary,) = [run for run in registry.runs() if run.id == one["run"]]
        assert summary.score.mean == pytest.approx(one["score"]["mean"])
    assert "selection last" in agent("leaderboard").out
    steps = (place / "runs" / one["run"] / "metrics.csv").read_text()
    assert ",offline/score," in steps
    assert (place / "runs" / one["run"] / "offline-agent" / "agent.json").is_file()
