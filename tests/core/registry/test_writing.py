import math
import sqlite3
import threading
import time

import pytest

from genpolicy.errors import RegistryError
from genpolicy.records import ArtifactRecord, EventRecord, MetricsRecord
from genpolicy.registry import Registry, recorder


def artifact(step=100, sha256="00"):
    return ArtifactRecord(
        kind="checkpoint", path=f"/runs/{step}", sha256=sha256, bytes=9, step=step
    )


def test_a_run_reads_back_as_it_was_written(registry, make_run, make_evaluation):
    run = make_run(
        recipe={"clip": math.inf, "text": "x" * 100_000, "sizes": [256, 256], "none": None},
        seed=2**62,
        git_commit="abc",
        git_dirty=True,
        command="agent run --backbone flow",
        parent="older1",
        tags=("a", "b"),
    )
    writer = registry.start(run)
    evaluation = make_evaluation(10.0, 0.0, 30.0)
    metrics = MetricsRecord(stage="critic", step=50, values={"loss": 0.25, "q/max": 3.0})
    writer.on_stage("critic", 0, 100)
    writer.on_metrics(metrics)
    writer.on_evaluation(evaluation)
    writer.on_artifact(artifact())
    writer.on_event(EventRecord(kind="warning", message="odd", step=99))
    assert writer.finish("finished", "all done")
    assert writer.problem is None
    detail = registry.run("a1b2c3")
    assert detail.start == run
    assert detail.evaluations == (evaluation,)
    assert detail.metrics == (metrics,)
    assert detail.artifacts == (artifact(),)
    assert [(event.kind, event.message, event.step) for event in detail.events] == [
        ("stage", "critic: steps 0 to 100", 0),
        ("warning", "odd", 99),
    ]
    assert (detail.state, detail.message, detail.step) == ("finished", "all done", 100)
    assert detail.created <= detail.started <= detail.events[0].time <= detail.finished
    assert detail.started.utcoffset().total_seconds() == 0
    assert abs(detail.started.timestamp() - time.time()) < 60


def test_nan_and_infinities_are_kept_as_they_are(registry, make_run, make_evaluation):
    writer = registry.start(make_run())
    values = {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 1.0}
    writer.on_metrics(MetricsRecord(stage="policy", step=1, values=values))
    writer.on_evaluation(make_evaluation(math.nan, math.inf, -math.inf))
    assert writer.finish("finished")
    detail = registry.run("a1b2c3")
    assert {name: str(value) for name, value in detail.metrics[0].values.items()} == {
        name: str(value) for name, value in values.items()
    }
    returns = [str(episode.return_) for episode in detail.evaluations[0].episodes]
    assert returns == ["nan", "inf", "-inf"]


def test_undecodable_paths_do_not_lose_the_run(registry, make_run):
    registry.start(make_run(command="agent run /data/\udcff")).close()
    assert registry.run("a1b2c3").start.command == "agent run /data/\\udcff"


def test_the_same_identifier_twice_is_refused(registry, make_run):
    registry.start(make_run()).close()
    with pytest.raises(RegistryError, match="already holds a run 'a1b2c3'"):
        registry.start(make_run())


def test_a_seed_beyond_64_bits_is_refused(registry, make_run):
    with pytest.raises(RegistryError, match=r"cannot be used: .*(too large|out of range)"):
        registry.start(make_run(seed=2**64))
    assert registry.runs() == []


def test_the_same_record_again_replaces_itself(registry, make_run, make_evaluation, metrics):
    writer = registry.start(make_run())
    for value in (1.0, 2.0):
        writer.on_metrics(metrics(5, loss=value))
        writer.on_evaluation(make_evaluation(value))
        writer.on_evaluation(make_evaluation(value, selection=None))
        writer.on_artifact(artifact(sha256=str(value)))
    writer.close()
    detail = registry.run("a1b2c3")
    assert [dict(record.values) for record in detail.metrics] == [{"loss": 2.0}]
    assert [record.return_.mean for record in detail.evaluations] == [2.0, 2.0]
    assert [record.sha256 for record in detail.artifacts] == ["2.0"]


def test_flushed_records_can_be_read_at_once(location, registry, make_run, metrics):
    writer = registry.start(make_run())
    with Registry.open(location, read_only=True) as reader:
        for step in range(5):
            writer.on_metrics(metrics(step))
            assert writer.flush()
            assert len(reader.run("a1b2c3").metrics) == step + 1
    writer.close()


