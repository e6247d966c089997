"""What a run kept beside it is recorded later, as if nothing had happened."""

import contextlib
import json
import math
import os
import signal
import time
from pathlib import Path

import attrs
import pytest

from disks import small_disk
from genpolicy.errors import RegistryError, UsageError
from genpolicy.records import ArtifactRecord, EventRecord, MetricsRecord
from genpolicy.registry import Registry, claims, recorder
from genpolicy.registry.imports import Import
from genpolicy.registry.unrecorded import Unrecorded, set_aside
from timeless import timeless


@pytest.fixture(autouse=True)
def little_patience(monkeypatch):
    monkeypatch.setattr("genpolicy.registry.sqlite.BUSY_SECONDS", 0.05)
    monkeypatch.setattr(recorder, "PATIENCE_SECONDS", 0.2)


@pytest.fixture
def trouble(monkeypatch):
    """Make a database refuse what is written to it, for a while."""

    def refuse(self, *arguments):
        raise RegistryError("the database is gone")

    @contextlib.contextmanager
    def enter():
        with monkeypatch.context() as patched:
            for name in ("write", "finish", "release"):
                patched.setattr(claims.Claim, name, refuse)
            yield

    return enter


@pytest.fixture
def untroubled(tmp_path):
    """A registry that nothing happens to."""
    (tmp_path / "calm").mkdir()
    with Registry.open(tmp_path / "calm" / "registry.db") as registry:
        yield registry


@pytest.fixture
def tell(make_evaluation):
    """Tell a writer a third of what happens in a run: 0, 1 or 2."""

    def act(writer, part):
        step = 10 * (part + 1)
        writer.on_stage(f"stage-{part}", step - 10, step)
        for at in (step - 5, step):
            values = {"loss": 1.0 / at, "odd": math.nan}
            writer.on_metrics(MetricsRecord(stage="policy", step=at, values=values))
        writer.on_evaluation(make_evaluation(1.0, -math.inf, step=step, selection=None))
        folder = Path(writer._claim.start.directory)
        path = str(folder / "checkpoints" / f"{step}")
        writer.on_artifact(
            ArtifactRecord(kind="checkpoint", path=path, sha256="ab", bytes=step, step=step)
        )
        writer.on_event(EventRecord(kind="warning", message="odd", step=step))
        writer.on_evaluation(make_evaluation(float(part), step=step, selection="last"))
        assert writer.flush(5)
        time.sleep(0.002)  # SQLite's clock counts milliseconds

    return act


@pytest.fixture
def take(registry, tmp_path):
    def act(source, into=None):
        importing = Import(into or registry, tmp_path / "runs")
        (taken,) = importing.take(str(source))
        return taken

    return act


def start(registry, run):
    return registry.start(run, on_problem=lambda problem: None)


def wait_until(true):
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def never_resumed(told):
    """What is told of a run, as if it had not been resumed."""
    events = tuple(event for event in told["events"] if event["kind"] != "resumed")
    return {**told, "events": events, "resumed_from": None}


def kept(run):
    return Path(run.directory) / "unrecorded.jsonl"


def same(one, two):
    """Whether two tell the same, NaN being what NaN is; what differs is printed."""
    for name in one if isinstance(one, dict) else ():
        if repr(one[name]) != repr(two[name]):
            print(f"{name}:", one[name], two[name], sep="\n")
    return repr(one) == repr(two)


@pytest.fixture
def calm(untroubled, make_run, tell):
    """What is told of a run that nothing happened to."""

    def act(state="finished", parts=3):
        writer = untroubled.start(make_run(tags=("a",)))
        for part in range(parts):
            tell(writer, part)
        assert writer.finish(state, "done")
        return timeless(untroubled.run("a1b2c3"))

    return act


