"""Removing runs, and marking those that nobody trains any more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genpolicy.errors import GenpolicyWarning, RegistryError, RunError
from genpolicy.records import ArtifactRecord, EventRecord
from genpolicy.registry import Registry, RunQuery, marks
from genpolicy.registry.removal import remove_folder

NOT_MARKED = "no .run in it says that it is the run's; remove it by hand"
TABLES = ("runs", "parts", "tags", "notes", "metrics", "artifacts", "events", "evaluations")


@pytest.fixture
def record(registry, make_run, make_evaluation, metrics):
    """Record a finished run with something in every table."""

    def write(id):
        run = make_run(id, tags=("a",))
        writer = registry.start(run)
        writer.on_metrics(metrics(1))
        writer.on_evaluation(make_evaluation(1.0, 2.0))
        path = f"{run.directory}/checkpoints/1"
        writer.on_artifact(
            ArtifactRecord(kind="checkpoint", path=path, sha256="0", bytes=1, step=1)
        )
        writer.on_event(EventRecord(kind="warning", message="odd", step=1))
        assert writer.finish("finished")
        registry.note(id, "a note")
        return run

    return write


@pytest.fixture
def dead_process():
    """The identifier of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def counts(backdoor):
    names = (*TABLES, "episodes")
    return {name: backdoor.execute(f"SELECT count(*) FROM {name}")[0][0] for name in names}


def test_every_row_of_a_removed_run_goes_and_no_other(registry, record, backdoor):
    record("a1b2c3")
    before, detail = counts(backdoor), registry.run("a1b2c3")
    run = record("d4e5f6")
    (removed,) = registry.remove(["d4e5f6", "nosuchrun"])
    assert (removed.run, str(removed.folder)) == ("d4e5f6", run.directory)
    assert counts(backdoor) == before
    assert all(before.values())
    assert registry.run("a1b2c3") == detail


def test_a_run_that_lives_is_not_removed_nor_are_those_named_with_it(registry, record, make_run):
    record("a1b2c3")
    writer = registry.start(make_run("d4e5f6"))
    with pytest.raises(RegistryError) as caught:
        registry.remove(["a1b2c3", "d4e5f6"])
    assert str(caught.value).startswith(f"run d4e5f6 is being trained by process {os.getpid()} on ")
    assert str(caught.value).endswith("end it first; nothing was removed")
    assert {run.id for run in registry.runs()} == {"a1b2c3", "d4e5f6"}
    writer.close()
    assert len(registry.remove(["a1b2c3", "d4e5f6"])) == 2
    assert registry.runs() == []


def test_a_lost_run_is_removed(registry, make_run, backdoor):
    writer = registry.start(make_run())
    backdoor.silence(61)
    assert registry.remove(["a1b2c3"])
    with pytest.warns(GenpolicyWarning, match="was removed from"):
        writer.finish("finished")


def own_folder(folder):
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "step").write_text("weights")
    marks.mark(folder, folder.name, "/nowhere.db")


def test_a_runs_own_folder_is_removed_and_what_is_linked_into_it_stays(tmp_path):
    own_folder(tmp_path / "a1b2c3")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").write_text("precious")
    (tmp_path / "a1b2c3" / "data").symlink_to(tmp_path / "data")
    remove_folder("a1b2c3", tmp_path / "a1b2c3", "/nowhere.db")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert (tmp_path / "data" / "mine").read_text() == "precious"


def test_a_folder_that_is_not_the_runs_own_is_left(tmp_path):
    own_folder(tmp_path / "project")
    own_folder(tmp_path / "elsewhere" / "d4e5f6")
    (tmp_path / "d4e5f6").symlink_to(tmp_path / "elsewhere" / "d4e5f6")
    (tmp_path / "thesis" / "checkpoints").mkdir(parents=True)
    (tmp_path / "thesis" / "recipe.toml").write_text("precious")
    own_folder(tmp_path / "0a0a0a")
    (tmp_path / "0a0a0a" / ".run").write_text("precious")
    for run, name, reason in (
        ("a1b2c3", "project", "it is not named after the run"),
        ("d4e5f6", "d4e5f6", "it is a link"),
        ("thesis", "thesis", NOT_MARKED),
        ("0a0a0a", "0a0a0a", NOT_MARKED),
        ("nowhere", "nowhere", "it is not there"),
    ):
        with pytest.raises(RegistryError) as caught:
            remove_folder(run, tmp_path / name, "/nowhere.db")
        folder = str(tmp_path / name)
        assert str(caught.value) == f"the folder {folder!r} was not removed: {reason}"
    assert (tmp_path / "project" / "checkpoints" / "step").exists()
    assert (tmp_path / "d4e5f6" / "checkpoints" / "step").exists()
    assert (tmp_path / "thesis" / "recipe.toml").exists()
    assert (tmp_path / "0a0a0a" / "checkpoints" / "step").exists()


