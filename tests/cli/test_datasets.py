"""``agent datasets``."""

import json

import numpy as np
import pytest

from genpolicy.records import EpisodeRecord, EvaluationRecord


def test_datasets_are_listed(agent):
    names = [fact["name"] for fact in agent("datasets", "list", "--json").json]
    assert "pointmaze/umaze" in names
    assert agent("datasets", "list").status == 0


@pytest.mark.slow
def test_data_that_is_made_can_be_trained_on(agent, place, tiny):
    arguments = ("datasets", "make", "pointmaze/umaze", "--transitions", "300", "--seed", "4")
    done = agent(*arguments, "--out", "mine.npz")
    assert done.status == 0, done.err
    assert done.out.startswith("npz:mine.npz: 300 transitions in ")
    trained = agent("run", *tiny, "--dataset", "npz:mine.npz", "train.looks=0", "--json")
    assert trained.status == 0, trained.err
    assert trained.json["runs"][0]["episodes"] == 2
    agent(*arguments, "--out", "again.npz")
    assert (place / "mine.npz").read_bytes() == (place / "again.npz").read_bytes()


@pytest.mark.slow
def test_data_can_be_made_for_minari(agent, place, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(place / "minari"))
    arguments = ("datasets", "make", "pointmaze/umaze", "--transitions", "300")
    done = agent(*arguments, "--minari", "mine/umaze-v0")
    assert done.status == 0, done.err
    assert done.out.startswith("minari:mine/umaze-v0: 300 transitions in ")
    assert list((place / "minari").rglob("*.hdf5"))


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("pointmaze/umaze",), 2, "say where to: --out FILE.npz, --out FILE.hdf5 or --minari ID"),
        (("npz", "--out", "x.npz"), 2, "dataset 'npz' is read from elsewhere"),
        (("npz:mine.npz", "--out", "x.npz"), 2, "dataset 'npz:mine.npz' is read from elsewhere"),
        (("pointmaze/unaze", "--out", "x.npz"), 3, "did you mean 'pointmaze/umaze'?"),
        (
            ("pointmaze/umaze:x", "--out", "x.npz"),
            2,
            "dataset pointmaze/umaze takes nothing after a colon; got 'pointmaze/umaze:x'",
        ),
        (("pointmaze/umaze", "--transitions", "0", "--out", "x.npz"), 2, "'--transitions'"),
    ],
)
def test_what_cannot_be_made_is_refused(agent, arguments, status, sentence):
    done = agent("datasets", "make", *arguments)
    assert done.status == status
    assert sentence in done.err


def test_a_place_that_cannot_be_written_is_refused(agent, place):
    (place / "folder").write_text("a file")
    arguments = ("--transitions", "20", "--out", "folder/x.npz")
    done = agent("datasets", "make", "pointmaze/umaze", *arguments)
    assert done.status == 2
    assert "cannot be written" in done.err


def record(value):
    episodes = [
        EpisodeRecord(return_=value + k, length=9, success=True, steps_to_success=4, seed=k)
        for k in (-1, 1)
    ]
    return EvaluationRecord(
        stage="",
        step=0,
        protocol="default",
        selection=None,
        environment={},
        seed=0,
        episodes=tuple(episodes),
    )


@pytest.fixture
def asked(monkeypatch):
    """Spares measuring, and returns the protocols that were asked for."""
    protocols = []

    def measure_reference(self, protocol=None):
        protocols.append(protocol)
        return {"random": record(14.013), "expert": record(231.913)}

    monkeypatch.setattr(
        "genpolicy_plugins.datasets.pointmaze.PointMaze.measure_reference", measure_reference
    )
    return protocols


def test_references_are_shown_by_policy(agent, asked, place):
    done = agent("datasets", "reference", "pointmaze/umaze")
    assert "231.9 ± 2.0" in done.out
    facts = agent("datasets", "reference", "pointmaze/umaze", "--json").json
    assert facts["random"]["return"]["mean"] == 14.013
    assert asked == [None, None]
    assert not (place / "registry.db").exists()


def test_references_are_measured_on_so_many_episodes(agent, asked):
    agent("datasets", "reference", "pointmaze/umaze", "--episodes", "3")
    assert [protocol.episodes for protocol in asked] == [3]


def test_recorded_references_stand_among_the_runs(agent, asked):
    arguments = ("datasets", "reference", "pointmaze/umaze", "--record")
    facts = agent(*arguments, "--tag", "readme", "--json").json
    assert facts["random"]["score"]["mean"] == pytest.approx(0.0)
    assert facts["expert"]["score"]["mean"] == pytest.approx(100.0)
    listed = {run["run"]: run for run in agent("runs", "--json").json}
    assert listed[facts["random"]["run"]]["objective"] == "(random)"
    table = agent("runs").out
    for text in ("(random)", "(expert)", "finished", "100.0 ± 0.9"):
        assert text in table
    recorded = agent(*arguments).out
    assert "100.0 ± 0.9" in recorded
    assert len(agent("runs", "--json").json) == 4