@pytest.mark.parametrize("kind", ["evaluation", "artifact"])
def test_evaluations_and_artifacts_do_not_wait_for_the_next_round(
    registry, make_run, make_evaluation, metrics, monkeypatch, kind
):
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 30.0)
    writer = registry.start(make_run())
    writer.on_metrics(metrics(1))
    if kind == "evaluation":
        writer.on_evaluation(make_evaluation(1.0))
    else:
        writer.on_artifact(artifact())
    deadline = time.monotonic() + 5
    while not (detail := registry.run("a1b2c3")).evaluations + detail.artifacts:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert detail.metrics, "what came before is written before"
    writer.close()


def test_many_records_go_into_few_transactions(registry, make_run, metrics):
    writer = registry.start(make_run())
    began = time.perf_counter()
    for step in range(3000):
        writer.on_metrics(metrics(step))
    handed_over = time.perf_counter() - began
    assert writer.finish("finished")
    assert handed_over < 1.0
    assert len(registry.run("a1b2c3").metrics) == 3000


def test_training_does_not_wait_for_a_locked_database(
    path, registry, make_run, make_evaluation, metrics, monkeypatch
):
    monkeypatch.setattr("genpolicy.registry.sqlite.BUSY_SECONDS", 0.05)
    writer = registry.start(make_run())
    with locked(path):
        began = time.perf_counter()
        for step in range(200):
            writer.on_metrics(metrics(step))
        writer.on_evaluation(make_evaluation(1.0))
        assert time.perf_counter() - began < 0.2
        assert not writer.flush(0.3)
        assert registry.run("a1b2c3").metrics == ()
    assert writer.flush(10)
    assert writer.finish("finished")
    assert len(registry.run("a1b2c3").metrics) == 200
    assert writer.problem is None


def test_a_live_run_says_so_when_it_has_nothing_to_tell(registry, make_run, monkeypatch):
    monkeypatch.setattr(recorder, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.01)
    writer = registry.start(make_run())
    writer.on_step(40)
    first = registry.run("a1b2c3").heartbeat
    time.sleep(0.2)
    detail = registry.run("a1b2c3")
    assert detail.heartbeat > first
    assert detail.step == 40
    assert 0.1 < detail.seconds < 5
    writer.close()


def test_finishing_twice_changes_nothing(registry, make_run):
    writer = registry.start(make_run())
    assert writer.finish("failed", "loss was nan")
    assert writer.finish("finished")
    assert writer.close()
    assert registry.run("a1b2c3").state == "failed"
    assert registry.run("a1b2c3").message == "loss was nan"


def test_closing_leaves_the_state_alone(registry, make_run):
    registry.start(make_run()).close()
    detail = registry.run("a1b2c3")
    assert (detail.state, detail.finished) == ("running", None)


def test_the_thread_ends_with_the_writer(registry, make_run):
    writer = registry.start(make_run())
    assert any(thread.name == "registry-a1b2c3" for thread in threading.enumerate())
    writer.finish("finished")
    assert not any(thread.name == "registry-a1b2c3" for thread in threading.enumerate())


def test_compacting_leaves_one_file_that_others_can_copy(path, registry, make_run):
    registry.start(make_run()).finish("finished")
    registry.compact()
    assert [file.name for file in path.parent.glob("registry.db*")] == ["registry.db"]
    assert sqlite3.connect(path).execute("PRAGMA journal_mode").fetchone() == ("delete",)
    registry.start(make_run("second")).finish("finished")
    assert len(registry.runs()) == 2


def test_compacting_is_refused_while_another_process_has_it_open(
    path, registry, make_run, monkeypatch
):
    monkeypatch.setattr("genpolicy.registry.sqlite.BUSY_SECONDS", 0.05)
    registry.start(make_run()).finish("finished")
    other = sqlite3.connect(path)
    other.execute("BEGIN")
    other.execute("SELECT * FROM runs").fetchall()
    with pytest.raises(RegistryError, match="cannot be made one file while another process"):
        registry.compact()
    other.close()
    registry.compact()


class locked:  # noqa: N801
    """Holds the write lock of a database."""

    def __init__(self, path):
        self.connection = sqlite3.connect(path, isolation_level=None)

    def __enter__(self):
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_):
        self.connection.execute("ROLLBACK")
        self.connection.close()
