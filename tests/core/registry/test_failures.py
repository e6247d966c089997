"""Whatever happens to the database, training goes on and nothing told is lost."""

import json
import math
import resource
import sqlite3
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from disks import small_disk
from genpolicy.errors import GenpolicyWarning, RegistryError, RunError
from genpolicy.records import EventRecord, MetricsRecord
from genpolicy.registry import Registry, recorder


@pytest.fixture(autouse=True)
def little_patience(monkeypatch):
    monkeypatch.setattr("genpolicy.registry.sqlite.BUSY_SECONDS", 0.05)
    monkeypatch.setattr(recorder, "PATIENCE_SECONDS", 0.2)


@pytest.fixture
def problems():
    return []


def unrecorded(run):
    """Return what was kept beside a run, after the line that says what it is."""
    first, *lines = map(json.loads, (Path(run.directory) / "unrecorded.jsonl").open())
    assert first["record"] == "start"
    return lines


def test_a_removed_database_does_not_stop_the_run(
    path, registry, make_run, make_evaluation, metrics, problems
):
    run = make_run()
    writer = registry.start(run, on_problem=problems.append)
    for file in path.parent.glob("registry.db*"):
        file.unlink()
    writer.on_metrics(metrics(1, loss=math.nan))
    writer.on_evaluation(make_evaluation(1.0, 2.0))
    assert writer.flush(5)
    writer.on_event(EventRecord(kind="warning", message="more", step=3))
    assert not writer.finish("finished", "done")
    file = f"{run.directory}/unrecorded.jsonl"
    assert writer.problem == (
        f"the registry {str(path)!r} was removed or replaced while in use; what is not recorded "
        f"is kept in {file!r}"
    )
    assert problems == [writer.problem], "it is said once"
    kept = unrecorded(run)
    assert [line["record"] for line in kept] == [
        "MetricsRecord",
        "EvaluationRecord",
        "EventRecord",
        "state",
    ]
    assert all(line["run"] == run.id for line in kept)
    assert kept[0]["values"] == {"loss": {"$float": "nan"}}
    assert [episode["return_"] for episode in kept[1]["episodes"]] == [1.0, 2.0]
    assert kept[3]["state"] == "finished"
    assert not path.exists(), "nothing is put in its place"


def test_a_problem_becomes_one_warning(path, registry, make_run, metrics):
    def go_on_without_a_database():
        writer = registry.start(make_run())
        path.rename(path.with_name("elsewhere.db"))
        for step in range(3):
            writer.on_metrics(metrics(step))
            assert writer.flush(5)
        assert not writer.close()

    with pytest.warns(GenpolicyWarning, match="was removed or replaced") as caught:
        go_on_without_a_database()
    assert len(caught) == 1


def test_a_warning_that_is_an_error_does_not_end_the_thread(path, registry, make_run, metrics):
    def complain(problem):
        raise RuntimeError(problem)

    run = make_run()
    writer = registry.start(run, on_problem=complain)
    path.unlink()
    for step in range(3):
        writer.on_metrics(metrics(step))
        assert writer.flush(5)
    assert not writer.close()
    assert [line.get("step") for line in unrecorded(run)] == [0, 1, 2, None]


def test_a_replaced_database_is_not_written_to(path, registry, make_run, metrics, problems):
    writer = registry.start(make_run(), on_problem=problems.append)
    path.rename(path.with_name("elsewhere.db"))
    with Registry.open(path) as other:
        writer.on_metrics(metrics(1))
        assert not writer.finish("finished")
        assert other.runs() == []


def test_a_bad_record_does_not_take_the_others_with_it(registry, make_run, metrics, problems):
    run = make_run()
    writer = registry.start(run, on_problem=problems.append)
    writer.on_metrics(metrics(1))
    writer.on_metrics(MetricsRecord(stage="policy", step=2, values={"loss": "low"}))
    writer.on_event(EventRecord(kind=None, message="kindless", step=3))
    writer.on_metrics(metrics(4))
    assert not writer.finish("finished", "done")
    assert [record.step for record in registry.run(run.id).metrics] == [1, 4]
    assert [line.get("step") for line in unrecorded(run)] == [2, 3, None]
    assert registry.run(run.id).state == "finished"
    message = registry.run(run.id).message
    assert message.startswith("done; ")
    assert "unrecorded.jsonl" in message


def test_what_fits_again_is_recorded_again(path, registry, make_run, metrics, problems):
    """A disk that was full for a while."""
    run = make_run()
    writer = registry.start(run, on_problem=problems.append)
    padding = "x" * 60_000
    log = path.with_name("registry.db-wal")
    with file_size_limit(log.stat().st_size + 130_000):
        for step in range(5):
            writer.on_event(EventRecord(kind="warning", message=padding, step=step))
            assert writer.flush(5)
    writer.on_metrics(metrics(9))
    assert not writer.finish("finished")
    (problem,) = problems
    assert "the disk" in problem
    assert "space" in problem
    detail = registry.run(run.id)
    assert detail.state == "finished"
    assert [record.step for record in detail.metrics] == [9]
    kept = [line for line in unrecorded(run) if line["record"] == "EventRecord"]
    assert kept
    assert len(detail.events) + len(kept) == 5
    assert integrity(registry) == "ok"


