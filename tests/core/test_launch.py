"""Runs started by a Python user: how they end is recorded."""

import pytest
import torch

from genpolicy import launch, resumption
from genpolicy.errors import DataError, RegistryError, RunError, StoppedError
from genpolicy.observer import Observer
from genpolicy.registry import Registry

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


def test_an_interrupted_run_resumes_to_what_it_would_have_been(
    begin, registry, catalogue, monkeypatch, make_dataset
):
    whole = begin()
    whole.run()
    half = begin()
    half.stop()
    with pytest.raises(StoppedError):
        half.run()
    monkeypatch.setattr(
        "genpolicy_plugins.datasets.pointmaze.UMaze.load", lambda self: make_dataset()
    )
    resumed = resumption.resume(
        registry.run(half.run_id),
        registry=registry,
        catalogue=catalogue,
        device=torch.device("cpu"),
    )
    resumed.run()
    one, other = (registry.run(launched.run_id) for launched in (whole, half))
    assert other.state == "finished"
    assert other.resumed_from == 1
    assert other.metrics == one.metrics
    weights = [
        launched.runner.folder / "agent" / "weights.safetensors" for launched in (whole, half)
    ]
    assert weights[0].read_bytes() == weights[1].read_bytes()


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
