"""Runs started by a Python user: how they end is recorded."""

import os
import socket
import sqlite3
from contextlib import closing

import pytest
import torch

from genpolicy.errors import CheckpointError, DataError, RegistryError, RunError, StoppedError
from genpolicy.observer import Observer
from genpolicy.registry import Registry
from genpolicy.runs import launch, resumption

STEPS = ("objective.steps=8", "objective.batch_size=4", "train.log_every=2")


@pytest.fixture
def registry(tmp_path):
    with Registry.open(tmp_path / "registry.db") as registry:
        yield registry


@pytest.fixture
def begin(small_recipe, make_dataset, registry, tmp_path):
    """Start a tiny run."""

    def start(*arguments, **options):
        return launch.start(
            small_recipe("bc", *STEPS, *arguments),
            make_dataset(),
            registry=registry,
            output=tmp_path / "runs",
            device=torch.device("cpu"),
            **options,
        )

    return start


class Raising(Observer):
    """Raises when the first stage begins."""

    def __init__(self, error):
        self.error = error

    def on_stage(self, name, first_step, last_step):
        raise self.error


def test_a_run_that_ends_well_is_finished(begin, registry):
    started = begin(tags=("a", "a", "b"))
    result = started.run()
    run = registry.run(started.run_id)
    assert run.state == "finished"
    assert run.start.tags == ("a", "b")
    assert run.start.directory == str(result.folder.parent)
    assert result.problem is None
    assert result.evaluation is None
    assert (result.folder / "agent.json").is_file()
    assert {artifact.kind for artifact in run.artifacts} == {"checkpoint", "agent"}


def test_a_run_that_is_asked_to_stop_is_interrupted(begin, registry):
    started = begin()
    started.stop()
    with pytest.raises(StoppedError, match="was stopped at step 1 of 8"):
        started.run()
    run = registry.run(started.run_id)
    assert run.state == "interrupted"
    assert run.message.startswith(f"run {run.id} was stopped at step 1 of 8")


def test_a_run_that_is_interrupted_at_once_says_so(begin, registry):
    started = begin()
    with pytest.raises(KeyboardInterrupt):
        started.run([Raising(KeyboardInterrupt())])
    run = registry.run(started.run_id)
    assert run.state == "interrupted"
    assert run.message == "ended at once; the last checkpoint is kept"


def test_a_run_that_fails_is_failed_with_the_reason(begin, registry):
    started = begin()
    with pytest.raises(OSError, match="no space"):
        started.run([Raising(OSError("no space left"))])
    run = registry.run(started.run_id)
    assert run.state == "failed"
    assert run.message == "OSError: no space left"


def test_what_goes_wrong_in_a_part_names_the_part(begin, registry, monkeypatch, tmp_path):
    started = begin()
    network = started.runner.learner.models.roles["policy"].network
    monkeypatch.setattr(network, "encode", lambda condition: condition[:, :0])
    with pytest.raises(RunError, match=r"network 'mlp' of genpolicy .* failed at step 0 of 8"):
        started.run()
    assert registry.run(started.run_id).state == "failed"
    assert (tmp_path / "runs" / started.run_id / "traceback.txt").is_file()


@pytest.fixture
def go_on(registry, catalogue, monkeypatch, make_dataset):
    """Resume a run, on the data that it began with."""
    monkeypatch.setattr(
        "genpolicy_plugins.datasets.pointmaze.UMaze.load", lambda self: make_dataset()
    )
    return lambda detail: resumption.resume(
        detail,
        registry=registry,
        catalogue=catalogue,
        device=torch.device("cpu"),
        say=lambda sentence: None,
    )


@pytest.fixture
def stopped(begin):
    """A run that was stopped at its first step."""
    started = begin()
    started.stop()
    with pytest.raises(StoppedError):
        started.run()
    return started


def test_an_interrupted_run_resumes_to_what_it_would_have_been(begin, registry, go_on):
    whole = begin()
    whole.run()
    half = begin()
    half.stop()
    with pytest.raises(StoppedError):
        half.run()
    resumed = go_on(registry.run(half.run_id))
    resumed.run()
    one, other = (registry.run(launched.run_id) for launched in (whole, half))
    assert other.state == "finished"
    assert other.resumed_from == 1
    assert other.metrics == one.metrics
    weights = [
        launched.runner.folder / "agent" / "weights.safetensors" for launched in (whole, half)
    ]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_run_that_was_finished_meanwhile_is_left_alone(registry, stopped, go_on):
    read_before = registry.run(stopped.run_id)
    go_on(read_before).run()
    finished = registry.run(stopped.run_id)
    with pytest.raises(RegistryError, match="was finished meanwhile; there is nothing left to"):
        go_on(read_before)
    assert registry.run(stopped.run_id) == finished
    assert "agent" in {artifact.kind for artifact in finished.artifacts}


