"""``agent datasets``."""

import pytest

from genpolicy_cli import datasets


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
        (("pointmaze/umaze",), 2, "say where to: --out FILE.npz or --minari ID"),
        (("npz", "--out", "x.npz"), 2, "dataset 'npz' is read from elsewhere"),
        (("pointmaze/unaze", "--out", "x.npz"), 3, "did you mean 'pointmaze/umaze'?"),
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


def test_references_are_shown_by_policy(agent, monkeypatch):
    from genpolicy.records import EpisodeRecord, EvaluationRecord

    def record(value):
        episodes = [
            EpisodeRecord(return_=value + k, length=9, success=True, steps_to_success=4, seed=k)
            for k in (-1.0, 1.0)
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

    class Measured:
        def measure_reference(self):
            return {"random": record(3.0), "expert": record(200.0)}

    monkeypatch.setattr(datasets, "_made", lambda found, name: Measured())
    done = agent("datasets", "reference", "pointmaze/umaze")
    assert "200.0 ± 2.0" in done.out
    facts = agent("datasets", "reference", "pointmaze/umaze", "--json").json
    assert facts["random"]["return"]["mean"] == 3.0
