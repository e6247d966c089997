"""Runs that are stopped, killed, resumed, and runs at the same time."""

import random
import signal
import time

import pytest

from genpolicy.registry import Registry

LONG = (
    "objective=bc",
    "objective.steps=2000",
    "objective.batch_size=16",
    "network=mlp",
    "network.hidden=16",
    "evaluation.episodes=2",
    "evaluation.environments=2",
    "train.looks=0",
    "train.checkpoint_seconds=0.1",
)
pytestmark = pytest.mark.slow


def wait_for_checkpoint(folder):
    deadline = time.monotonic() + 60
    while not [*folder.glob("runs/*/checkpoints/step-*.safetensors")]:
        assert time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.02)


def only_run(folder):
    with Registry.open(folder / "registry.db", read_only=True) as registry:
        (run,) = registry.runs()
        return registry.run(run.id)


def left_behind(folder):
    """Return what must not depend on interruptions."""
    run = only_run(folder)
    weights = folder / "runs" / run.id / "agent" / "weights.safetensors"
    metrics = [(m.stage, m.step, dict(m.values)) for m in run.metrics]
    return run.state, weights.read_bytes(), metrics, run.final_evaluation.episodes


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, program):
    folder = tmp_path_factory.mktemp("undisturbed")
    done = program("run", *LONG, cwd=folder)
    assert done.status == 0, done.err
    return left_behind(folder)


def test_a_killed_run_resumes_to_what_it_would_have_been(place, begin, program, undisturbed):
    process = begin("run", *LONG, cwd=place)
    wait_for_checkpoint(place)
    delay = random.uniform(0.0, 1.0)
    time.sleep(delay)
    process.kill()
    process.communicate()
    run = only_run(place)
    assert run.state == "running", f"killed too late, after {delay} s"
    done = program("resume", run.id[:10], cwd=place)
    assert done.status == 0, done.err
    assert f"run {run.id} goes on at step" in done.err
    assert left_behind(place) == undisturbed, f"killed {delay} s after the first checkpoint"


def stop(place, begin, number):
    """Begin a long run, send it a signal, and return what it said."""
    process = begin("run", *LONG, cwd=place)
    wait_for_checkpoint(place)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == 130, err
    return err


def test_a_stopped_run_saves_a_checkpoint_and_can_be_resumed(place, begin, program, undisturbed):
    err = stop(place, begin, signal.SIGINT)
    assert "stopping with a checkpoint; once more to stop at once" in err
    run = only_run(place)
    assert run.state == "interrupted"
    assert f"`agent resume {run.id}` goes on from there" in err
    assert f"was stopped at step {run.step} of 2000" in run.message
    done = program("resume", run.id, cwd=place)
    assert done.status == 0, done.err
    assert left_behind(place) == undisturbed


def test_being_told_to_terminate_stops_a_run_as_well(place, begin):
    stop(place, begin, signal.SIGTERM)
    assert only_run(place).state == "interrupted"


def test_a_live_run_cannot_be_resumed(place, begin, program):
    process = begin("run", *LONG, "objective.steps=1000000", cwd=place)
    wait_for_checkpoint(place)
    done = program("resume", only_run(place).id, cwd=place)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert done.status == 4
    assert f"is being trained by process {process.pid}" in done.err
    assert only_run(place).state == "interrupted"


def test_two_runs_write_one_registry_at_once(place, begin, tiny):
    both = [begin("run", *tiny, "--seed", seed, cwd=place) for seed in ("1", "2")]
    for process in both:
        _, err = process.communicate()
        assert process.returncode == 0, err
    with Registry.open(place / "registry.db", read_only=True) as registry:
        runs = registry.runs()
        assert {run.seed for run in runs} == {1, 2}
        assert {run.state for run in runs} == {"finished"}
        assert all(len(registry.run(run.id).evaluations) == 2 for run in runs)
