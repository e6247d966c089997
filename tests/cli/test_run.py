"""``agent run`` from the command line to the registry."""

import tomllib

import numpy as np
import pytest

from genpolicy.agent import Agent
from genpolicy.registry import Registry


@pytest.fixture
def no_environment(tmp_path):
    path = tmp_path / "mine.npz"
    random = np.random.default_rng(0)
    rows = 64
    np.savez(
        path,
        observation=random.normal(size=(rows, 3)).astype(np.float32),
        action=random.uniform(-1, 1, (rows, 2)).astype(np.float32),
        reward=np.zeros(rows, np.float32),
        terminal=np.zeros(rows, bool),
        timeout=np.arange(rows) % 16 == 15,
    )
    return path


def test_a_dry_run_says_where_every_value_comes_from(agent, place, tiny):
    (place / "mine.toml").write_text("[backbone]\nsigma = 0.25\n[train]\nema = 0.9\n")
    done = agent("run", "--dry-run", "--config", "mine.toml", "--json", *tiny)
    assert done.status == 0, done.err
    settings = {(s["slot"], s["option"]): s for s in done.json["settings"]}
    assert settings["objective", None]["value"] == "genpolicy/bc"
    assert settings["objective", None]["origin"] == "command line"
    assert settings["objective", "steps"]["value"] == 20
    assert settings["backbone", "sigma"]["origin"] == "config mine.toml"
    assert settings["train", "ema"]["value"] == 0.9
    assert settings["solver", "steps"]["origin"] == "default"
    assert [stage["steps"] for stage in done.json["stages"]] == [20]


def test_a_dry_run_opens_neither_data_nor_registry(agent, place):
    done = agent("run", "--dry-run", "--dataset", "npz:/nowhere.npz")
    assert done.status == 0
    assert "/nowhere.npz" in done.out
    assert list(place.iterdir()) == []


def test_a_named_recipe_is_announced_and_can_be_left_out(agent):
    with_it = agent("run", "--dry-run")
    assert "recipe quick" in with_it.out
    assert "recipe quick: " in with_it.err
    assert "--recipe none for the parts' own defaults" in with_it.err
    without = agent("run", "--dry-run", "--recipe", "none")
    assert "no recipe: the parts' own defaults" in without.out + without.err


def test_parts_can_be_named_by_flags_or_by_settings(agent):
    by_flag = agent("run", "--dry-run", "--objective", "bc", "--json")
    by_setting = agent("run", "--dry-run", "objective=bc", "--json")
    assert by_flag.json == by_setting.json


@pytest.mark.slow
def test_a_run_is_trained_scored_saved_and_recorded(agent, place, tiny):
    done = agent("run", *tiny, "--seed", "3", "--tag", "red", "--tag", "blue")
    assert done.status == 0, done.err
    assert "normalised score" in done.out
    assert "at the end: score" in done.err
    with Registry.open(place / "registry.db", read_only=True) as registry:
        (summary,) = registry.runs()
        run = registry.run(summary.id)
    assert run.state == "finished"
    assert run.start.seed == 3
    assert set(run.start.tags) == {"red", "blue"}
    assert run.start.command.startswith("agent run objective=bc objective.steps=20")
    assert run.start.origins["objective.steps"] == "command line"
    assert run.start.versions["torch"]
    assert {part.slot for part in run.start.parts} >= {"dataset", "objective", "backbone"}
    assert len(run.final_evaluation.episodes) == 2
    assert [m.step for m in run.metrics] == [20]
    assert f"agent runs show {run.id}" in done.out
    agent_folder = place / "runs" / run.id / "agent"
    assert Agent.load(agent_folder).act(np.zeros(6, np.float32)).shape == (2,)


@pytest.mark.slow
def test_the_saved_recipe_gives_the_same_run_again(agent, place, tiny):
    first = agent("run", *tiny, "--seed", "5", "train.looks=0", "--json", "--quiet").json["runs"][0]
    config = place / "runs" / first["run"] / "recipe.toml"
    assert tomllib.loads(config.read_text())["seed"] == 5
    second = agent("run", "--config", str(config), "--json", "--quiet").json["runs"][0]
    assert second["return"] == first["return"]
    weights = [place / "runs" / r["run"] / "agent" / "weights.safetensors" for r in (first, second)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    with Registry.open(place / "registry.db", read_only=True) as registry:
        one, other = (registry.run(r["run"]).start.recipe_hash for r in (first, second))
    assert one == other


@pytest.mark.slow
def test_several_seeds_are_runs_of_their_own_with_a_table_at_the_end(agent, place, tiny):
    done = agent("run", *tiny, "train.looks=0", "--seeds", "2", "--seed", "7", "--quiet")
    assert done.status == 0
    assert done.err == ""
    assert "score over 2 seeds: mean" in done.out
    with Registry.open(place / "registry.db", read_only=True) as registry:
        assert [run.seed for run in registry.runs()] == [8, 7]


def test_data_without_an_environment_trains_and_is_not_scored(agent, no_environment):
    arguments = ("objective=bc", "objective.steps=3", "network=mlp", "network.hidden=8")
    arguments = (*arguments, "objective.batch_size=8", "evaluation.fitted_q_steps=5")
    done = agent("run", *arguments, "--dataset", f"npz:{no_environment}")
    assert done.status == 0, done.err
    assert f"not scored: npz:{no_environment} has no environment" in done.out


def test_only_the_result_goes_to_the_standard_output(agent, no_environment):
    arguments = ("objective=bc", "objective.steps=3", "network=mlp", "objective.batch_size=8")
    arguments = (*arguments, "evaluation.fitted_q_steps=5")
    done = agent("run", *arguments, "--dataset", f"npz:{no_environment}", "--json")
    (run,) = done.json["runs"]
    assert run["score"] is None
    assert run["state"] == "finished"
    assert "policy: 3 steps" in done.err
