import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from genpolicy.errors import GenpolicyWarning, RegistryError, UnknownRunError
from genpolicy.records import ArtifactRecord
from genpolicy.registry import Registry, marks
from genpolicy.registry.processes import Owner, is_dead, this_process


def test_resuming_forgets_what_came_after_the_step(registry, make_run, make_evaluation, metrics):
    writer = registry.start(make_run())
    for step in (50, 100, 150):
        writer.on_metrics(metrics(step))
        writer.on_evaluation(make_evaluation(1.0, step=step))
        writer.on_artifact(
            ArtifactRecord(kind="checkpoint", path=f"/{step}", sha256="0", bytes=1, step=step)
        )
    writer.finish("interrupted", "stopped by the user")
    writer = registry.claim("a1b2")
    assert len(registry.run("a1b2c3").metrics) == 3, "a claim deletes nothing"
    assert registry.run("a1b2c3").message == "stopped by the user"
    writer.rewind(100)
    detail = registry.run("a1b2c3")
    for records in (detail.metrics, detail.evaluations, detail.artifacts):
        assert [record.step for record in records] == [50, 100]
    assert (detail.state, detail.message, detail.finished) == ("running", "", None)
    assert (detail.step, detail.resumed_from) == (100, 100)
    assert (detail.events[-1].kind, detail.events[-1].step) == ("resumed", 100)
    writer.on_metrics(metrics(150))
    assert writer.finish("finished")
    assert [record.step for record in registry.run("a1b2c3").metrics] == [50, 100, 150]


def test_other_runs_keep_what_they_have(registry, make_run, metrics):
    for name in ("first1", "second"):
        writer = registry.start(make_run(name))
        writer.on_metrics(metrics(10))
        writer.finish("interrupted")
    writer = registry.claim("first1")
    writer.rewind(0)
    writer.close()
    assert registry.run("first1").metrics == ()
    assert len(registry.run("second").metrics) == 1


def test_a_pause_does_not_count_as_training_time(registry, make_run, backdoor):
    registry.start(make_run()).finish("interrupted")
    backdoor.silence(120)
    registry.claim("a1b2c3").finish("finished")
    assert registry.run("a1b2c3").seconds < 60


def test_a_run_that_this_process_trains_is_refused(registry, make_run, metrics):
    writer = registry.start(make_run())
    with pytest.raises(RegistryError) as caught:
        registry.claim("a1b2c3")
    assert str(caught.value) == (
        f"run a1b2c3 is being trained by process {os.getpid()} on {socket.gethostname()}, "
        "last heard of 0 s ago; wait for it to end, or end it, before resuming"
    )
    writer.on_metrics(metrics(1))
    assert writer.finish("finished"), "the refusal did it no harm"


@pytest.fixture
def other_process(location, make_run):
    """A process that trains a run of its own and waits."""
    code = (
        "import sys; from genpolicy.registry import Registry; "
        f"writer = Registry.open({location!r}).claim('a1b2c3'); "
        "print('ready', flush=True); sys.stdin.read()"
    )
    with Registry.open(location) as registry:
        registry.start(make_run()).close()
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.communicate()


def test_another_process_is_respected_while_it_lives_and_no_longer(registry, other_process):
    with pytest.raises(RegistryError, match=f"trained by process {other_process.pid} on"):
        registry.claim("a1b2c3")
    other_process.send_signal(signal.SIGKILL)
    other_process.wait()
    assert registry.run("a1b2c3").state == "running"
    assert registry.claim("a1b2c3").finish("finished")


def test_a_killed_process_that_nobody_reaped_is_dead_as_well(registry, other_process):
    other_process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, other_process.pid, os.WEXITED | os.WNOWAIT)
    assert registry.claim("a1b2c3").close()