@pytest.mark.parametrize(
    ("state", "troubled"),
    [("finished", (0, 2)), ("finished", (1,)), ("failed", (0, 1, 2)), ("interrupted", (2,))],
)
def test_a_registry_tells_the_same_as_one_never_troubled(
    registry, make_run, tell, take, trouble, calm, state, troubled
):
    expected = calm(state)
    run = make_run(tags=("a",))
    writer = start(registry, run)
    for part in range(3):
        with trouble() if part in troubled else contextlib.nullcontext():
            tell(writer, part)
    with trouble() if 2 in troubled else contextlib.nullcontext():
        assert not writer.finish(state, "done")
    assert not same(timeless(registry.run("a1b2c3")), expected)
    assert take(run.directory).outcome == "completed"
    detail = registry.run("a1b2c3")
    assert same(timeless(detail), expected)
    times = [event.time for event in detail.events]
    assert times == sorted(times)
    assert detail.created <= detail.started <= times[0] <= times[-1] <= detail.finished


def test_a_run_that_the_registry_does_not_know_is_entered(
    registry, make_run, tell, take, trouble, calm, backdoor
):
    expected = calm()
    run = make_run(tags=("a",))
    writer = start(registry, run)
    with trouble():
        for part in range(3):
            tell(writer, part)
        assert not writer.finish("finished", "done")
    backdoor.silence(61)
    before = registry.run("a1b2c3")
    registry.remove(["a1b2c3"])
    taken = take(run.directory)
    assert (taken.outcome, taken.message) == (
        "entered",
        "with 21 records that it kept beside it; it is finished now",
    )
    detail = registry.run("a1b2c3")
    assert same(timeless(detail), expected)
    assert detail.start == run
    assert abs((detail.created - before.created).total_seconds()) < 2
    assert 0 <= detail.seconds < 10


def test_taking_the_file_in_again_changes_nothing(registry, make_run, tell, take, trouble):
    run = make_run()
    writer = start(registry, run)
    with trouble():
        tell(writer, 0)
        writer.finish("finished")
    content = kept(run).read_bytes()
    take(run.directory)
    done = kept(run).with_name("unrecorded.jsonl.imported")
    assert (kept(run).exists(), done.read_bytes()) == (False, content), "it is kept"
    before = registry.rows("a1b2c3")
    assert take(done).message == "its records were there"
    kept(run).write_bytes(content)
    assert take(kept(run)).outcome == "unchanged"
    assert same(registry.rows("a1b2c3"), before)
    assert sorted(path.name for path in kept(run).parent.iterdir()) == [
        "unrecorded.jsonl.imported",
        "unrecorded.jsonl.imported1",
    ]
    assert take(run.directory).message == "it was there, with no unrecorded.jsonl beside it"


def test_what_a_resumed_run_forgot_is_not_taken_in(
    registry, make_run, tell, take, trouble, metrics, calm, backdoor
):
    expected = calm("finished", parts=2)
    run = make_run(tags=("a",))
    writer = start(registry, run)
    tell(writer, 0)
    with trouble():
        writer.on_metrics(MetricsRecord(stage="policy", step=11, values={"astray": 1.0}))
        writer.finish("failed", "the disk is full")
    backdoor.silence(61)
    resumed = registry.claim("a1b2c3", on_problem=lambda problem: None)
    resumed.rewind(10)
    with trouble():
        tell(resumed, 1)
    assert not resumed.finish("finished", "done")
    take(run.directory)
    found = timeless(registry.run("a1b2c3"))
    assert [event["kind"] for event in found["events"]].count("resumed") == 1
    assert same(never_resumed(found), expected)


def test_the_end_of_a_run_that_was_resumed_since_rules(
    registry, make_run, tell, take, trouble, metrics, backdoor
):
    run = make_run()
    writer = start(registry, run)
    with trouble():
        tell(writer, 0)
        writer.on_metrics(metrics(99))
        writer.finish("failed", "the disk is full")
    backdoor.silence(61)
    resumed = registry.claim("a1b2c3")
    resumed.rewind(10)
    resumed.on_metrics(metrics(15))
    assert resumed.finish("finished", "done")
    assert take(run.directory).outcome == "completed"
    detail = registry.run("a1b2c3")
    assert (detail.state, detail.message, detail.step) == ("finished", "done", 15)
    assert [record.step for record in detail.metrics] == [5, 10, 15]


