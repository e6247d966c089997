"""``agent datasets make``: whatever happens on the way, the same bytes lie there in the end."""

import signal
import time

import numpy as np
import pytest

POINT = "ogbench:pointmaze-medium-navigate-v0"


@pytest.fixture(autouse=True)
def cache(place, monkeypatch):
    monkeypatch.setenv("AGENT_CACHE", str(place / "cache"))


@pytest.mark.slow
def test_ogbenchs_data_are_made_and_trained_on(agent, place, tiny):
    done = agent("datasets", "make", POINT, "--transitions", "1500", "--val", "--out", "walks.npz")
    assert done.status == 0, done.err
    assert done.out == (
        f"walks.npz: 1,500 transitions; `agent run --dataset {POINT} dataset.path=walks.npz` "
        "learns from it\n"
    )
    with np.load(place / "walks-val.npz") as validation:
        assert len(validation["terminals"]) == 1001
    assert not list(place.glob("*.partial"))
    arguments = ("--dataset", POINT, "dataset.path=walks.npz", "dataset.task=2")
    trained = agent("run", *tiny, *arguments, "dataset.horizon=30", "train.looks=0", "--json")
    assert trained.status == 0, trained.err
    run = trained.json["runs"][0]
    assert run["episodes"] == 2
    shown = agent("runs", "show", run["run"], "--json").json
    assert shown["start"]["dataset"]["name"] == (
        "ogbench:pointmaze-medium-navigate-singletask-task2-v0"
    )
    assert "ogbench" in shown["start"]["versions"]


@pytest.mark.slow
def test_a_command_that_was_killed_goes_on_to_the_same_bytes(agent, begin, place):
    arguments = ("datasets", "make", POINT, "--transitions", "12000")
    process = begin(*arguments, "--jobs", "2", "--out", "killed.npz", cwd=place)
    folder, end = place / "killed.npz.partial", time.monotonic() + 120
    while not list(folder.glob("shard-*.npz")):
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (place / "killed.npz").exists()
    done = agent(*arguments, "--out", "killed.npz")
    for _ in range(100):  # the processes that were left alone may still be there for a moment
        if done.status == 0:
            break
        time.sleep(0.2)
        done = agent(*arguments, "--out", "killed.npz")
    assert done.status == 0, done.err
    assert agent(*arguments, "--out", "undisturbed.npz").status == 0
    assert (place / "killed.npz").read_bytes() == (place / "undisturbed.npz").read_bytes()
    assert not folder.exists()


@pytest.mark.slow
def test_ogbenchs_data_can_be_written_for_minari_with_a_tasks_rewards(agent, place, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(place / "minari"))
    task = POINT.replace("-v0", "-singletask-task2-v0")
    done = agent("datasets", "make", task, "--transitions", "300", "--minari", "mine/walks-v0")
    assert done.status == 0, done.err
    assert done.out.startswith("minari:mine/walks-v0: 300 transitions in ")
    assert not list((place / "cache" / "making").iterdir())


def test_data_can_be_made_as_hdf5(agent, place):
    arguments = ("datasets", "make", "pointmaze/umaze", "--transitions", "60", "--seed", "2")
    for kind in ("npz", "hdf5"):
        assert agent(*arguments, "--out", f"maze.{kind}").status == 0
    facts = [agent("datasets", "info", f"{k}:maze.{k}", "--json").json for k in ("npz", "hdf5")]
    assert facts[0]["transitions"] == 60
    assert facts[0]["fingerprint"] == facts[1]["fingerprint"]


def test_a_half_made_dataset_of_another_command_is_not_gone_on_with(agent, place):
    arguments = ("datasets", "make", "pointmaze/umaze", "--out", "maze.npz")
    folder = place / "maze.npz.partial"
    folder.mkdir()
    (folder / "shard-000000.npz").write_bytes(b"of something else")
    done = agent(*arguments, "--transitions", "20")
    assert done.status == 2
    assert "holds parts of a dataset that another command" in done.err
    assert not (place / "maze.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((POINT,), "say where to: --out FILE.npz, --out FILE.hdf5 or --minari ID"),
        (("pointmaze/umaze", "--val", "--out", "x.npz"), "--val goes with OGBench's data"),
        ((POINT, "--val", "--minari", "a/b-v0"), "--val goes with OGBench's data"),
        ((POINT, "--val", "--out", "there.npz"), "'there-val.npz' is there"),
        ((POINT, "--out", "x.txt"), "--out names a new file that ends in .npz or .hdf5"),
        (("ogbench:antmaze-giant-navigate-v0", "--out", "x.npz"), "cannot be made here"),
        (("ogbench", "--out", "x.npz"), "'ogbench' needs a name"),
        ((POINT, "--jobs", "0", "--out", "x.npz"), "'--jobs'"),
    ],
)
def test_what_cannot_be_made_is_refused(agent, place, arguments, sentence):
    (place / "there-val.npz").write_bytes(b"precious")
    done = agent("datasets", "make", *arguments)
    assert done.status == 2
    assert sentence in done.err
    assert (place / "there-val.npz").read_bytes() == b"precious"
