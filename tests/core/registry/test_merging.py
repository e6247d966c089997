"""Runs of another registry are taken in whole, and each is there once."""

import math
import os
import signal
import sqlite3
import time
from contextlib import closing

import attrs
import pytest

from genpolicy.errors import RegistryError, UsageError
from genpolicy.records import ArtifactRecord, EventRecord, MetricsRecord
from genpolicy.registry import Registry, schema
from genpolicy.registry.imports import Import
from timeless import timeless


@pytest.fixture
def other(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    with Registry.open(tmp_path / "elsewhere" / "other.db") as registry:
        yield registry


@pytest.fixture
def take(registry, tmp_path):
    """Take a registry or a file in, and return what became of the runs."""

    def act(source):
        source = source.path if isinstance(source, Registry) else source
        return list(Import(registry, tmp_path / "runs").take(str(source)))

    return act


@pytest.fixture
def write(make_evaluation):
    """Write a run with something in every table, NaN among it, and leave it running."""

    def act(registry, run):
        writer = registry.start(run)
        writer.on_stage("policy", 0, 10)
        writer.on_metrics(
            MetricsRecord(stage="policy", step=4, values={"loss": math.nan, "q": 2.5})
        )
        writer.on_evaluation(make_evaluation(1.0, math.inf, step=4, selection=None))
        writer.on_evaluation(make_evaluation(3.0, step=4))
        for step, kind in ((2, "checkpoint"), (4, "agent")):
            path = f"{run.directory}/{kind}"
            writer.on_artifact(ArtifactRecord(kind=kind, path=path, sha256="0", bytes=1, step=step))
        writer.on_event(EventRecord(kind="warning", message="odd", step=4))
        assert writer.flush()
        registry.note(run.id, "a note")
        return writer

    return act


def outcomes(taken):
    return [(each.run, each.outcome) for each in taken]


def same(one, two):
    """Whether two details tell the same, NaN being what NaN is."""
    return repr(one) == repr(two)


def test_a_run_that_is_taken_in_is_told_as_it_was_with_its_times(
    registry, other, take, write, make_run
):
    run = make_run(recipe={"clip": math.inf}, tags=("a", "b"), parent="older1", git_dirty=False)
    assert write(other, run).finish("finished", "done")
    assert outcomes(take(other)) == [("a1b2c3", "entered")]
    assert same(registry.run("a1b2c3"), other.run("a1b2c3"))


def test_a_registry_of_any_kind_is_taken_into_a_file(
    location, registry, other, write, make_run, tmp_path
):
    assert write(registry, make_run(tags=("a",))).finish("finished", "done")
    assert outcomes(Import(other, tmp_path / "runs").take(location)) == [("a1b2c3", "entered")]
    assert same(other.run("a1b2c3"), registry.run("a1b2c3"))


def test_every_column_of_every_table_is_taken_along(registry, other, take, write, make_run):
    assert write(other, make_run(tags=("a",))).finish("failed", "done")
    take(other)
    ours, theirs = registry.rows("a1b2c3"), other.rows("a1b2c3")
    assert repr(ours) == repr(theirs)
    tables = {"runs": [ours.run], **ours.children}
    tables["evaluations"] = [row for row, _ in ours.evaluations]
    tables["episodes"] = [row for _, rows in ours.evaluations for row in rows]
    for name, table in schema.metadata.tables.items():
        if name != "schema_version":
            numbers = {"id", "run_id", "evaluation_id"} - ({"id"} if name == "runs" else set())
            assert {column.name for column in table.c} - numbers == set(tables[name][0]), name


def test_taking_a_registry_in_twice_changes_nothing(registry, other, take, write, make_run):
    for id in ("a1b2c3", "d4e5f6"):
        assert write(other, make_run(id)).finish("finished")
    assert outcomes(take(other)) == [("a1b2c3", "entered"), ("d4e5f6", "entered")]
    before = [registry.rows(run.id) for run in registry.runs()]
    assert outcomes(take(other)) == [("a1b2c3", "unchanged"), ("d4e5f6", "unchanged")]
    assert repr([registry.rows(run.id) for run in registry.runs()]) == repr(before)


def test_tags_and_notes_are_united(registry, other, take, write, make_run):
    assert write(other, make_run(tags=("a",))).finish("finished")
    take(other)
    registry.tag("a1b2c3", ["ours"])
    other.tag("a1b2c3", ["theirs"])
    other.note("a1b2c3", "their note")
    (taken,) = take(other)
    assert (taken.outcome, taken.message) == ("united", "it was there; it got a tag and a note")
    detail = registry.run("a1b2c3")
    assert detail.start.tags == ("a", "ours", "theirs")
    assert [note.message for note in detail.notes] == ["a note", "their note"]
    assert outcomes(take(other)) == [("a1b2c3", "unchanged")]


def test_a_run_further_on_takes_the_place_of_ours_and_ours_of_none(
    registry, other, take, write, make_run, metrics, tmp_path
):
    write(other, make_run(tags=("a",))).close()
    take(other)
    registry.tag("a1b2c3", ["ours"])
    early = tmp_path / "early.db"
    with (
        closing(sqlite3.connect(other.path)) as source,
        closing(sqlite3.connect(early)) as target,
    ):
        source.backup(target)
    again = other.claim("a1b2c3")
    again.rewind(4)
    again.on_metrics(metrics(9))
    assert again.finish("finished")
    (taken,) = take(other)
    assert (taken.outcome, taken.message) == (
        "replaced",
        "finished at step 9 there, running at step 4 here",
    )
    detail = registry.run("a1b2c3")
    assert detail.start.tags == ("a", "ours")
    assert same(attrs.evolve(detail, start=other.run("a1b2c3").start), other.run("a1b2c3"))
    assert outcomes(take(early)) == [("a1b2c3", "unchanged")]
    assert registry.run("a1b2c3").state == "finished"


def test_records_that_only_one_copy_has_are_united_in_either_order(
    registry, other, take, location, write, make_run, metrics, make_evaluation, tmp_path
):
    """As when a run's registry failed, and what it kept beside it was taken into another."""
    run = make_run()
    writer = write(registry, run)
    writer.close()
    writer = other.start(run)
    writer.on_metrics(metrics(5))
    writer.on_evaluation(make_evaluation(9.0, step=6))
    assert writer.finish("finished", "done")
    before = registry.rows("a1b2c3")
    (taken,) = Import(other, tmp_path / "runs").take(location)
    assert (taken.outcome, taken.message) == (
        "completed",
        "it was there; it got 8 records and a note",
    )
    assert outcomes(take(other)) == [("a1b2c3", "replaced")]
    for detail in (registry.run("a1b2c3"), other.run("a1b2c3")):
        assert [record.step for record in detail.metrics] == [4, 5]
        assert [record.step for record in detail.evaluations] == [4, 4, 6]
        assert (detail.state, detail.step, len(detail.artifacts)) == ("finished", 6, 2)
    assert set(before.keys) < set(registry.rows("a1b2c3").keys)
    assert outcomes(take(other)) == [("a1b2c3", "unchanged")]


def test_what_the_other_forgot_when_it_was_resumed_goes_and_does_not_come_back(
    registry, other, take, write, make_run, metrics, tmp_path
):
    writer = write(other, make_run())
    writer.on_metrics(metrics(90))
    writer.finish("failed", "boom")
    take(other)
    with Registry.open(tmp_path / "early.db") as early:
        early.merge(other.rows("a1b2c3"))
    again = other.claim("a1b2c3")
    again.rewind(4)
    again.on_metrics(metrics(5))
    again.finish("interrupted")
    assert outcomes(take(other)) == [("a1b2c3", "replaced")]
    assert same(registry.run("a1b2c3"), other.run("a1b2c3"))
    assert [record.step for record in registry.run("a1b2c3").metrics] == [4, 5]
    assert outcomes(take(tmp_path / "early.db")) == [("a1b2c3", "unchanged")]


def test_copies_that_went_on_each_by_itself_are_refused(
    registry, other, take, write, make_run, metrics, make_evaluation
):
    write(other, make_run()).finish("interrupted")
    take(other)
    for where, step in ((other, 150), (registry, 900)):
        writer = where.claim("a1b2c3")
        writer.rewind(4)
        writer.on_metrics(metrics(step))
        writer.on_evaluation(make_evaluation(5.0, step=step))
        writer.finish("interrupted")
    before = registry.rows("a1b2c3")
    (taken,) = take(other)
    assert (taken.outcome, taken.message) == (
        "refused",
        "it went on here and there, each by itself; neither was changed",
    )
    assert same(registry.rows("a1b2c3"), before)


def test_a_copy_that_was_resumed_while_ours_ended_is_refused(
    registry, other, take, write, make_run, metrics
):
    writer = write(registry, make_run())
    assert other.merge(registry.rows("a1b2c3")).outcome == "entered"
    copied = other.claim("a1b2c3")
    copied.rewind(2)
    writer.on_metrics(metrics(9))
    writer.finish("finished")
    copied.on_metrics(metrics(8))
    copied.finish("finished")
    before = registry.rows("a1b2c3")
    assert outcomes(take(other)) == [("a1b2c3", "refused")]
    assert same(registry.rows("a1b2c3"), before)


def test_tags_and_notes_of_a_run_that_lives_here_are_taken_and_it_goes_on(
    registry, other, take, write, make_run, metrics
):
    writer = write(registry, make_run())
    assert other.merge(registry.rows("a1b2c3")).outcome == "entered"
    other.tag("a1b2c3", ["theirs"])
    writer.on_metrics(metrics(9))
    assert writer.flush()
    assert outcomes(take(other)) == [("a1b2c3", "united")]
    assert writer.finish("finished")
    assert registry.run("a1b2c3").start.tags == ("theirs",)


def test_a_run_that_no_database_takes_keeps_no_other_from_being_taken_in(
    registry, other, take, write, make_run
):
    for id in ("a1b2c3", "d4e5f6"):
        assert write(other, make_run(id)).finish("finished")
    with closing(sqlite3.connect(other.path)) as file, file:
        file.execute("PRAGMA ignore_check_constraints = ON")
        file.execute("UPDATE metrics SET value = NULL, special = NULL WHERE run_id = 'a1b2c3'")
        file.execute("INSERT INTO tags VALUES ('d4e5f6', 'a' || char(0) || 'b')")
    taken = take(other)
    assert outcomes(taken) == [("a1b2c3", "refused"), ("d4e5f6", "entered")]
    assert taken[0].message.startswith(f"{registry.name} cannot be used: ")
    assert registry.run("d4e5f6").start.tags == ("a\\x00b",)
    assert outcomes(take(other)) == [("a1b2c3", "refused"), ("d4e5f6", "unchanged")]


def test_a_message_that_no_server_takes_is_spelt_out(registry, make_run):
    writer = registry.start(make_run())
    assert writer.finish("failed", "bad \0 header")
    assert registry.run("a1b2c3").message == "bad \\x00 header"


def test_a_run_that_lives_here_is_not_replaced(registry, other, take, write, make_run, backdoor):
    run = make_run()
    assert write(other, run).finish("finished")
    writer = registry.start(run)
    (taken,) = take(other)
    assert taken.outcome == "refused"
    assert taken.message.startswith(f"it is being trained here by process {os.getpid()} on ")
    assert registry.run("a1b2c3").metrics == ()
    assert writer.close()
    assert outcomes(take(other)) == [("a1b2c3", "replaced")]


def test_nobody_has_claimed_a_run_that_was_taken_in(registry, other, take, write, make_run):
    writer = write(other, make_run())
    take(other)
    assert registry.run("a1b2c3").state == "running", "it is told as it stands"
    assert registry.claim("a1b2c3").close()
    assert writer.finish("finished")


def test_another_run_of_the_same_identifier_is_refused(registry, other, take, write, make_run):
    assert write(registry, make_run(seed=1)).finish("finished")
    assert write(other, make_run(seed=2)).finish("finished")
    (taken,) = take(other)
    assert taken.outcome == "refused"
    assert taken.message == "another run has that identifier here; neither was changed"
    assert registry.run("a1b2c3").start.seed == 1


def test_paths_lead_to_the_same_files(registry, other, take, write, make_run, tmp_path):
    run = make_run(directory=str(tmp_path / "elsewhere" / "runs" / "a1b2c3"))
    assert write(other, run).finish("finished")
    take(other)
    assert registry.run("a1b2c3").start.directory == run.directory
    assert registry.run("a1b2c3").artifacts == other.run("a1b2c3").artifacts


def test_a_registry_is_not_taken_into_itself(path, registry, take):
    with pytest.raises(UsageError, match="is the registry itself; name another"):
        take(path)


def test_sources_that_are_none_are_refused(registry, take, tmp_path):
    (tmp_path / "notes.txt").write_text("dear diary " * 500)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "registry.db").touch()
    (tmp_path / "empty").mkdir()
    for name, kind, sentence in (
        ("nowhere", UsageError, "there is nothing at '.*nowhere'; name a bundle"),
        ("notes.txt", RegistryError, "is not a database"),
        ("project", UsageError, "is a folder with a registry; name '.*project/registry.db'"),
        ("empty", UsageError, "holds no unrecorded.jsonl to take in$"),
    ):
        with pytest.raises(kind, match=sentence):
            take(tmp_path / name)


@pytest.mark.slow
def test_a_kill_leaves_every_run_whole_or_absent(location, registry, other, take, write, make_run):
    """And taking the rest in later makes it the same as if nothing had happened."""
    runs = [make_run(f"run{number:02}") for number in range(30)]
    for run in runs:
        assert write(other, run).finish("finished")
    there = set()
    for delay in (0.0, 0.02, 0.03):
        _taken_in_by_a_process_that_is_killed(location, other.path, delay)
        there = {run.id for run in registry.runs()}
        assert there
        for run in there:
            assert same(registry.run(run), other.run(run))
    later = dict(outcomes(take(other)))
    assert later == {run.id: "unchanged" if run.id in there else "entered" for run in runs}
    assert all(same(timeless(registry.run(id)), timeless(other.run(id))) for id in later)


def _taken_in_by_a_process_that_is_killed(location, source, delay):
    child = os.fork()
    if child == 0:
        with Registry.open(location) as registry:
            for _ in Import(registry, source.parent).take(str(source)):
                pass
        os._exit(0)
    deadline = time.monotonic() + 10
    with Registry.open(location, read_only=True) as registry:
        while not registry.runs() and time.monotonic() < deadline:
            time.sleep(0.005)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
