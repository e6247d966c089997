"""Protocols by name and scores from data alone, from the command line to the registry."""

import contextlib
import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from genpolicy.registry import Registry
from genpolicy_cli.main import main

SHORT = (
    "dataset.horizon=6",
    "dataset.random_return=0",
    "dataset.expert_return=6",
    "evaluation.episodes=2",
    "evaluation.environments=2",
)
LOOKS = ("train.looks=4", "train.look_episodes=1")
ROBOT = (
    "objective=bc",
    "objective.steps=6",
    "objective.batch_size=8",
    "network=mlp",
    "network.hidden=8",
    "evaluation.fitted_q_steps=5",
)


@pytest.fixture(scope="session")
def small(tiny):
    """Return the settings of a run in a real maze that takes a second or two."""
    return (*tiny, *SHORT, *LOOKS)


@pytest.fixture(scope="module")
def scored(tmp_path_factory, small):
    """Return a folder with runs that were scored by several protocols."""
    folder = tmp_path_factory.mktemp("scored")
    with contextlib.chdir(folder):
        for number, name in enumerate(("default", "default", "fql", "best")):
            typed = ("--protocol", name, "--seed", str(number), "--quiet", "--json")
            assert main(("run", *small, *typed, "--registry", "registry.db")) == 0
    return folder


@pytest.fixture
def here(scored, place):
    """Return the place, with those runs in it."""
    shutil.copytree(scored, place, dirs_exist_ok=True)
    return place


@pytest.fixture
def robot(place):
    """Write data of 8 episodes, without an environment; return the dataset's name."""
    random, rows = np.random.default_rng(0), 96
    np.savez(
        place / "robot.npz",
        observation=random.normal(size=(rows, 3)).astype(np.float32),
        action=random.uniform(-1, 1, (rows, 2)).astype(np.float32),
        reward=random.normal(size=rows).astype(np.float32),
        terminal=np.arange(rows) % 12 == 11,
    )
    return "npz:robot.npz"


def runs_of(place):
    with Registry.open(place / "registry.db", read_only=True) as registry:
        found = registry.runs()
        return {run.protocol: (run, registry.run(run.id)) for run in found}


def test_a_dry_run_tells_what_a_protocol_brings_and_what_was_set(agent):
    done = agent("run", "--dry-run", "--protocol", "fql", "evaluation.seed=3", "--json")
    assert done.status == 0, done.err
    found = {s["option"]: s for s in done.json["settings"] if s["slot"] == "evaluation"}
    assert (found["episodes"]["value"], found["episodes"]["origin"]) == (50, "protocol fql")
    assert found["selection"]["value"] == "mean-of-last-three"
    assert found["name"]["origin"] == "command line"
    assert found["seed"]["origin"] == "command line"
    by_setting = agent("run", "--dry-run", "evaluation.name=fql", "evaluation.seed=3", "--json")
    assert by_setting.json == done.json


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--protocol", "fqll"), "there is no protocol 'fqll'; did you mean 'fql'?"),
        (("--protocol", "fql", "train.looks=2"), "scores the last three looks during training"),
        (
            ("--protocol", "fql", "evaluation.name=best"),
            "the protocol is named twice: --protocol fql and evaluation.name=best",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, words, agent):
    done = agent("run", "--dry-run", *arguments)
    assert done.status == 2
    assert words in done.err


@pytest.mark.slow
def test_results_and_what_is_shown_of_a_run_name_protocol_and_selection(here, agent):
    runs = runs_of(here)
    label = "fql[episodes=2,environments=2]@horizon=6"
    summary, run = runs[label]
    assert (summary.selection, summary.episodes) == ("mean-of-last-three", 6)
    assert len(run.final_evaluation.episodes) == 6
    shown = agent("runs", "show", run.id)
    assert f"{label}, mean-of-last-three" in shown.out
    assert "success rate" in shown.out
    facts = agent("runs", "show", run.id, "--json").json
    assert facts["final"]["protocol"] == label
    assert facts["final"]["selection"] == "mean-of-last-three"
    listed = agent("runs", "--columns", "run,protocol,selection,success", "--csv").out
    rows = {row["run"]: row for row in csv.DictReader(io.StringIO(listed))}
    assert rows[run.id]["protocol"] == label
    assert rows[run.id]["selection"] == "mean-of-last-three"
    assert rows[run.id]["success"] == "0.0"


@pytest.mark.slow
def test_leaderboards_never_mix_protocols(here, agent):
    runs = runs_of(here)
    default = "default[episodes=2,environments=2]@horizon=6"
    done = agent("leaderboard", "--json")
    assert done.status == 0, done.err
    assert {row["protocol"] for row in done.json} == {default}
    assert [row["seeds"] for row in done.json] == [2]
    assert "left out, scored otherwise: 1 run by best" in done.err
    assert "1 run by fql[episodes=2,environments=2]@horizon=6, mean-of-last-three" in done.err
    best = agent("leaderboard", "--protocol", "best[episodes=2,environments=2]@horizon=6", "--json")
    assert [(row["selection"], row["seeds"]) for row in best.json] == [("best", 1)]
    (one, _), (other, _) = runs[default], runs["best[episodes=2,environments=2]@horizon=6"]
    assert "another protocol" in agent("runs", "diff", one.id, other.id).out


