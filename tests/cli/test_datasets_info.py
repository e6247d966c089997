"""``agent datasets info`` and ``agent datasets stats``."""

import attrs
import numpy as np
import pytest

from genpolicy.data_checks import summarise
from genpolicy.dataset import EnvironmentSpec, Reference
from genpolicy.testing.data import random_transitions
from genpolicy_cli.coverage_figure import coverage_figure
from genpolicy_plugins.datasets.npz import read_npz
from genpolicy_plugins.datasets.npz_writer import write_npz

PICTURES = {".png": b"\x89PNG", ".svg": b"<?xml"}


@pytest.fixture
def mine(place):
    """A file of eight episodes of eight steps, two of which end in every four."""
    write_npz(random_transitions(), place / "mine.npz")
    return "npz:mine.npz"


def test_a_dataset_is_described(agent):
    told = agent("datasets", "info", "pointmaze/umaze").out
    for text in ("80,000", "812: 812 cut", "6 numbers", "2 numbers, from -1 to 1", "300 steps"):
        assert text in told, text
    for text in ("14.013 scores 0, 231.913 scores 100", "observation, then desired_goal"):
        assert text in told, text


def test_its_facts_are_those_of_the_data(agent, mine, place):
    data = read_npz(place / "mine.npz", name=mine)
    facts = agent("datasets", "info", mine, "--json").json
    assert facts["fingerprint"] == data.fingerprint()
    assert (facts["transitions"], facts["episodes"]) == (64, 8)
    assert (facts["terminals"], facts["timeouts"]) == (4, 4)
    assert (facts["observation_shape"], facts["action_shape"]) == ([3], [2])
    assert facts["bytes"] == 64 * (3 * 4 + 2 * 4 + 4 + 3 * 4 + 2)
    assert facts["options"] == {"path": "mine.npz"}
    assert facts["environment"] is facts["reference"] is None


def test_an_environment_without_a_reference_is_said_to_have_none(agent, mine):
    done = agent("datasets", "info", mine, "environment=Pendulum-v1")
    assert done.status == 0, done.err
    assert "none: returns are not normalised" in done.out
    assert "none: agents are not scored by playing" in agent("datasets", "info", mine).out


def test_options_are_applied_and_told(agent, mine):
    options = ("dataset.fraction=0.5", "normalise=true", "dataset.chunk=2")
    facts = agent("datasets", "info", mine, *options, "--json").json
    assert facts["options"] == {"path": "mine.npz", "fraction": 0.5, "normalise": True, "chunk": 2}
    assert (facts["transitions"], facts["action_shape"]) == (4 * 7, [2, 2])
    assert set(facts["units"]) == {"observation"}
    assert "episodes" not in facts
    told = agent("datasets", "info", mine, *options).out
    for text in ("28, each 2 steps long", "2 in a row of 2 numbers", "standardised observations"):
        assert text in told, text


@pytest.mark.parametrize("command", ["info", "stats", "check"])
@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("npz:mine.npz", "objective.beta=2"), 2, "'objective.beta' is no option of a dataset"),
        (("npz:mine.npz", "dataset.fration=0.5"), 2, "did you mean 'fraction'?"),
        (("npz:mine.npz", "fraction=0"), 2, "fraction"),
        (("npz:mine.npz", "fraction"), 2, "'fraction' is not an option"),
        (("pointmaze/unaze",), 3, "did you mean 'pointmaze/umaze'?"),
    ],
)
def test_what_cannot_be_meant_is_refused(agent, mine, command, arguments, status, sentence):
    done = agent("datasets", command, *arguments)
    assert done.status == status
    assert sentence in done.err


def test_statistics_are_those_of_the_data(agent, mine, place):
    data = read_npz(place / "mine.npz", name=mine)
    facts = agent("datasets", "stats", mine, "--json").json
    returns = data.reward.reshape(8, 8).sum(axis=1)
    assert facts["return"]["mean"] == pytest.approx(returns.mean(), rel=1e-5)
    assert facts["return"]["largest"] == pytest.approx(returns.max(), rel=1e-5)
    assert facts["length"]["smallest"] == facts["length"]["largest"] == 8.0
    assert [column["name"] for column in facts["columns"]][-2:] == ["action 0", "action 1"]
    assert 0 < facts["coverage"]["half"] < facts["coverage"]["visited"] <= 1
    assert "score" not in facts