def test_a_line_that_was_cut_off_is_passed_over_and_told(
    registry, make_run, tell, take, trouble, backdoor
):
    run = make_run()
    writer = start(registry, run)
    with trouble():
        tell(writer, 0)
        writer.finish("finished")
    whole = kept(run).read_bytes()
    kept(run).write_bytes(whole[:-30])
    os.utime(kept(run), (0, 0))
    backdoor.silence(61)
    taken = take(run.directory)
    assert taken.outcome == "completed"
    assert taken.message.endswith(
        "; passed over a line that cannot be read, as when cut off by a kill"
    )
    detail = registry.run("a1b2c3")
    assert len(detail.metrics) == 2
    assert detail.state == "running", "the end was in the line that was cut off"


def test_a_process_that_goes_on_after_a_torn_line_does_not_lose_its_own(
    registry, make_run, metrics, take, trouble
):
    run = make_run()
    kept(run).parent.mkdir(parents=True)
    kept(run).write_text('{"run": "a1b2c3", "record": "Metr')
    writer = start(registry, run)
    with trouble():
        writer.on_metrics(metrics(1))
        writer.finish("finished")
    taken = take(run.directory)
    assert "passed over a line that cannot be read" in taken.message
    assert [record.step for record in registry.run("a1b2c3").metrics] == [1]


def test_a_record_that_no_database_takes_is_left_and_the_others_are_not(
    registry, make_run, metrics, take
):
    run = make_run()
    writer = start(registry, run)
    writer.on_metrics(metrics(1))
    writer.on_metrics(MetricsRecord(stage="policy", step=2, values={"loss": "low"}))
    writer.on_event(EventRecord(kind=None, message="kindless", step=3))
    assert not writer.finish("finished", "done")
    taken = take(run.directory)
    assert taken.message.endswith("; 2 cannot be recorded and stay in the file")
    detail = registry.run("a1b2c3")
    assert (detail.state, detail.message) == ("finished", "done")
    assert [record.step for record in detail.metrics] == [1]


def test_what_was_told_after_the_run_was_lost_is_not_taken_in(
    registry, make_run, metrics, take, backdoor
):
    run = make_run()
    writer = start(registry, run)
    backdoor.silence(61)
    registry.reap()
    writer.on_metrics(metrics(5))
    writer.finish("failed", "stopped")
    taken = take(run.directory)
    assert taken.message.endswith("passed over 2 lines of a process that had lost the run by then")
    detail = registry.run("a1b2c3")
    assert (detail.state, detail.metrics) == ("interrupted", ())


def test_a_run_that_lives_is_refused(registry, make_run, metrics, take, trouble, tmp_path):
    run = make_run()
    writer = start(registry, run)
    with trouble():
        writer.on_metrics(metrics(1))
        assert writer.flush(5)
        sentence = (
            rf"run a1b2c3 is being trained by process {os.getpid()} on .*, last heard of \d s "
            "ago; wait for it to end, or end it, before taking its records in"
        )
        with pytest.raises(RegistryError, match=sentence):
            take(run.directory)
        with (
            Registry.open(tmp_path / "new.db") as other,
            pytest.raises(RegistryError, match=sentence),
        ):
            take(run.directory, into=other)
    assert kept(run).exists()
    writer.close()
    assert take(run.directory).outcome == "completed"


def test_a_live_run_is_refused_though_its_file_is_old(registry, make_run, metrics, take, trouble):
    run = make_run()
    writer = start(registry, run)
    with trouble():
        writer.on_metrics(metrics(1))
        assert writer.flush(5)
    os.utime(kept(run), (0, 0))
    with pytest.raises(RegistryError, match="is being trained by process"):
        take(run.directory)
    writer.close()


