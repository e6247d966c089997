"""``agent run`` with several values of an option, and what becomes of batches that were stopped."""

import random
import time

import pytest

from genpolicy.registry import Registry

GMPO = (
    *("objective=gmpo", "objective.critic_steps=10", "objective.policy_steps=10"),
    *("objective.batch_size=32", "network=mlp", "network.hidden=16", "critic.hidden=16"),
    *("evaluation.episodes=2", "evaluation.environments=2", "train.looks=0", "--recipe", "none"),
    "dataset.horizon=20",
)
LONG = (*GMPO, "objective.policy_steps=250", "objective.beta=1,4", "train.checkpoint_seconds=0.1")


def runs_of(place):
    with Registry.open(place / "registry.db", read_only=True) as registry:
        return sorted(
            (registry.run(run.id) for run in registry.runs()), key=lambda run: run.created
        )


@pytest.mark.slow
def test_a_grid_of_numbers_trains_as_one_program(agent, place):
    done = agent("run", *GMPO, "objective.beta=1,4", "--seeds", "2", "--json")
    assert done.status == 0, done.err
    assert [(each["options"], each["seed"]) for each in done.json["runs"]] == [
        ({"objective.beta": beta}, seed) for beta in (1.0, 4.0) for seed in (0, 1)
    ]
    assert [(point["options"], point["seeds"]) for point in done.json["grid"]] == [
        ({"objective.beta": beta}, [0, 1]) for beta in (1.0, 4.0)
    ]
    assert all(point["return"]["low"] <= point["return"]["mean"] for point in done.json["grid"])
    runs = runs_of(place)
    assert len({run.start.recipe_hash for run in runs}) == 2
    assert all("of 4 that train as one program" in run.events[0].message for run in runs)
    assert "objective.beta=4, seed 1, cpu" in done.err


@pytest.mark.slow
def test_what_cannot_differ_within_a_program_is_said_and_told_per_value(agent):
    done = agent("run", *GMPO, "critic.layer_norm=on,off", "--seeds", "2")
    assert done.status == 0, done.err
    assert "seed 0, the first of 2 runs: " in done.err
    sentence = "the 4 runs train as 2 programs, not as one: critic.layer_norm cannot differ within"
    assert sentence in done.err
    assert "critic.layer_norm   seeds" in done.out
    assert "lowest   highest" in done.out


def test_a_grid_that_cannot_be_meant_runs_nothing(agent, place):
    done = agent("run", *GMPO, "objective.beta=1,,2")
    assert done.status == 2
    assert "objective.beta=1,,2 has an empty value" in done.err
    assert not (place / "runs").exists()


def test_columns_stand_in_the_order_in_which_options_were_typed(agent):
    for typed in (("critic.layer_norm", "objective.beta"), ("objective.beta", "critic.layer_norm")):
        values = {"critic.layer_norm": "on,off", "objective.beta": "1,2,4"}
        done = agent("run", *GMPO, *(f"{name}={values[name]}" for name in typed), "--dry-run")
        head = next(line for line in done.out.splitlines() if "critic.layer_norm" in line)
        assert head.split() == list(typed)


def test_a_dry_run_shows_every_recipe_of_a_grid(agent):
    typed = ("run", *GMPO, "objective.beta=1,4", "--seeds", "3", "--dry-run")
    assert "the first of 2 recipes; 6 runs in all" in agent(*typed).out
    done = agent(*typed, "--json")
    assert done.json["grid"] == [{"objective.beta": 1.0}, {"objective.beta": 4.0}]
    assert done.json["runs"] == 6


@pytest.mark.slow
def test_a_member_is_reproduced_with_its_batch(agent, place):
    agent("run", *GMPO, "objective.beta=1,4")
    first, second = runs_of(place)
    done = agent("reproduce", second.id)
    assert done.status == 0, done.err
    assert "bit-identical" in done.out
    assert f"run {second.id} and the other that trains with it run again" in done.err
    again = [run for run in runs_of(place) if run.start.parent]
    assert [run.start.parent for run in again] == [first.id, second.id]
    with Registry.open(place / "registry.db") as registry:
        registry.remove([first.id])
    done = agent("reproduce", second.id)
    assert f"no longer in the registry ({first.id}): alone, it can only agree" in done.err


def left_behind(folder):
    """Return what must not depend on interruptions."""
    return [
        (
            (folder / "runs" / run.id / "agent" / "weights.safetensors").read_bytes(),
            [(m.stage, m.step, dict(m.values)) for m in run.metrics],
            run.final_evaluation.episodes,
        )
        for run in runs_of(folder)
    ]


@pytest.mark.slow
def test_a_killed_batch_goes_on_as_one(place, begin, agent, tmp_path_factory, monkeypatch):
    process = begin("run", *LONG, cwd=place)
    deadline = time.monotonic() + 60
    while not [*place.glob("runs/*/checkpoints/step-*.safetensors")]:
        assert time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.02)
    time.sleep(random.uniform(0.0, 0.3))
    process.kill()
    process.communicate()
    done = agent("resume", random.choice(runs_of(place)).id)
    assert done.status == 0, done.err
    assert "train as one program and go on together at step" in done.err
    elsewhere = tmp_path_factory.mktemp("undisturbed")
    monkeypatch.chdir(elsewhere)
    agent("run", *LONG, "--registry", str(elsewhere / "registry.db"))
    assert left_behind(place) == left_behind(elsewhere)


@pytest.fixture
def stopped(agent, place, monkeypatch):
    """Return the ids of a batch of four that was stopped after a few steps."""
    with monkeypatch.context() as patch:
        patch.setattr("genpolicy.training.pace.Pace.stops", lambda pace, step: step == 5)
        done = agent("run", *GMPO, "objective.beta=1,4", "--seeds", "2")
    assert done.status == 130
    assert "was stopped at step 5 of 20; " in done.err
    assert "goes on from there, with the 3 others that train with it" in done.err
    return [run.id for run in runs_of(place)]


@pytest.mark.slow
def test_a_member_goes_on_alone_if_asked_or_if_none_is_left(agent, stopped):
    first, second, third, fourth = stopped
    done = agent("resume", first, "--alone")
    assert done.status == 0, done.err
    assert f"run {first} goes on at step 5 of 20" in done.err
    done = agent("resume", second, third, "--json")
    assert f"runs {second}, {third} train as one program and go on together" in done.err
    assert [each["options"] for each in done.json["runs"]] == [
        {"objective.beta": 1.0},
        {"objective.beta": 4.0},
    ]
    done = agent("resume", fourth)
    assert done.status == 0, done.err
    assert f"run {fourth} goes on alone: of those that trained as one program with it" in done.err


def test_resuming_needs_a_run(agent):
    done = agent("resume", "tracker.csv.x=1")
    assert done.status == 2
    assert "name a run to resume; `agent runs` lists them" in done.err
