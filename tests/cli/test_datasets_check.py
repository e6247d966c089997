"""``agent datasets check``."""

import attrs
import numpy as np
import pytest

from genpolicy.dataset import EnvironmentSpec
from genpolicy.evaluation import make_environment
from genpolicy.testing.data import random_transitions
from genpolicy_plugins.datasets.npz_writer import write_npz

PENDULUM = EnvironmentSpec(id="Pendulum-v1", horizon=50)


@pytest.fixture
def swings(place):
    """Write a file of a pendulum's own steps, changed as asked; returns its name."""

    def write(**changes):
        environment, random = make_environment(PENDULUM), np.random.default_rng(0)
        seen, rows = environment.reset(seed=0)[0], []
        for _ in range(200):
            action = random.uniform(-2, 2, 1).astype(np.float32)
            following, reward, _, cut, _ = environment.step(action)
            rows.append((seen, action, reward, following, cut))
            seen = environment.reset()[0] if cut else following
        names = ("observations", "actions", "rewards", "next_observations", "timeouts")
        columns = dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))
        columns |= {name: change(columns[name]) for name, change in changes.items()}
        np.savez(place / "swings.npz", **columns, action_low=[-2.0], action_high=[2.0])
        return "npz:swings.npz"

    return write


def verdicts(done):
    return {(row["check"], row["verdict"]) for row in done.json}


def test_honest_data_are_well(agent, swings):
    """Steps within the four episodes are told again; the last of each was cut."""
    done = agent("datasets", "check", swings(), "dataset.environment=Pendulum-v1")
    assert done.status == 0, done.err
    assert "196 of 196 steps lead in Pendulum-v1 to the data's next observation" in done.out
    assert done.err.strip() == "all well"


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("actions", lambda values: np.roll(values, 1, axis=0), "move actions back by one row"),
        ("rewards", lambda values: np.roll(values, -1), "move rewards on by one row"),
        ("next_observations", lambda values: values[::-1], "not the next row's observation"),
    ],
)
def test_wrong_data_are_found_with_exit_status_1(agent, swings, name, change, sentence):
    done = agent("datasets", "check", swings(**{name: change}), "environment=Pendulum-v1")
    assert done.status == 1
    assert sentence in " ".join(done.out.split())
    assert " wrong, " in done.err


def test_findings_are_given_as_json_with_the_same_status(agent, swings):
    name = swings(actions=lambda values: np.roll(values, 1, axis=0))
    done = agent("datasets", "check", name, "environment=Pendulum-v1", "--json")
    assert done.status == 1
    (found,) = [row for row in done.json if row["check"] == "physics"]
    assert set(found) == {"check", "verdict", "what", "first row", "how many", "what to do"}
    assert found["verdict"] == "wrong"
    assert found["how many"] > 100
    assert done.err == ""


def test_what_is_odd_is_no_failure(agent, swings):
    done = agent("datasets", "check", swings(rewards=np.zeros_like), "--csv")
    assert done.status == 0
    assert "constant columns,odd,every reward is 0,0," in done.out
    assert "1 odd, which may be meant" in agent("datasets", "check", "npz:swings.npz").err


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("rewards", np.nan, "reward is not finite in 1 of 200 rows, first in row 3"),
        ("observations", np.inf, "observation is not finite in 1 of 200 rows, first in row 3"),
        ("actions", 9.0, "1 of 200 actions lie outside the box from [-2.0] to [2.0]"),
        ("timeouts", 0.5, "timeout must hold 0 and 1 only"),
    ],
)
def test_what_cannot_even_be_loaded_is_told_in_the_same_words(
    agent, swings, field, value, sentence
):
    def spoilt(values):
        changed = values.astype(np.float64)
        changed[3] = value
        return changed

    done = agent("datasets", "check", swings(**{field: spoilt}), "--json")
    assert done.status == 1
    (found,) = done.json
    assert (found["check"], found["verdict"]) == ("arrays", "wrong")
    assert sentence in found["what"]


def test_arrays_of_other_lengths_are_told(agent, swings):
    done = agent("datasets", "check", swings(actions=lambda values: values[:-1]))
    assert done.status == 1
    assert "action must be a matrix" in " ".join(done.out.split())


def test_a_file_that_is_missing_is_wrong(agent):
    done = agent("datasets", "check", "npz:nowhere.npz")
    assert done.status == 1
    assert "there is no file 'nowhere.npz'" in done.out


def test_single_steps_are_checked_whatever_a_run_makes_of_them(agent, swings):
    options = ("environment=Pendulum-v1", "dataset.chunk=5", "dataset.reward=antmaze")
    done = agent("datasets", "check", swings(), *options)
    assert done.status == 0, done.out


def test_terminals_at_the_horizon_of_the_environment_are_wrong(agent, place):
    data = random_transitions()
    ends = data.terminal | data.timeout
    spec = EnvironmentSpec(id="NoSuchWorld-v0", horizon=8)
    clocked = {"terminal": ends, "timeout": np.zeros(64, bool), "environment": spec}
    write_npz(attrs.evolve(data, **clocked), place / "clocked.npz")
    done = agent("datasets", "check", "npz:clocked.npz", "--json")
    assert done.status == 1
    assert {("ends", "wrong"), ("environment", "unchecked")} <= verdicts(done)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pointmaze/umaze", "toy/pinwheel", "bandit/quadratic"])
def test_the_programs_own_data_have_nothing_wrong(agent, name):
    assert agent("datasets", "check", name).status == 0