def test_the_file_shows_that_the_process_lives(registry, make_run, trouble, monkeypatch):
    monkeypatch.setattr(recorder, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.01)
    run = make_run()
    writer = start(registry, run)
    with trouble():
        wait_until(kept(run).exists)
        os.utime(kept(run), (0, 0))
        wait_until(lambda: kept(run).stat().st_mtime > 0)
        writer.close()


def test_a_file_that_does_not_say_what_the_run_was_is_refused(
    registry, make_run, metrics, take, trouble, backdoor
):
    run = make_run()
    writer = start(registry, run)
    with trouble():
        writer.on_metrics(metrics(1))
        writer.close()
    lines = kept(run).read_text().splitlines(keepends=True)
    kept(run).write_text("".join(lines[1:]))
    backdoor.silence(61)
    registry.remove(["a1b2c3"])
    with pytest.raises(RegistryError) as caught:
        take(run.directory)
    assert str(caught.value) == (
        f"{registry.name} holds no run 'a1b2c3', and what is kept in "
        f"{str(kept(run).parent)!r} does not say what it was; import the registry that it was "
        "started in first"
    )


def test_files_that_are_none_are_refused(take, tmp_path):
    path = tmp_path / "unrecorded.jsonl"
    path.write_text("dear diary\n")
    with pytest.raises(RegistryError, match="holds no records of a run; nothing was taken in"):
        take(path)
    line = {"record": "released", "time": "2026-01-01T00:00:00+00:00"}
    path.write_text("".join(json.dumps({**line, "run": run}) + "\n" for run in "ab"))
    with pytest.raises(RegistryError, match="tells of several runs; nothing was taken in"):
        take(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(RegistryError, match="cannot be read: Is a directory"):
        take(tmp_path)


def test_a_folder_whose_file_was_taken_in_elsewhere_tells_so(take, tmp_path):
    (tmp_path / "a1b2c3").mkdir()
    (tmp_path / "a1b2c3" / "unrecorded.jsonl.imported").touch()
    with pytest.raises(UsageError, match=r"were taken in before and are in '.*imported'$"):
        take(tmp_path / "a1b2c3")


def test_a_registry_that_vanished_and_came_back_is_as_if_it_had_not(
    path, registry, make_run, tell, take, calm
):
    expected = calm()
    run = make_run(tags=("a",))
    writer = start(registry, run)
    tell(writer, 0)
    hidden = path.with_name("hidden.db")
    path.rename(hidden)
    tell(writer, 1)
    hidden.rename(path)
    tell(writer, 2)
    assert not writer.finish("finished", "done")
    take(run.directory)
    assert same(timeless(registry.run("a1b2c3")), expected)


def test_a_registry_that_vanished_for_good_is_made_anew_from_its_copy_and_the_file(
    path, registry, make_run, tell, take, calm, tmp_path
):
    expected = calm()
    run = make_run(tags=("a",))
    writer = start(registry, run)
    tell(writer, 0)
    moved = path.rename(tmp_path / "moved.db")
    for log in tmp_path.glob("registry.db-*"):
        log.rename(tmp_path / log.name.replace("registry", "moved"))
    tell(writer, 1)
    tell(writer, 2)
    assert not writer.finish("finished", "done")
    with Registry.open(path) as new:
        assert take(moved, into=new).outcome == "entered"
        assert take(run.directory, into=new).outcome == "completed"
        assert same(timeless(new.run("a1b2c3")), expected)


def test_a_disk_that_was_full_for_a_while_is_as_if_it_had_not(
    path, make_run, tell, take, calm, tmp_path
):
    expected = calm()
    run = make_run(tags=("a",))
    with small_disk(tmp_path / "disk", "4m") as disk, Registry.open(disk / "r.db") as registry:
        writer = start(registry, run)
        tell(writer, 0)
        with contextlib.suppress(OSError):
            (disk / "filler").write_bytes(b"x" * 20_000_000)
        for part in (1, 2):
            tell(writer, part)
            writer.on_event(EventRecord(kind="warning", message="x" * 200_000, step=25))
        (disk / "filler").unlink()
        assert not writer.finish("finished", "done")
        take(run.directory, into=registry)
        found = timeless(registry.run("a1b2c3"))
        assert [len(event["message"]) for event in found["events"]].count(200_000) == 2
        found["events"] = tuple(e for e in found["events"] if len(e["message"]) < 99)
        assert same(found, expected)


def test_a_process_that_was_killed_leaves_a_run_that_goes_on(
    path, registry, make_run, tell, take, calm
):
    expected = calm()
    run = make_run(tags=("a",))
    child = os.fork()
    if child == 0:
        with Registry.open(path) as own:
            writer = start(own, run)
            tell(writer, 0)
            path.rename(path.with_name("hidden.db"))
            tell(writer, 1)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    path.with_name("hidden.db").rename(path)
    assert len(registry.run("a1b2c3").metrics) == 2
    assert take(run.directory).message == "it got 7 records that it kept beside it"
    writer = registry.claim("a1b2c3")
    writer.rewind(20)
    tell(writer, 2)
    assert writer.finish("finished", "done")
    assert same(never_resumed(timeless(registry.run("a1b2c3"))), expected)


def test_a_file_that_cannot_be_renamed_is_not_taken_in(
    registry, make_run, tell, take, trouble, monkeypatch
):
    run = make_run()
    writer = start(registry, run)
    with trouble():
        tell(writer, 0)
        writer.finish("finished")

    def fail(self, target):
        raise OSError(13, "Permission denied")

    before = registry.rows("a1b2c3")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", fail)
        with pytest.raises(RegistryError, match=r"cannot be renamed: .*; nothing was taken in"):
            take(run.directory)
    assert same(registry.rows("a1b2c3"), before)
    assert take(run.directory).outcome == "completed"


def test_a_kill_before_the_file_is_renamed_doubles_nothing(
    registry, make_run, tell, take, trouble, monkeypatch
):
    run = make_run()
    writer = start(registry, run)
    with trouble():
        tell(writer, 0)
        writer.finish("finished")

    rename = Path.rename

    def fail(self, target):
        if target.name.endswith("imported"):
            raise OSError(13, "Permission denied")
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", fail)
        with pytest.raises(RegistryError, match=r"cannot be renamed: .*; remove it by hand"):
            take(run.directory)
    assert not kept(run).exists()
    before = registry.rows("a1b2c3")
    assert take(run.directory).outcome == "unchanged"
    assert same(registry.rows("a1b2c3"), before)


def test_what_a_process_tells_while_the_file_is_taken_in_is_taken_in_next(
    registry, make_run, metrics, take, trouble, monkeypatch
):
    run = make_run()
    writer = start(registry, run)
    with trouble():
        writer.on_metrics(metrics(1))
        writer.finish("interrupted")
    put_away, resumed = Unrecorded.put_away, []

    def while_another_goes_on(self):
        resumed.append(registry.claim("a1b2c3", on_problem=lambda problem: None))
        resumed[0].rewind(1)
        with trouble():
            resumed[0].on_metrics(metrics(2))
            assert resumed[0].flush(5)
        put_away(self)

    with monkeypatch.context() as patched:
        patched.setattr(Unrecorded, "put_away", while_another_goes_on)
        take(run.directory)
    resumed[0].on_metrics(metrics(3))
    assert not resumed[0].finish("finished")
    assert [record.step for record in registry.run("a1b2c3").metrics] == [1, 3]
    assert take(run.directory).outcome == "completed"
    assert [record.step for record in registry.run("a1b2c3").metrics] == [1, 2, 3]


def test_a_file_that_a_killed_import_left_is_taken_in_by_the_next(
    registry, make_run, metrics, trouble, backdoor, tmp_path
):
    run = make_run()
    writer = start(registry, run)
    with trouble():
        writer.on_metrics(metrics(1))
        writer.close()
        left = set_aside(kept(run))
        backdoor.silence(61)
        resumed = registry.claim("a1b2c3", on_problem=lambda problem: None)
        resumed.on_metrics(metrics(2))
        resumed.close()
    backdoor.silence(61)
    taken = list(Import(registry, tmp_path / "runs").take(run.directory))
    assert [each.outcome for each in taken] == ["completed", "completed"]
    assert [record.step for record in registry.run("a1b2c3").metrics] == [1, 2]
    assert (left.exists(), kept(run).exists()) == (False, False)


@pytest.mark.parametrize("is_told", [True, False], ids=["", "though the file does not say so"])
def test_a_file_taken_in_again_brings_nothing_back_that_was_forgotten_since(
    registry, make_run, make_evaluation, metrics, take, trouble, backdoor, is_told
):
    run = make_run()
    writer = start(registry, run)
    writer.on_metrics(metrics(10))
    assert writer.flush()
    with trouble():
        writer.on_metrics(metrics(90))
        writer.on_evaluation(make_evaluation(9.0, step=90))
        writer.finish("failed", "boom")
    done = kept(run)
    if is_told:
        take(done)
        done = done.with_name("unrecorded.jsonl.imported")
    content = done.read_bytes()
    backdoor.silence(61)
    writer = registry.claim("a1b2c3")
    writer.rewind(10)
    writer.on_metrics(metrics(20))
    writer.on_evaluation(make_evaluation(50.0, step=80))
    writer.finish("finished", "done")
    done.write_bytes(content)
    before = registry.rows("a1b2c3")
    assert take(done).outcome == "unchanged"
    assert same(registry.rows("a1b2c3"), before)
    detail = registry.run("a1b2c3")
    assert (detail.state, detail.message, detail.step) == ("finished", "done", 80)


def test_an_event_of_which_the_commit_was_told_as_failed_is_there_once(
    registry, make_run, metrics, take, monkeypatch
):
    run, write, calls = make_run(), claims.Claim.write, []

    def lose_the_answer(self, told, step):
        write(self, told, step)
        calls.append(told)
        raise RegistryError("the connection was lost")

    writer = start(registry, run)
    with monkeypatch.context() as patched:
        patched.setattr(claims.Claim, "write", lose_the_answer)
        writer.on_event(EventRecord(kind="warning", message="once", step=1))
        writer.on_event(EventRecord(kind="warning", message="twice", step=1))
        writer.on_event(EventRecord(kind="warning", message="twice", step=1))
        assert writer.flush(5)
    assert len(calls) > 1
    assert not writer.finish("finished")
    for _ in range(2):
        messages = [event.message for event in registry.run("a1b2c3").events]
        assert messages == ["once", "twice", "twice"]
        take(run.directory)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("MetricsRecord", {"step": "7"}),
        ("MetricsRecord", {"step": 2**63}),
        ("MetricsRecord", {"values": [1]}),
        ("MetricsRecord", {"stage": ["policy"]}),
        ("MetricsRecord", {"time": "2026-01-01T00:00:00"}),
        ("state", {"state": "banana"}),
        ("start", {"owner_pid": "me"}),
        ("start", {"id": "d4e5f6"}),
    ],
)
def test_a_line_of_another_form_is_passed_over(registry, make_run, metrics, take, kind, changes):
    run = make_run()
    registry.start(run).close()
    line = {
        "run": "a1b2c3",
        "record": kind,
        "time": "2026-01-01T00:00:00+00:00",
        "state": "failed",
        "message": "",
        **attrs.asdict(run),
        **{f"owner_{name}": 1 for name in ("token", "host", "pid")},
        **attrs.asdict(metrics(1)),
    }
    kept(run).parent.mkdir(parents=True)
    kept(run).write_text(f"{json.dumps(line)}\n{json.dumps({**line, **changes})}\n")
    os.utime(kept(run), (0, 0))
    taken = take(run.directory)
    assert "; passed over a line that cannot be read" in taken.message
    detail = registry.run("a1b2c3")
    assert detail.state == ("failed" if kind == "state" else "running")
    assert len(detail.metrics) == (kind == "MetricsRecord")