def test_a_run_that_lives_is_not_resumed_through_a_copy_of_its_registry(
    registry, make_run, tmp_path
):
    run = make_run()
    Path(run.directory).mkdir(parents=True)
    marks.mark(Path(run.directory), "a1b2c3", "/nowhere.db")
    writer = registry.start(run)
    with Registry.open(tmp_path / "copy.db") as copy:
        copy.merge(registry.rows("a1b2c3"))
        with pytest.raises(RegistryError) as caught:
            copy.claim("a1b2c3")
        assert str(caught.value).startswith(
            f"run a1b2c3 is being trained by process {os.getpid()} on "
        )
        assert str(caught.value).endswith(
            "which records it in another registry; wait for it to end, or end it, before resuming"
        )
        writer.close()
        copy.claim("a1b2c3").close()


def test_a_run_on_another_host_is_free_once_it_is_silent(registry, make_run, backdoor):
    registry.start(make_run()).close()
    backdoor.set_runs(owner="x", owner_host="elsewhere pid:[1]", owner_pid=1)
    with pytest.raises(RegistryError, match="trained by process 1 on elsewhere, last heard of"):
        registry.claim("a1b2c3")
    backdoor.silence(120)
    assert registry.claim("a1b2c3").close()


def test_of_two_that_resume_one_gets_the_run(location, registry, make_run):
    registry.start(make_run()).finish("failed")
    with Registry.open(location) as other:
        writer = other.claim("a1b2c3")
        with pytest.raises(RegistryError, match="is being trained"):
            registry.claim("a1b2c3")
        writer.finish("finished")


def test_a_run_that_was_claimed_alone_is_left_as_it_was(registry, make_run, metrics):
    writer = registry.start(make_run())
    writer.on_metrics(metrics(70))
    writer.finish("failed", "no luck")
    before = registry.run("a1b2c3")
    assert registry.claim("a1b2c3").close()
    after = registry.run("a1b2c3")
    for name in ("state", "message", "finished", "step", "resumed_from", "metrics", "events"):
        assert getattr(after, name) == getattr(before, name), name
    assert after.step == 70


def test_a_claimed_run_is_refused_before_it_goes_on(location, registry, make_run):
    registry.start(make_run()).finish("interrupted")
    with Registry.open(location) as other:
        writer = other.claim("a1b2c3")
        assert registry.run("a1b2c3").state == "interrupted"
        with pytest.raises(RegistryError, match="is being trained"):
            registry.claim("a1b2c3")
        writer.rewind(0)
        assert writer.finish("finished")


def test_a_finished_run_is_not_taken_over(registry, make_run):
    writer = registry.start(make_run())
    writer.on_artifact(ArtifactRecord(kind="agent", path="/agent", sha256="0", bytes=1, step=100))
    assert writer.finish("finished")
    before = registry.run("a1b2c3")
    with pytest.raises(RegistryError) as caught:
        registry.claim("a1b2c3")
    assert str(caught.value) == (
        "run a1b2c3 was finished meanwhile; there is nothing left to resume"
    )
    assert registry.run("a1b2c3") == before


def test_one_that_was_taken_over_cannot_rewind(registry, make_run, metrics, backdoor):
    first = registry.start(make_run())
    first.on_metrics(metrics(5))
    assert first.flush()
    backdoor.silence(120)
    second = registry.claim("a1b2c3")
    with pytest.raises(RegistryError, match="was taken over by another process"):
        first.rewind(0)
    assert [record.step for record in registry.run("a1b2c3").metrics] == [5]
    assert second.finish("finished")
    with pytest.warns(GenpolicyWarning, match="which has let it go since"):
        assert not first.close()


def test_an_unknown_run_cannot_be_resumed(registry):
    with pytest.raises(UnknownRunError):
        registry.claim("nothing")


def test_a_process_elsewhere_is_never_known_to_be_dead():
    mine = this_process("token")
    assert not is_dead(mine)
    assert not is_dead(Owner("token", "elsewhere", 2**22))
    assert not is_dead(Owner("token", mine.host, 1))
