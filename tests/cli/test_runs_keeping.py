"""``agent runs tag``, ``note``, ``export``, ``import``, ``rm`` and ``reap``."""

import contextlib
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import typer

from genpolicy.registry import Registry
from timeless import timeless

SMALL = (
    *("objective=bc", "network.hidden=8", "objective.batch_size=8", "--dataset", "npz:mine.npz"),
    *("evaluation.held_out=0", "evaluation.fitted_q_steps=0"),
)


@pytest.fixture
def data(place):
    """Write the data of these runs, which have no environment and so are quick."""
    random = np.random.default_rng(0)
    np.savez(
        place / "mine.npz",
        observation=random.normal(size=(64, 3)).astype(np.float32),
        action=random.uniform(-1, 1, (64, 2)).astype(np.float32),
        reward=np.zeros(64, np.float32),
        terminal=np.arange(64) % 16 == 15,
    )


@pytest.fixture
def train(agent, data):
    """Train an agent for two steps and return its run's id."""

    def act(*arguments):
        done = agent("run", *SMALL, "objective.steps=2", "--json", *arguments)
        assert done.status == 0, done.err
        return done.json["runs"][0]["run"]

    return act


@pytest.fixture
def answer(monkeypatch):
    """Be a user at a terminal who answers a question; return what was asked."""
    asked = []

    def act(yes):
        def confirm(question, **_):
            asked.append(question)
            return yes

        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        monkeypatch.setattr(typer, "confirm", confirm)
        return asked

    return act


def change(statement):
    with closing(sqlite3.connect("registry.db")) as file, file:
        file.execute("PRAGMA foreign_keys=ON")
        file.execute(statement)


def ids(agent, *arguments):
    return {run["run"] for run in agent("runs", "--json", *arguments).json}


def test_tags_and_notes_are_attached_shown_and_taken_off(agent, train):
    run = train("--tag", "first")
    assert agent("runs", "tag", run[:9], "a", "b").out == f"run {run} has 3 tags: a, b, first\n"
    assert agent("runs", "tag", run, "a", "first", "--remove").out == f"run {run} has 1 tag: b\n"
    assert agent("runs", "note", run, "looks fine").out == f"run {run} has 1 note\n"
    assert agent("runs", "note", run, "looks fine").out == f"run {run} has 1 note\n"
    shown = agent("runs", "show", run).out
    assert "looks fine" in shown
    assert ids(agent, "--tag", "b") == {run}
    assert agent("runs", "tag", run, "b", "--remove").out == f"run {run} has no tags\n"


def test_empty_words_are_refused(agent, train):
    run = train()
    done = agent("runs", "tag", run, "")
    assert (done.status, done.err) == (
        2,
        "error: a tag has no spaces around it; got ''\n",
    )
    done = agent("runs", "note", run, " ")
    assert (done.status, done.err) == (2, "error: a note needs a text\n")


@pytest.mark.parametrize(
    "command", [("tag", "x", "a"), ("note", "x", "a"), ("rm", "x", "--yes"), ("reap",)]
)
def test_a_registry_that_is_not_there_is_not_made_to_change_it(agent, place, command):
    done = agent("runs", *command)
    assert done.status == 4
    assert "there is no registry at" in done.err
    assert list(place.iterdir()) == []