def test_a_recorded_reference_is_shown_and_not_resumed(agent, asked):
    arguments = ("datasets", "reference", "pointmaze/umaze", "--record", "--tag", "readme")
    run = agent(*arguments, "--json").json["expert"]["run"]
    done = agent("runs", "show", run)
    assert done.status == 0, done.err
    for text in ("reference policy", "expert", "readme", "pointmaze/umaze", "episodes", "--record"):
        assert text in done.out, text
    assert agent("runs", "show", run, "--json").json["start"]["recipe"]["reference"] == "expert"
    refused = agent("resume", run)
    assert refused.status == 2
    assert f"run {run} measured the reference policy 'expert'" in refused.err


def test_a_registry_that_cannot_be_used_is_refused_before_measuring(agent, asked, place):
    arguments = ("datasets", "reference", "pointmaze/umaze", "--record")
    done = agent(*arguments, "--registry", str(place))
    assert done.status == 4
    assert "is a directory" in done.err
    assert asked == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pointmaze/umaze", "--tag", "x"), "--tag says how to find recorded runs; add --record"),
        (("toy/two-moons",), "names no environment to measure returns in; name one with"),
        (("pointmaze/umaze", "critic.tau=1"), "'critic.tau' is no option of a dataset"),
        (("pointmaze/umaze", "dataset.random_return=1"), "give the other one, dataset.expert_ret"),
        (("pointmaze/umaze", "--expert", "nowhere"), "nowhere"),
        (("pointmaze/umaze", "--episodes", "0"), "'--episodes'"),
    ],
)
def test_what_cannot_be_measured_is_refused(agent, asked, arguments, sentence):
    done = agent("datasets", "reference", *arguments)
    assert done.status in (1, 2, 3)
    assert sentence in done.err
    assert asked == []


@pytest.fixture
def pendulum(place):
    """Two files of a pendulum's steps, the second an expert's."""
    environment = json.dumps({"id": "Pendulum-v1", "horizon": 4})
    for name, reward in (("walk.npz", -9.0), ("best.npz", -1.0)):
        np.savez(
            place / name,
            observation=np.zeros((8, 3), np.float32),
            next_observation=np.zeros((8, 3), np.float32),
            action=np.zeros((8, 1), np.float32),
            reward=np.full(8, reward),
            timeout=np.arange(8) % 4 == 3,
            environment=environment,
        )


def test_any_dataset_with_an_environment_can_be_measured(agent, pendulum):
    done = agent("datasets", "reference", "npz:walk.npz", "--episodes", "2")
    assert done.status == 0, done.err
    assert "behaviour: read off the data's episodes, not played again" in done.out
    assert "no expert is known; name data of one with --expert NAME" in done.out
    facts = agent("datasets", "reference", "npz:walk.npz", "--episodes", "2", "--json").json
    assert facts["behaviour"]["return"]["mean"] == -36.0
    assert facts["behaviour"]["protocol"] == "the data's episodes"
    assert facts["random"]["protocol"] == "default[episodes=2]"
    assert facts["reference"] is None


def test_measured_returns_can_be_given_back(agent, pendulum):
    arguments = ("npz:walk.npz", "--expert", "npz:best.npz", "--episodes", "2")
    done = agent("datasets", "reference", *arguments)
    (line,) = [line for line in done.out.splitlines() if line.startswith("to score runs by these")]
    given = line.partition(": ")[2].split()
    assert given[1] == "dataset.expert_return=-4"
    facts = agent("datasets", "reference", *arguments, "--json").json
    assert given[0] == f"dataset.random_return={facts['reference']['random_return']:g}"
    assert facts["expert"]["score"]["mean"] == pytest.approx(100.0)
    again = agent("datasets", "reference", "npz:walk.npz", *given, "--episodes", "2", "--json").json
    assert again["random"]["score"]["mean"] == pytest.approx(0.0, abs=0.1)
    assert again["behaviour"]["score"] is not None


def test_measured_policies_of_any_dataset_can_be_recorded(agent, pendulum):
    arguments = ("npz:walk.npz", "--expert", "npz:best.npz", "--episodes", "2", "--record")
    facts = agent("datasets", "reference", *arguments, "--json").json
    listed = {run["run"]: run for run in agent("runs", "--json").json}
    policies = ("random", "behaviour", "expert")
    assert [listed[facts[policy]["run"]]["objective"] for policy in policies] == [
        f"({policy})" for policy in policies
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("there.npz", "--out names a new file; 'there.npz' is there"),
        ("data.txt", "--out names a new file that ends in .npz"),
    ],
)
def test_made_data_replaces_no_file_and_is_named_for_what_it_is(agent, place, name, message):
    (place / "there.npz").write_bytes(b"precious")
    done = agent("datasets", "make", "pointmaze/umaze", "--transitions", "5", "--out", name)
    assert done.status == 2
    assert message in done.err
    assert (place / "there.npz").read_bytes() == b"precious"