def test_the_folder_of_a_run_that_lives_is_left_whatever_a_copied_registry_says(
    registry, make_run, tmp_path
):
    run = make_run()
    own_folder(Path(run.directory))
    writer = registry.start(run)
    with Registry.open(tmp_path / "copy.db") as copy:
        copy.merge(registry.rows("a1b2c3"))
        (removed,) = copy.remove(["a1b2c3"])
    sentence = rf"the run is being trained there by process {os.getpid()} on "
    with pytest.raises(RegistryError, match=sentence):
        remove_folder(removed.run, removed.folder, copy.place)
    assert writer.finish("finished")
    with pytest.raises(RegistryError, match=r"its run is recorded in .*, which is there too"):
        remove_folder(removed.run, removed.folder, copy.place)
    assert removed.folder.exists()
    remove_folder(removed.run, removed.folder, registry.place)
    assert not removed.folder.exists()


def test_a_folder_whose_registry_is_gone_or_the_same_by_another_name_is_removed(tmp_path):
    here, link = tmp_path / "here.db", tmp_path / "link.db"
    here.touch()
    link.symlink_to(here)
    for registry in (str(link), "/nowhere.db"):
        folder = tmp_path / "a1b2c3"
        folder.mkdir()
        marks.mark(folder, "a1b2c3", registry)
        remove_folder("a1b2c3", folder, str(here))
        assert not folder.exists()


def test_a_folder_that_may_not_be_removed_is_told(open_folder, as_nobody):
    own_folder(open_folder / "a1b2c3")
    told = as_nobody(lambda: remove_folder("a1b2c3", open_folder / "a1b2c3", "/nowhere.db"))
    folder = str(open_folder / "a1b2c3")
    assert told == f"RegistryError: the folder {folder!r} could not be removed: Permission denied"


def test_a_silent_run_is_reaped_and_told_when_it_was_last_heard_of(registry, make_run, backdoor):
    writer = registry.start(make_run())
    backdoor.silence(61)
    heard = registry.run("a1b2c3").heartbeat
    assert [run.run for run in registry.lost()] == ["a1b2c3"]
    assert registry.run("a1b2c3").state == "lost", "looking marks nothing"
    (reaped,) = registry.reap()
    detail = registry.run("a1b2c3")
    assert (detail.state, detail.message) == ("interrupted", reaped.message)
    assert reaped.message.startswith(f"last heard of at {heard:%Y-%m-%d %H:%M:%S} UTC; process ")
    assert reaped.message.endswith("did not report for over a minute")
    assert detail.heartbeat == detail.finished == heard
    assert [(event.kind, event.message) for event in detail.events] == [("reaped", reaped.message)]
    assert registry.reap() == []
    with pytest.warns(GenpolicyWarning):
        writer.close()


def test_a_run_whose_process_is_dead_is_reaped_at_once(registry, make_run, backdoor, dead_process):
    writer = registry.start(make_run())
    assert registry.reap() == [], "it lives"
    backdoor.set_runs(owner_pid=dead_process)
    (reaped,) = registry.reap()
    assert f"process {dead_process} on " in reaped.message
    assert reaped.message.endswith(" has ended")
    with pytest.warns(GenpolicyWarning):
        writer.close()


def test_a_run_that_was_let_go_is_reaped_after_a_minute(registry, make_run, backdoor):
    registry.start(make_run()).close()
    assert registry.reap() == []
    backdoor.silence(61)
    (reaped,) = registry.reap()
    assert reaped.message.endswith("no process trained it then")


def test_ended_and_queued_runs_are_not_reaped(registry, record, backdoor):
    record("a1b2c3")
    backdoor.silence(1000)
    for state in ("finished", "failed", "interrupted", "queued"):
        backdoor.set_runs(state=state)
        assert registry.reap() == []
    backdoor.set_runs(state="running", heartbeat=None)
    assert [run.message for run in registry.reap()] == ["it was never heard of"]


def test_a_process_that_comes_back_to_a_reaped_run_stops(registry, make_run, metrics, backdoor):
    run = make_run()
    problems = []
    writer = registry.start(run, on_problem=problems.append)
    writer.on_metrics(metrics(1))
    assert writer.flush()
    backdoor.silence(61)
    registry.reap()
    writer.on_metrics(metrics(2))
    with pytest.raises(RunError) as caught:
        writer.before_checkpoint()
    assert str(caught.value) == (
        "run a1b2c3 was marked as interrupted, since nothing was heard of it; this one stops"
    )
    assert not writer.finish("failed", "stopped")
    assert registry.run("a1b2c3").state == "interrupted"
    assert [record.step for record in registry.run("a1b2c3").metrics] == [1]
    assert (Path(run.directory) / "unrecorded.jsonl").exists()


def test_a_reaped_run_is_resumed_to_its_end(registry, make_run, metrics, backdoor):
    registry.start(make_run()).close()
    backdoor.silence(61)
    registry.reap()
    writer = registry.claim("a1b2c3")
    writer.rewind(0)
    writer.on_metrics(metrics(5))
    assert writer.finish("finished")
    detail = registry.run("a1b2c3")
    assert (detail.state, detail.message, detail.step) == ("finished", "", 5)
    assert [event.kind for event in detail.events] == ["reaped", "resumed"]


def test_reaping_leaves_a_run_that_another_just_resumed(location, registry, make_run, backdoor):
    registry.start(make_run()).close()
    backdoor.silence(61)
    with Registry.open(location) as other:
        writer = other.claim("a1b2c3")
        assert registry.reap() == []
        assert [run.id for run in registry.runs(RunQuery(states=("running",)))] == ["a1b2c3"]
        assert writer.finish("finished")
