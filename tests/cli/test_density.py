"""``agent density``, on runs of a few steps."""

import sys

import pytest

from genpolicy.composition.layers import Layer
from genpolicy.composition.resolve import resolve
from genpolicy.discovery import load_catalogue
from genpolicy_cli.density_figure import row_label, solver_label

SMALL = ("objective.steps=4", "objective.batch_size=32", "network.hidden=16", "--quiet", "--json")


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Solve in few steps: what is tested here is no number."""
    monkeypatch.setattr("genpolicy_cli.density.FINE", "rk4:2")


@pytest.fixture
def train(agent):
    """Train for four steps and return the run's id."""

    def run(*arguments, dataset="toy/two-moons"):
        done = agent("run", "--dataset", dataset, "dataset.points=300", *SMALL, *arguments)
        assert done.status == 0, done.err
        return done.json["runs"][0]["run"]

    return run


@pytest.fixture
def titles(monkeypatch):
    """Return the titles of the panels that were drawn last."""
    seen = []

    def note(figure, file):
        seen[:] = [axes.get_title() for axes in figure.axes]

    monkeypatch.setattr("genpolicy_cli.density.write_picture", note)
    return seen


@pytest.mark.slow
def test_a_picture_is_written_with_a_row_per_run(agent, train, place):
    first, second = train(), train("backbone=diffusion", dataset="toy/checkerboard")
    done = agent("density", first[:9], f"runs/{second}", "--points", "100")
    assert (done.status, done.out, done.err) == (0, "density.png\n", "")
    picture = (place / "density.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    agent("density", first, f"runs/{second}/agent", "--points", "100", "--out", "again.png")
    assert (place / "again.png").read_bytes() == picture
    done = agent("density", first, "--points", "10", "--out", "one.svg")
    assert done.status == 0
    assert "<svg" in (place / "one.svg").read_text()


@pytest.mark.slow
def test_titles_say_what_is_shown_and_by_which_solver(agent, train, titles):
    run = train()
    assert agent("density", run, "--points", "10").status == 0
    assert titles == ["toy/two-moons", "samples, midpoint:10", "along the ODE", "density"]
    assert agent("density", run, "--points", "10", "--solver", "euler:3").status == 0
    assert titles[1] == "samples, euler:3"


def test_a_row_is_called_by_its_backbone_and_what_was_changed():
    settings = {"dataset": "toy/two-moons", "backbone": "diffusion", "solver": "dopri5"}
    recipe = resolve(load_catalogue(), [Layer("asked", {**settings, "backbone.path": "gvp"})])
    assert row_label(recipe) == "diffusion path=gvp"
    assert solver_label(recipe) == "dopri5"


def test_an_unfinished_run_has_nothing_to_draw_yet(agent, drift, place):
    arguments = ("--objective", "faulty", "--dataset", "toy/two-moons", "network.hidden=8")
    assert agent("run", *arguments, "dataset.points=100").status == 1
    (run,) = [folder.name for folder in (place / "runs").iterdir()]
    done = agent("density", run)
    assert done.status == 2
    assert f"run {run} is failed and has no trained agent yet; `agent resume {run}`" in done.err


@pytest.mark.slow
def test_only_points_in_the_plane_are_drawn(agent, place):
    settings = ("--objective", "bc", "dataset.chunk=2", "train.looks=0", "evaluation.episodes=1")
    done = agent("run", *settings, *SMALL)
    assert done.status == 0, done.err
    run = done.json["runs"][0]["run"]
    done = agent("density", run)
    assert done.status == 2
    assert (
        "`agent density` draws models of points in the plane, whose samples have shape (2,); those "
        f"of {run} have shape (2, 2): train on one of the toy datasets, such as toy/two-moons"
    ) in done.err
    assert not (place / "density.png").exists()


def test_what_cannot_be_drawn_is_refused_before_any_work(agent, place):
    refused = {
        ("dc0", "--out", "picture.jpg"): (2, "a picture ends in .png or .svg; got 'picture.jpg'"),
        ("dc0", "--registry", "no.db"): (4, "no.db"),
        (str(place),): (1, "holds no agent"),
    }
    for arguments, (status, sentence) in refused.items():
        done = agent("density", *arguments)
        assert done.status == status
        assert sentence in done.err


@pytest.mark.slow
def test_a_solver_that_cannot_be_had_is_refused(agent, train):
    run = train()
    done = agent("density", run, "--solver", "nosuch")
    assert done.status == 3
    done = agent("density", run, "--solver", "midpoint:0")
    assert done.status == 2
    assert "'steps' must be >= 1: 0" in done.err


def test_without_matplotlib_one_sentence_says_how_to_get_it(agent, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = agent("density", "dc0")
    assert done.status == 3
    assert done.err == (
        "error: `agent density` draws with matplotlib, which is not installed: pip install "
        "'genpolicy[plot]'\n"
    )