def test_a_full_disk_is_named(tmp_path, make_run, problems):
    with small_disk(tmp_path / "disk", "400k") as disk, Registry.open(disk / "r.db") as registry:
        run = make_run()
        writer = registry.start(run, on_problem=problems.append)
        for step in range(6):
            writer.on_event(EventRecord(kind="warning", message="x" * 90_000, step=step))
            writer.flush(5)
        assert not writer.finish("finished")
        assert problems[0].startswith(f"the disk that holds the registry {str(disk / 'r.db')!r}")
        recorded = len(registry.run(run.id).events)
        told_beside = [line for line in unrecorded(run) if line["record"] == "EventRecord"]
        assert recorded + len(told_beside) == 6
        assert integrity(registry) == "ok"


def test_a_full_disk_refuses_a_new_registry(tmp_path):
    with (
        small_disk(tmp_path / "disk", "100k") as disk,
        pytest.raises(RegistryError, match=r"the disk that holds the registry .* is full"),
    ):
        Registry.open(disk / "registry.db")


def test_a_database_locked_to_the_end_does_not_lose_the_records(
    path, registry, make_run, metrics, problems
):
    run = make_run()
    writer = registry.start(run, on_problem=problems.append)
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    writer.on_metrics(metrics(1))
    assert not writer.finish("finished")
    lock.close()
    assert "is locked: another process has been using it for over" in problems[0]
    assert [line["record"] for line in unrecorded(run)] == ["MetricsRecord", "state"]
    assert registry.run(run.id).state == "running"


def test_a_locked_database_is_refused_at_the_start(path, registry, make_run):
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with pytest.raises(RegistryError, match=r"is locked: another process .* or try again later"):
        registry.start(make_run())
    lock.close()


def test_records_stay_in_memory_while_nothing_can_be_written(
    path, registry, make_run, metrics, problems
):
    run = make_run()
    writer = registry.start(run, on_problem=problems.append)
    hidden = path.with_name("hidden.db")
    path.rename(hidden)
    folder = Path(run.directory)
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder should be")
    writer.on_metrics(metrics(1))
    assert not writer.flush(0.5)
    assert "nor can" in problems[0]
    hidden.rename(path)
    assert writer.flush(5)
    assert not writer.finish("finished")
    assert [record.step for record in registry.run(run.id).metrics] == [1]


def test_a_run_ends_though_nothing_can_be_written_anywhere(path, registry, make_run, metrics):
    run = make_run(directory="/dev/null/runs")
    writer = registry.start(run, on_problem=lambda problem: None)
    path.unlink()
    writer.on_metrics(metrics(1))
    assert not writer.finish("finished")
    assert "nor can '/dev/null/runs/unrecorded.jsonl' be written" in writer.problem
    assert not any(thread.name.startswith("registry-") for thread in threading.enumerate())


TAKE_OVER = {"owner": "x", "owner_host": "elsewhere pid:[1]", "owner_pid": 12}
TAKEN_OVER = "run a1b2c3 was taken over by another process (pid 12 on elsewhere)"


def test_a_run_that_was_taken_over_is_not_written_to(
    registry, make_run, metrics, problems, backdoor
):
    run = make_run()
    writer = registry.start(run, on_problem=problems.append)
    backdoor.set_runs(**TAKE_OVER)
    writer.on_metrics(metrics(1))
    assert not writer.finish("finished")
    assert problems[0].startswith(f"{TAKEN_OVER}; what is not recorded is kept in")
    assert registry.run(run.id).metrics == ()
    assert registry.run(run.id).state == "running"
    assert len(unrecorded(run)) == 2


def test_a_run_that_was_taken_over_stops_before_its_next_checkpoint(
    registry, make_run, metrics, problems, backdoor
):
    run = make_run()
    writer = registry.start(run, on_problem=problems.append)
    writer.before_checkpoint()
    backdoor.set_runs(**TAKE_OVER)
    for step in (1, 2):
        writer.on_metrics(metrics(step))
        with pytest.raises(RunError) as caught:
            writer.before_checkpoint()
        assert str(caught.value) == f"{TAKEN_OVER}; this one stops"
    assert [line["step"] for line in unrecorded(run)] == [1, 2]
    writer.close()


def test_a_run_with_nothing_to_write_finds_out_as_well(
    registry, make_run, problems, monkeypatch, backdoor
):
    monkeypatch.setattr(recorder, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 60.0)
    writer = registry.start(make_run(), on_problem=problems.append)
    backdoor.set_runs(**TAKE_OVER)
    time.sleep(0.1)
    with pytest.raises(RunError, match="taken over"):
        writer.before_checkpoint()
    writer.close()


def test_a_run_that_another_took_and_let_go_is_lost_too(registry, make_run, problems, backdoor):
    writer = registry.start(make_run(), on_problem=problems.append)
    backdoor.set_runs(owner=None, owner_host=None, owner_pid=None)
    writer.on_event(EventRecord(kind="warning", message="more", step=3))
    with pytest.raises(RunError) as caught:
        writer.before_checkpoint()
    assert str(caught.value) == (
        "run a1b2c3 was taken over by another process (which has let it go since); this one stops"
    )
    writer.close()


def test_a_run_that_was_removed_goes_on(registry, make_run, metrics, problems, backdoor):
    run = make_run()
    writer = registry.start(run, on_problem=problems.append)
    backdoor.execute("DELETE FROM parts")
    backdoor.execute("DELETE FROM runs")
    writer.on_metrics(metrics(1))
    writer.before_checkpoint()
    assert not writer.finish("finished")
    assert problems[0].startswith(f"run a1b2c3 was removed from {registry.name}; what")
    assert len(unrecorded(run)) == 2


def integrity(registry):
    with registry._database.reading() as connection:
        return connection.exec_driver_sql("PRAGMA integrity_check").scalar()


@contextmanager
def file_size_limit(size):
    """Makes every write beyond a file size fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
