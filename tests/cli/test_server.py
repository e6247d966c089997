"""The program with its registry on a PostgreSQL server."""

import json
import threading
import time

import pytest

from backdoor import Backdoor

pytestmark = pytest.mark.slow

SHORT = (
    "objective=bc",
    "objective.steps=300",
    "objective.batch_size=16",
    "network=mlp",
    "network.hidden=8",
    "evaluation.episodes=2",
    "evaluation.environments=2",
    "train.looks=0",
    "train.checkpoint_seconds=0.1",
)


@pytest.fixture
def location(server, database, monkeypatch):
    """A registry's URL, with a password, in the environment of this process."""
    monkeypatch.setenv("AGENT_REGISTRY", server.url(database))
    return server.url(database)


def checkpoints(folder):
    return list(folder.glob("runs/*/checkpoints/step-*.safetensors"))


def wait_for_checkpoint(folder):
    deadline = time.monotonic() + 60
    while not checkpoints(folder):
        assert time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.02)


def test_a_server_takes_a_run_and_answers_for_it(agent, location):
    done = agent("run", *SHORT, "--registry", location, "--tag", "far", "--json")
    assert done.status == 0, done.err
    (run,) = (fact["run"] for fact in done.json["runs"])
    assert run in agent("runs").out
    shown = agent("runs", "show", run)
    assert shown.status == 0, shown.err
    assert "policy/loss" in shown.out
    assert "tester:***@127.0.0.1" in shown.out
    again = agent("reproduce", run)
    assert again.status == 0, again.err
    assert "bit-identical: the trained weights and every episode are the same" in again.out
    assert len(agent("runs", "--json").json) == 2
    for table in ("runs", "events"):
        assert "secret" not in str(Backdoor(location).view(table))
    assert "secret" not in done.out + done.err + shown.out + again.out + again.err


def test_a_killed_run_goes_on_where_the_server_saw_it(place, agent, begin, location):
    process = begin("run", *SHORT, "objective.steps=2000", "--registry", location, cwd=place)
    wait_for_checkpoint(place)
    process.kill()
    process.communicate()
    (fact,) = agent("runs", "--json").json
    assert fact["state"] == "running"
    done = agent("resume", fact["run"])
    assert done.status == 0, done.err
    assert f"run {fact['run']} goes on at step" in done.err
    assert [fact["state"] for fact in agent("runs", "--json").json] == ["finished"]


def test_a_run_outlives_its_server(place, agent, server, location):
    stopper = threading.Thread(target=lambda: (wait_for_checkpoint(place), server.stop()))
    stopper.start()
    try:
        done = agent("run", *SHORT, "objective.steps=2000")
    finally:
        stopper.join()
        server.start()
    assert done.status == 4
    (folder,) = (place / "runs").iterdir()
    assert f"run {folder.name} is not wholly recorded: the registry 'postgresql" in done.err
    assert "cannot be reached (" in done.err
    assert "secret" not in done.err
    kept = [json.loads(line) for line in (folder / "unrecorded.jsonl").open()]
    assert kept[-1]["state"] == "finished"
    assert (folder / "agent" / "agent.json").is_file()
    assert agent("runs", "--json").json[0]["state"] == "running"


@pytest.mark.parametrize("command", ["runs", "run", "resume", "reproduce"])
def test_a_server_that_is_not_there_is_told_without_the_password(agent, server, command):
    location = server.url("nowhere")
    arguments = [] if command in ("runs", "run") else ["anything"]
    done = agent(command, *arguments, "--registry", location)
    assert done.status == 4
    assert '"nowhere" does not exist' in done.err
    assert "secret" not in done.out + done.err


def test_a_password_in_the_settings_of_a_url_is_not_recorded(agent, server, database):
    location = server.url(database).replace(":secret@", "@") + "?password=secret"
    done = agent("run", *SHORT, "objective.steps=2", "--registry", location)
    assert done.status == 0, done.err
    ((command,),) = Backdoor(location).execute("SELECT command FROM runs")
    assert command.endswith("?password=***'")