def test_a_bundle_takes_an_agent_to_another_project(agent, train, place, monkeypatch):
    run, other = train("--tag", "mine"), train()
    done = agent("runs", "export", "--tag", "mine", "--out", "mine.zip", "--checkpoints")
    assert (done.status, done.out, done.err) == (0, "1 run in mine.zip\n", "")
    assert agent("runs", "export", "--out", "all.db").out == "2 runs in all.db\n"
    assert ids(agent, "--registry", "all.db") == {run, other}
    (place / "there").mkdir()
    monkeypatch.chdir(place / "there")
    monkeypatch.setenv("AGENT_REGISTRY", str(place / "there" / "registry.db"))
    (line,) = agent("runs", "import", "../mine.zip", "--json").json
    assert line == {
        "run": run,
        "outcome": "entered",
        "message": "finished, on npz:mine.npz",
        "source": "../mine.zip",
    }
    taken = [line["outcome"] for line in agent("runs", "import", "../all.db", "--json").json]
    assert taken == ["unchanged", "entered"]
    own = {file.relative_to("runs") for file in Path("runs").rglob("*") if file.is_file()}
    assert {str(file) for file in own if file.suffix != ".safetensors"} == {
        f"{run}/.run",
        f"{run}/recipe.toml",
        f"{run}/agent/agent.json",
    }
    assert "import" not in agent("runs", "show", run).err
    from genpolicy.agent import Agent

    assert Agent.load(Path("runs") / run / "agent")


def test_what_cannot_be_exported_is_refused(agent, train, place):
    run = train()
    (place / "there.zip").write_text("mine")
    for arguments, status, sentence in (
        (("--out", "there.zip"), 2, "is there already; --force replaces a file"),
        (("--out", "registry.db", "--force"), 2, "is the registry itself; name another file"),
        (("--out", "x.tar"), 2, "a bundle is NAME.db or NAME.zip; got 'x.tar'"),
        (("--out", "x.db", "--checkpoints"), 2, "only a zip file takes checkpoints along"),
        (("--out", "x.db", "--tag", "none"), 4, "no such runs"),
        (("zzz", "--out", "x.db"), 4, f"holds no run 'zzz'; the newest are {run}"),
        ((), 2, "Missing option '--out'"),
    ):
        done = agent("runs", "export", *arguments)
        assert done.status == status, done.err
        assert sentence in done.err
    assert (place / "there.zip").read_text() == "mine"
    assert not (place / "x.db").exists()


def test_what_cannot_be_imported_is_refused_and_the_rest_is_told(agent, train, place):
    run = train()
    agent("runs", "export", "--out", "all.db")
    (place / "bad.zip").write_text("no zip")
    change("UPDATE runs SET seed = 99")
    done = agent("runs", "import", "all.db", "--json")
    assert done.status == 4
    assert done.json[0]["outcome"] == "refused"
    assert "error: 1 of 1 runs were not taken in" in done.err
    change("DELETE FROM runs")
    done = agent("runs", "import", "all.db", "bad.zip", "--csv")
    assert done.status == 4
    assert done.out.splitlines()[1] == f'{run},entered,"finished, on npz:mine.npz",all.db'
    assert "error: the bundle 'bad.zip' is damaged: File is not a zip file" in done.err


def test_importing_what_is_not_there_creates_no_registry(agent, place):
    done = agent("runs", "import", "nowhere.zip")
    assert done.status == 2
    assert "there is nothing at 'nowhere.zip'; name a bundle, a registry or a run's fol" in done.err
    assert list(place.iterdir()) == []


def test_runs_are_removed_after_asking_and_their_folders_on_request(agent, train, place, answer):
    one, two = train("--tag", "a"), train("--tag", "b")
    asked = answer(False)
    done = agent("runs", "rm", one)
    assert (done.status, asked) == (0, ["remove 1 run?"])
    assert "nothing was removed" in done.err
    assert one in done.err
    assert "npz:mine.npz" in done.err
    answer(True)
    done = agent("runs", "rm", "--tag", "a", "--files")
    assert (done.status, done.out) == (0, "1 run removed\n")
    assert asked[1] == "remove 1 run and what is in their folders?"
    assert ids(agent) == {two}
    assert [path.name for path in (place / "runs").iterdir()] == [two]
    assert agent("runs", "rm", two, "--yes").status == 0
    assert (place / "runs" / two).is_dir(), "folders stay unless asked for"