def test_of_two_that_resume_at_once_one_is_refused_before_it_restores(
    registry, stopped, go_on, monkeypatch
):
    read_before = registry.run(stopped.run_id)
    first = go_on(read_before)
    restored = []
    monkeypatch.setattr("genpolicy.training.runner.Runner.restore", restored.append)
    with pytest.raises(RegistryError, match="is being trained by process"):
        go_on(read_before)
    assert restored == []
    first.writer.close()


def test_a_run_that_cannot_be_restored_is_given_back_as_it_was(
    registry, stopped, go_on, monkeypatch
):
    def refuse(runner, step):
        raise CheckpointError("does not fit")

    before = registry.run(stopped.run_id)
    with monkeypatch.context() as patch:
        patch.setattr("genpolicy.training.runner.Runner.restore", refuse)
        with pytest.raises(CheckpointError, match="does not fit"):
            go_on(before)
    after = registry.run(stopped.run_id)
    assert (after.state, after.message, after.step) == (before.state, before.message, before.step)
    assert after.events == before.events
    go_on(after).writer.close()


def test_half_written_checkpoints_are_swept_on_resuming(registry, stopped, go_on):
    half = stopped.runner.folder / "checkpoints" / ".step-0000000002-ab.safetensors.4711"
    half.write_bytes(b"half")
    go_on(registry.run(stopped.run_id)).writer.close()
    assert not half.exists()


def test_a_run_that_was_taken_over_writes_no_checkpoint_and_stops(begin, registry, go_on, tmp_path):
    first = begin(say=lambda text: None)
    folder = first.runner.folder / "checkpoints"
    with closing(sqlite3.connect(tmp_path / "registry.db")) as file, file:
        file.execute(
            "UPDATE runs SET heartbeat = strftime('%Y-%m-%d %H:%M:%f000', 'now', '-1 day')"
        )
    second = go_on(registry.run(first.run_id))
    with pytest.raises(RunError) as caught:
        first.run()
    assert str(caught.value) == (
        f"run {first.run_id} was taken over by another process (pid {os.getpid()} on "
        f"{socket.gethostname()}); this one stops"
    )
    assert not folder.exists()
    second.run()
    assert registry.run(first.run_id).state == "finished"


def test_other_data_is_not_resumed_on(begin, registry, catalogue, monkeypatch, make_dataset):
    half = begin()
    half.stop()
    with pytest.raises(StoppedError):
        half.run()
    monkeypatch.setattr(
        "genpolicy_plugins.datasets.pointmaze.UMaze.load", lambda self: make_dataset(seed=1)
    )
    with pytest.raises(DataError, match="bring the former back, or start a new run"):
        resumption.resume(
            registry.run(half.run_id),
            registry=registry,
            catalogue=catalogue,
            device=torch.device("cpu"),
        )


def test_a_whole_run_is_one_call(small_recipe, monkeypatch, make_dataset, tmp_path):
    monkeypatch.setattr(
        "genpolicy_plugins.datasets.pointmaze.UMaze.load", lambda self: make_dataset()
    )
    place = tmp_path / "registry.db"
    result = launch.run(
        small_recipe("bc", *STEPS), registry=str(place), output=tmp_path / "runs", device="cpu"
    )
    with Registry.open(place, read_only=True) as registry:
        assert registry.run(result.run).state == "finished"


def test_a_registry_that_cannot_be_used_is_refused_before_data_is_opened(small_recipe, tmp_path):
    recipe = small_recipe("bc", "dataset=npz:/nowhere.npz")
    with pytest.raises(RegistryError, match="is a directory"):
        launch.run(recipe, registry=str(tmp_path), output=tmp_path, device="cpu")


def test_a_folder_that_cannot_be_written_is_refused(begin, registry, tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RunError, match=r"cannot be written: .*; name another with --output"):
        begin()
    assert registry.runs() == []
