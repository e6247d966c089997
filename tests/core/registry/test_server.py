"""What only a registry on a PostgreSQL server has to put up with."""

import json
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from backdoor import Backdoor
from genpolicy.errors import RegistryError
from genpolicy.registry import Registry
from genpolicy.registry.failures import RegistryLockedError, explain


@pytest.fixture
def problems():
    return []


def refusal(location, **options):
    with pytest.raises(RegistryError) as caught:
        Registry.open(location, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "secret" not in message
    return message


def test_a_url_that_names_no_driver_gets_ours(server, location, make_run):
    with Registry.open(location.replace("+psycopg", "")) as registry:
        registry.start(make_run()).close()
        assert [run.id for run in registry.runs()] == ["a1b2c3"]


def test_a_password_is_shown_nowhere(server, database):
    for location in (
        server.url(database),
        server.url(database).replace(":secret@", "@") + "?password=secret",
    ):
        with Registry.open(location) as registry:
            assert f"/{database}'" in registry.name
            assert "secret" not in registry.name


def test_a_server_that_is_not_there_is_told(server):
    message = refusal(server.url("registry").replace(str(server.port), "1"))
    assert "tester:***@127.0.0.1:1/registry' cannot be reached (" in message
    assert message.endswith("Connection refused); is its server up, and the URL right?")


def test_a_database_that_is_not_there_is_told(server):
    assert '"nowhere" does not exist); is its server up' in refusal(server.url("nowhere"))


def test_a_user_without_rights_is_told(server, location):
    server.execute("DROP ROLE IF EXISTS guest")
    server.execute("CREATE ROLE guest LOGIN")
    message = refusal(location.replace("tester:", "guest:"), read_only=True)
    assert "may not be used by this user (permission denied for table schema_version)" in message


def test_an_empty_database_is_left_alone_when_reading(server, empty):
    assert refusal(empty, read_only=True).endswith("is empty; the first run creates its tables")
    assert Backdoor(empty).structure() == {"tables": {}, "views": {}}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("53100", "the disk that holds the registry is full; free some space"),
        ("25006", "the registry is read-only (odd); name its primary server"),
        ("57P01", "the registry cannot be used: odd"),
    ],
)
def test_what_a_server_complains_of_is_put_in_words(state, words):
    complaint = DBAPIError("SELECT", {}, psycopg.errors.lookup(state)("odd\nLINE 1"))
    assert str(explain(complaint, "the registry")) == words


@pytest.mark.parametrize("state", ["55P03", "40P01", "40001"])
def test_what_passes_is_waited_for(state):
    complaint = DBAPIError("SELECT", {}, psycopg.errors.lookup(state)("odd"))
    assert isinstance(explain(complaint, "the registry"), RegistryLockedError)


def test_a_lock_is_waited_for_no_longer_than_in_a_file(server, location, make_run, monkeypatch):
    monkeypatch.setattr("genpolicy.registry.database.BUSY_SECONDS", 0.05)
    with Registry.open(location) as registry, psycopg.connect(libpq(location)) as other:
        registry.start(make_run()).close()
        other.execute("LOCK TABLE runs")
        began = time.monotonic()
        with pytest.raises(RegistryError, match="is locked: another process has been using it"):
            registry.claim("a1b2c3")
        assert time.monotonic() - began < 5


def libpq(location):
    return location.replace("+psycopg", "")


def test_connections_that_were_cut_are_replaced(server, location, registry, make_run, metrics):
    writer = registry.start(make_run())
    for step in range(5):
        assert server.disconnect(make_url(location).database)
        writer.on_metrics(metrics(step))
        assert writer.flush(20)
    assert writer.finish("finished")
    assert writer.problem is None
    assert len(registry.run("a1b2c3").metrics) == 5


def test_a_record_whose_connection_is_cut_is_written_again(
    server, location, registry, make_run, metrics
):
    writer = registry.start(make_run())
    with psycopg.connect(libpq(location)) as other:
        other.execute("SELECT * FROM runs FOR UPDATE")
        writer.on_metrics(metrics(1))
        wait_until(lambda: cut_those_that_wait(server))
    assert writer.flush(20)
    assert writer.finish("finished")
    assert writer.problem is None
    assert [record.step for record in registry.run("a1b2c3").metrics] == [1]


def test_a_server_that_goes_away_does_not_stop_the_run(
    server, registry, make_run, metrics, problems
):
    run = make_run()
    writer = registry.start(run, on_problem=problems.append)
    server.stop()
    try:
        writer.on_metrics(metrics(1))
        assert writer.flush(20)
        writer.before_checkpoint()
    finally:
        server.start()
    writer.on_metrics(metrics(2))
    assert not writer.finish("finished", "done")
    kept = map(json.loads, (Path(run.directory) / "unrecorded.jsonl").open())
    assert [line["step"] for line in kept if line["record"] == "MetricsRecord"] == [1]
    detail = registry.run(run.id)
    assert [record.step for record in detail.metrics] == [2]
    assert detail.state == "finished"
    assert detail.message == f"done; {problems[0]}"
    assert problems[0].startswith(f"{registry.name} cannot be reached (")


def cut_those_that_wait(server):
    return server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    )


def wait_until(something):
    deadline = time.monotonic() + 20
    while not something():
        assert time.monotonic() < deadline
        time.sleep(0.02)
