"""What cannot be meant is refused in a sentence, with the right exit status, losing nothing."""

import re
import sqlite3

import pytest

from genpolicy.registry import Registry


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("--objective", "gmpq"), 3, "provides objective 'gmpq'; did you mean 'gmpo'?"),
        (("--recipe", "slow"), 3, "no installed plugin provides recipe 'slow'"),
        (("objective.bta=1",), 2, "objective gmpg has no option 'bta'; did you mean 'beta'?"),
        (("train.emma=1",), 2, "train has no option 'emma'; did you mean 'ema'?"),
        (("objective.beta=much",), 2, "objective gmpg takes a number; got 'much'"),
        (("objective.beta=-1",), 2, "objective gmpg: 'beta' must be >= 0"),
        (("hello",), 2, "'hello' is not an option; options read kind.key=value"),
        (("backbne=flow",), 2, "there is no kind 'backbne'; did you mean 'backbone'?"),
        (("student.network=mlp",), 2, "gmpg has no place for 'student.network'"),
        (("--objective", "bc", "--critic", "iql"), 2, "bc uses no critic; leave it out"),
        (("--backbone", "flow", "backbone=diffusion"), 2, "backbone is named twice"),
        (("--config", "no.toml"), 2, "config 'no.toml' cannot be read: No such file"),
        (("--dataset", "npz:no.npz"), 2, "no.npz"),
        (("--dataset", "npz"), 2, "dataset 'npz' needs a file: npz:FILE.npz"),
        (("--device", "tpu"), 2, "there is no device 'tpu'; this machine has cpu"),
        (("--seeds", "0"), 2, "Invalid value for '--seeds'"),
        (("--bakbone", "flow"), 2, "No such option: --bakbone"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused(agent, arguments, status, sentence):
    done = agent("run", *arguments)
    assert done.status == status, done.err
    assert re.search(sentence.replace("?", "[?]"), done.err.replace("\n", " ")), done.err
    assert done.out == ""
    assert "Traceback" not in done.err


def test_a_config_that_is_no_toml_is_refused(agent, place):
    (place / "bad.toml").write_text("[objective\n")
    done = agent("run", "--config", "bad.toml")
    assert done.status == 2
    assert "config 'bad.toml' is not valid TOML" in done.err


def test_an_unfit_combination_is_refused_before_data_and_registry_are_opened(agent, place, drift):
    done = agent("run", "--objective", "jumpy", "--dataset", "npz:/nowhere.npz")
    assert done.status == 2
    assert (
        "jumpy needs a backbone that jumps from any time to a later one (FlowMapBackbone), but "
        "'flow'" in done.err
    )
    assert not (place / "registry.db").exists()


@pytest.mark.parametrize("command", ["run", "runs"])
def test_a_registry_that_is_a_directory_is_refused(agent, place, command):
    done = agent(command, "--registry", str(place))
    assert done.status == 4
    assert f"the registry '{place}' is a directory; name a file" in done.err


def test_a_registry_that_is_no_database_is_refused_and_left_alone(agent, place):
    path = place / "notes.txt"
    path.write_text("dear diary " * 1000)
    done = agent("run", "--registry", str(path))
    assert done.status == 4
    assert "is not a database" in done.err
    assert path.read_text() == "dear diary " * 1000


def test_a_registry_of_another_program_is_refused_and_left_alone(agent, place):
    path = place / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table notes (text)")
    before = path.read_bytes()
    done = agent("run", "--registry", str(path))
    assert done.status == 4
    assert "is another program's database" in done.err
    assert path.read_bytes() == before


def test_asking_a_registry_that_is_not_there_does_not_make_one(agent, place):
    for command in (("runs",), ("runs", "show", "x"), ("resume", "x")):
        done = agent(*command)
        assert done.status == 4
        assert "there is no registry at" in done.err
    assert list(place.iterdir()) == []


def test_an_output_folder_that_cannot_be_is_refused(agent, place):
    (place / "runs").write_text("a file")
    done = agent("run", "objective=bc", "network.hidden=8")
    assert done.status == 1
    assert "cannot be written: " in done.err
    assert "name another with --output" in done.err
    with Registry.open(place / "registry.db", read_only=True) as registry:
        assert registry.runs() == []


def test_what_a_part_raises_is_told_with_its_owner_and_recorded(agent, place, drift):
    done = agent("run", "--objective", "faulty", "network.hidden=8", "train.looks=0")
    sentence = (
        "objective 'faulty' of genpolicy-drift 1.0 failed at step 0 of 20 "
        "(ValueError: this cannot be)"
    )
    assert done.status == 1
    assert sentence in done.err
    assert "Traceback" not in done.err
    with Registry.open(place / "registry.db", read_only=True) as registry:
        (run,) = registry.runs()
        assert run.state == "failed"
        assert sentence in registry.run(run.id).message
    kept = place / "runs" / run.id / "traceback.txt"
    assert "ValueError: this cannot be" in kept.read_text()


def test_debugging_shows_the_traceback(agent, drift, monkeypatch):
    monkeypatch.setenv("AGENT_DEBUG", "1")
    done = agent("run", "--objective", "faulty", "network.hidden=8", "train.looks=0")
    assert "Traceback (most recent call last)" in done.err


def test_one_seed_that_diverges_does_not_keep_the_others_from_running(agent, place, drift):
    arguments = ("--objective", "endless", "network.hidden=8", "train.looks=0", "--seeds", "2")
    done = agent("run", *arguments)
    assert done.status == 1
    assert "warning: seed 0: the loss of stage 'policy' stopped being finite" in done.err
    assert "error: the loss of stage 'policy' stopped being finite" in done.err
    with Registry.open(place / "registry.db", read_only=True) as registry:
        assert [run.state for run in registry.runs()] == ["failed", "failed"]


def test_something_unexpected_is_one_sentence(agent, monkeypatch):
    def fail():
        raise RuntimeError("the moon is blue")

    monkeypatch.setattr("genpolicy_cli.parts.catalogue", fail)
    done = agent("list")
    assert done.status == 1
    assert done.err == (
        "error: unexpected RuntimeError: the moon is blue (AGENT_DEBUG=1 shows where)\n"
    )