def test_what_cannot_be_removed_is_refused(agent, train, place):
    run = train()
    for arguments, status, sentence in (
        ((), 2, "name the runs to remove, or describe them, as with --tag WORD"),
        ((run,), 2, "1 run would be removed; --yes does it without asking"),
        (("zzz", "--yes"), 4, "holds no run 'zzz'"),
        (("--tag", "none", "--yes"), 4, "no such runs"),
    ):
        done = agent("runs", "rm", *arguments)
        assert (done.status, done.out) == (status, "")
        assert sentence in done.err
    assert ids(agent) == {run}


def test_an_empty_name_removes_nothing(agent, train):
    train()
    done = agent("runs", "rm", "", "--files", "--yes")
    assert (done.status, done.out) == (4, "")
    assert "a run is named by how its id begins; got an empty name" in done.err
    assert len(agent("runs", "--json").json) == 1


def test_a_folder_that_is_not_the_runs_own_stays(agent, train, place):
    run = train()
    (place / "runs" / run).rename(place / "precious")
    (place / "runs" / run).symlink_to(place / "precious")
    done = agent("runs", "rm", run, "--yes", "--files")
    assert (done.status, done.out) == (4, "1 run removed\n")
    assert "was not removed: it is a link" in done.err
    assert "error: 1 of 1 folders were not removed" in done.err
    assert (place / "precious" / "agent" / "agent.json").exists()


def test_lost_runs_are_listed_and_marked_and_can_be_resumed(agent, train):
    assert agent("runs", "reap").status == 4
    run = train()
    assert "no run is lost" in agent("runs", "reap").err
    change("UPDATE runs SET state = 'running', finished = NULL")
    change("UPDATE runs SET heartbeat = '2026-01-02 03:04:05.000000'")
    listed = agent("runs", "reap", "--dry-run", "--json")
    assert listed.json[0]["run"] == run
    assert listed.json[0]["last heard of"] == "2026-01-02T03:04:05+00:00"
    assert "1 run would be marked as interrupted" in listed.err
    assert ids(agent, "--state", "lost") == {run}
    assert "1 run marked as interrupted" in agent("runs", "reap").err
    shown = agent("runs", "show", run)
    assert "interrupted: last heard of at 2026-01-02 03:04:05 UTC; no process" in shown.out
    assert agent("resume", run, "--quiet").status == 0
    assert ids(agent, "--state", "finished") == {run}


@pytest.mark.slow
def test_a_registry_that_vanishes_while_training_loses_nothing(agent, data, place, begin):
    """A real process, whose registry is moved away as soon as its run is in it."""
    arguments = ("run", *SMALL, "objective.steps=150", "train.log_every=10", "--quiet")
    assert agent(*arguments, "--registry", "calm.db").status == 0
    process = begin(*arguments, cwd=place)
    while not _has_a_run():
        assert process.poll() is None
        time.sleep(0.01)
    for file in place.glob("registry.db*"):
        file.rename(place / file.name.replace("registry", "hidden"))
    _, told = process.communicate()
    assert process.returncode == 4
    (kept,) = place.glob("runs/*/unrecorded.jsonl")
    assert f"`agent runs import runs/{kept.parent.name}` takes in what is missing" in told
    for registry, source, outcome in (
        ("new.db", kept.parent, "entered"),
        ("hidden.db", f"{kept}.imported", "completed"),
    ):
        (line,) = agent("runs", "import", str(source), "--json", "--registry", registry).json
        assert line["outcome"] == outcome
    found, calm = _told("hidden.db"), _told("calm.db")
    assert found == calm
    # What went into the registry before it vanished is not known to a new one.
    assert {**_told("new.db"), "events": calm["events"]} == calm


def _has_a_run():
    with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect("registry.db")) as file:
        return file.execute("SELECT count(*) FROM runs").fetchone()[0]
    return 0


def _told(place):
    """What is told of the only run, but for its name and what that is part of."""
    with Registry.open(place, read_only=True) as registry:
        told = timeless(registry.run(registry.runs()[0].id))
    for name in ("id", "command"):
        del told["start"][name]
    for artifact in told["artifacts"]:
        del artifact["bytes"], artifact["sha256"]
        artifact["path"] = artifact["path"].rpartition("-")[0]
    return told