def test_statistics_are_of_what_the_options_leave(agent, mine):
    best = agent("datasets", "stats", mine, "best=0.25", "dataset.chunk=2", "--json").json
    every = agent("datasets", "stats", mine, "--json").json
    assert (best["episodes"], best["transitions"]) == (2, 16)
    assert best["return"]["smallest"] >= every["return"]["three_quarters"]


def test_scores_stand_where_there_is_a_reference(agent):
    facts = agent("datasets", "stats", "pointmaze/umaze", "--json").json
    expected = 100 * (facts["return"]["mean"] - 14.013) / (231.913 - 14.013)
    assert facts["score"]["mean"] == pytest.approx(expected, rel=1e-4)


def test_statistics_are_told_in_words_and_numbers(agent, mine):
    told = agent("datasets", "stats", mine, "dataset.normalise=true").out
    for text in ("64 transitions, 8 episodes, 4 ended, 4 cut", "seen mean", "at an edge"):
        assert text in told, text
    assert "coverage, in the plane of the two main components of the observations" in told
    assert "the 3 observed numbers that vary are spread over" in told
    assert "seen mean" not in agent("datasets", "stats", mine).out


@pytest.mark.slow
@pytest.mark.parametrize("ending", PICTURES)
def test_a_picture_is_drawn_and_is_the_same_again(agent, mine, place, ending):
    for name in ("one", "two"):
        done = agent("datasets", "stats", mine, "--plot", name + ending)
        assert done.status == 0, done.err
    one, two = ((place / f"{name}{ending}").read_bytes() for name in ("one", "two"))
    assert one == two
    assert one.startswith(PICTURES[ending])


def test_the_picture_shows_returns_lengths_and_the_plane():
    data = random_transitions()
    figure = coverage_figure(summarise(data), "mine")
    returns, lengths, plane, _ = figure.axes
    assert sum(bar.get_height() for bar in returns.patches) == data.episodes
    assert sum(bar.get_height() for bar in lengths.patches) == data.episodes
    assert returns.get_xlabel() == "return of an episode"
    assert lengths.get_xlabel() == "steps of an episode"
    assert plane.get_xlabel() == "main component"
    assert "the two main components" in figure.get_supxlabel()
    figure.canvas.draw()
    low, high = lengths.get_xlim()
    assert low < 8 < high


def test_axes_can_be_named(agent, mine):
    facts = agent("datasets", "stats", mine, "--axes", "2,0", "--json").json
    assert facts["coverage"]["plane"] == "observed numbers 2 and 0"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--axes", "0"), "--axes names two observed numbers, such as 0,1; got '0'"),
        (("--axes", "a,b"), "--axes names two observed numbers"),
        (("--axes", "0,3"), "observes 3 numbers, 0 to 2; got axes 0,3"),
        (("--plot", "x.gif"), "a picture ends in .png or .svg; got 'x.gif'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(agent, mine, arguments, sentence):
    done = agent("datasets", "stats", mine, *arguments)
    assert done.status == 2
    assert sentence in done.err


def test_data_that_cannot_be_read_are_refused(agent):
    done = agent("datasets", "info", "npz:nowhere.npz")
    assert done.status == 2
    assert "there is no file 'nowhere.npz'" in done.err


def test_vectors_of_bounds_are_told_one_by_one(agent, place):
    data = random_transitions()
    spec = EnvironmentSpec(id="x", horizon=9)
    wide = attrs.evolve(
        data,
        action_high=np.array([2.0, 3.0], np.float32),
        environment=spec,
        reference=Reference(random_return=0.0, expert_return=1.0, source="me"),
    )
    write_npz(wide, place / "wide.npz")
    told = agent("datasets", "info", "npz:wide.npz").out
    assert "from -1 to (2, 3)" in told
    assert "actions from -1 to 1" in told