@pytest.mark.slow
def test_a_saved_agent_is_scored_again_by_protocols_that_it_can_be_scored_by(here, agent):
    runs = runs_of(here)
    fql, best = (
        runs[f"{name}[episodes=2,environments=2]@horizon=6"][1] for name in ("fql", "best")
    )
    own = agent("evaluate", fql.id, "--json").json
    assert own["protocol"] == "fql[episodes=2,environments=2,selection=last]@horizon=6"
    assert own["episodes"] == 2
    again = agent("evaluate", best.id, "--json").json
    assert again["protocol"] == "best[episodes=2,environments=2]@horizon=6"
    assert again["return"]["mean"] == best.final_evaluation.return_.mean
    other = agent("evaluate", fql.id, "--protocol", "d4rl-last", "--episodes", "3", "--json")
    assert other.json["protocol"] == "d4rl-last[episodes=3]@horizon=6"
    warned = agent("evaluate", best.id, "--protocol", "d4rl-last", "--episodes", "1")
    assert "which is the best of its looks and not the last" in warned.err
    for name, words in (
        ("fql", "scores three agents of looks during training, and what is saved is the last"),
        ("best", "scores the best agent of looks during training, and what is saved is the last"),
        ("fqll", "there is no protocol 'fqll'"),
    ):
        refused = agent("evaluate", fql.id, "--protocol", name)
        assert refused.status == 2
        assert words in refused.err


def test_data_without_an_environment_is_scored_by_what_it_held_out(robot, place, agent):
    done = agent("run", *ROBOT, "--dataset", robot)
    assert done.status == 0, done.err
    assert " 1 episode, 12 transitions " in done.out
    assert "held-out policy loss" in done.out
    assert "discounted, at the start of 1 episode" in done.out
    with Registry.open(place / "registry.db", read_only=True) as registry:
        (summary,) = registry.runs()
        run = registry.run(summary.id)
    (record,) = (record for record in run.metrics if record.stage == "held-out")
    assert record.values.keys() >= {"held_out/policy_loss", "fitted_q/value", "fitted_q/data_value"}
    shown = agent("runs", "show", run.id).out
    assert "held-out policy loss" in shown
    assert "fitted_q/data_value" in shown
    again = agent("evaluate", run.id, "--json")
    assert again.json["held_out"] == dict(record.values)
    assert "fitted-Q value" in agent("evaluate", run.id).out


def test_seeds_without_an_environment_stand_in_one_table(robot, agent):
    done = agent("run", *ROBOT, "--dataset", robot, "--seeds", "2")
    assert done.status == 0, done.err
    for name in ("fitted_q/value", "fitted_q/data_value", "held_out/policy_loss"):
        assert name in done.out
    as_json = agent("run", *ROBOT, "--dataset", robot, "--json").json
    assert as_json["runs"][0]["held_out"]["held_out/episodes"] == 1


def test_an_agent_without_its_checkpoint_has_its_value_alone(robot, place, agent):
    folder = agent("run", *ROBOT, "--dataset", robot, "--json").json["runs"][0]["agent"]
    shutil.copytree(folder, place / "elsewhere" / "agent")
    done = agent("evaluate", "elsewhere/agent", "--json")
    assert done.json["held_out"].keys() == {
        "fitted_q/value",
        "fitted_q/data_value",
        "fitted_q/starts",
    }
    assert "its checkpoint is not beside it, so that there are no held-out losses" in done.err


def test_data_whose_episodes_changed_places_score_no_agent_of_before(robot, place, agent):
    folder = agent("run", *ROBOT, "--dataset", robot, "--json").json["runs"][0]["agent"]
    with np.load(place / "robot.npz") as held:
        rows = np.arange(96).reshape(8, 12)[::-1].ravel()
        np.savez(place / "robot.npz", **{key: held[key][rows] for key in held.files})
    done = agent("evaluate", folder)
    assert done.status == 2
    assert "learnt from data with fingerprint " in done.err
    assert "but 'npz:robot.npz' now has " in done.err
    assert "bring the former back, or start a new run" in done.err


def test_an_agent_that_does_not_know_its_data_is_scored_by_what_there_is(robot, agent):
    folder = agent("run", *ROBOT, "--dataset", robot, "--json").json["runs"][0]["agent"]
    path = Path(folder) / "agent.json"
    facts = json.loads(path.read_text())
    assert len(facts.pop("data")) == 64
    path.write_text(json.dumps(facts))
    assert "fitted_q/value" in agent("evaluate", folder, "--json").json["held_out"]


def test_data_without_an_environment_have_no_episodes_to_play(robot, agent):
    run = agent("run", *ROBOT, "--dataset", robot, "--json").json["runs"][0]["run"]
    for option in (("--protocol", "fql"), ("--episodes", "3"), ("--seed", "1")):
        done = agent("evaluate", run, *option)
        assert done.status == 2
        assert "leave --protocol, --episodes and --seed out" in done.err


def test_both_turned_off_nothing_is_said_of_the_data(robot, agent):
    off = ("evaluation.held_out=0", "evaluation.fitted_q_steps=0")
    done = agent("run", *ROBOT, "--dataset", robot, *off, "--json")
    assert done.json["runs"][0]["held_out"] == {}
    refused = agent("evaluate", done.json["runs"][0]["run"])
    assert refused.status == 2
    assert "names no environment to score a policy in" in refused.err
