"""``agent bench``."""

import subprocess
import sys

import pytest

TINY = (
    "--objective",
    "bc",
    "network=mlp",
    "network.hidden=8",
    "objective.batch_size=16",
    "dataset.transitions=500",
)
QUICK = ("--what", "steps", "--rounds", "2")


def test_what_is_measured_is_shown_and_recorded(agent, place):
    done = agent("bench", *TINY, "--what", "steps", "--rounds", "3", "--json")
    assert done.status == 0, done.err
    (row,) = done.json
    assert (row["what"], row["batch"], row["rounds"]) == ("step: policy", 16, 3)
    assert 0.0 < row["ms_low"] <= row["ms"] <= row["ms_high"]
    assert row["ms"] > row["floor ms"] > 0.0
    run = row["run"]
    listed = agent("runs", "--tag", "bench", "--json").json
    assert [(each["run"], each["objective"]) for each in listed] == [(run, "(bench bc)")]
    told = agent("runs", "show", run, "--json").json["start"]["origins"]
    assert told["objective"] == "command line"
    assert not {"dataset", "dataset.sizes"} & told.keys()  # nobody typed them
    shown = agent("runs", "show", run).out
    assert "how fast its parts are" in shown
    assert "bench/step: policy" in shown
    refused = agent("evaluate", run)
    assert f"run {run} measured how fast its parts are and trained no model" in refused.err


def test_a_table_tells_what_it_means_and_what_was_recorded(agent, place):
    done = agent("bench", *TINY, *QUICK)
    assert done.status == 0, done.err
    for text in ("step: policy", "per second", "floor ms", "over floor"):
        assert text in done.out
    assert "ms: median of 2 rounds, in which all took turns" in done.err
    assert "recorded as run " in done.err


def test_nothing_is_recorded_where_nothing_is_to_be(agent, place):
    done = agent("bench", *TINY, *QUICK, "--no-record", "--markdown")
    assert done.status == 0, done.err
    assert done.out.startswith("| what | batch |")
    assert not (place / "registry.db").exists()


def test_sizes_are_those_of_random_transitions(agent, place):
    done = agent("bench", *TINY, *QUICK, "--sizes", "5,2")
    assert done.status == 0, done.err
    (run,) = agent("runs", "--json").json
    assert run["dataset"] == "random:5,2"
    assert agent("runs", "show", run["run"], "--json").json["start"]["origins"]["dataset.sizes"]


def test_threads_are_part_of_what_is_recorded(agent, place):
    done = agent("bench", *TINY, *QUICK, "--threads", "1", "--json")
    shown = agent("runs", "show", done.json[0]["run"], "--json").json
    assert shown["start"]["recipe"]["train"]["threads"] == 1
    assert shown["start"]["origins"]["train.threads"] == "command line"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--what", "stepps"), "agent bench does not measure 'stepps'; did you mean 'steps'?"),
        (("--dataset", "random", "--sizes", "3,2"), "leave out them or the dataset"),
        (("dataset=random", "--sizes", "3,2"), "leave out them or the dataset"),
        (("--sizes", "3"), "sizes are two positive numbers, such as 17,6; got (3,)"),
        (("--no-record", "--tag", "x"), "leave out --no-record"),
        (
            ("--objective", "gmpo", "objective.beta=1,2"),
            "measures one recipe: name one value of objective.beta; several are for `agent run`",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(agent, place, arguments, message):
    done = agent("bench", *arguments)
    assert done.status == 2
    assert message in done.err


@pytest.mark.slow
def test_a_process_ends_with_its_first_step(place):
    run = ["run", *TINY, "--dataset", "random:3,2", "--recipe", "none", "--quiet"]
    call = [sys.executable, "-m", "genpolicy_cli.first_step", *run]
    done = subprocess.run(call, cwd=place, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (folder,) = (place / "runs").iterdir()
    assert not (folder / "agent").exists()
