"""What MLflow's own client reads of what we wrote."""

import math
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import pytest

from genpolicy.records import MetricsRecord, RunStart
from genpolicy_plugins.trackers.mlflow_run import MLflow

pytestmark = pytest.mark.skipif(
    find_spec("mlflow") is None, reason="mlflow is not installed: genpolicy[mlflow]"
)


class Found:
    """Reads a run, of which there must be one."""

    def __init__(self, store: str, run: RunStart) -> None:
        self.store, self.run = store, run

    def client(self, store: str | None) -> Any:
        from mlflow.tracking import MlflowClient

        return MlflowClient(tracking_uri=store or self.store)

    def __call__(self, experiment: str = "genpolicy", store: str | None = None) -> Any:
        client = self.client(store)
        place = client.get_experiment_by_name(experiment).experiment_id
        (one,) = client.search_runs([place], f"tags.`genpolicy.run` = '{self.run.id}'")
        return one

    def steps(self, store: str | None = None) -> list[int]:
        client, run = self.client(store), self(store=store)
        return [each.step for each in client.get_metric_history(run.info.run_id, "policy/loss")]


@pytest.fixture
def found(store: str, run: RunStart) -> Found:
    return Found(store, run)


def test_metrics_and_scores_are_its_metrics(tell, found: Found, store: str) -> None:
    tell(MLflow(store=store))
    metrics = found().data.metrics
    assert metrics["policy/loss"] == 0.4
    assert math.isnan(metrics["policy/odd"])
    assert metrics["evaluation/score"] == 25.0
    assert found.steps() == [100, 200, 300, 400]


def test_the_recipe_is_its_parameters(tell, found: Found, store: str) -> None:
    tell(MLflow(store=store, experiment="mine"))
    data = found("mine").data
    assert data.params["network"] == "genpolicy/mlp"
    assert data.params["train.ema"] == "0.9"
    assert data.tags["genpolicy.tags"] == "red, blue"


@pytest.mark.parametrize(
    ("state", "status"),
    [("finished", "FINISHED"), ("failed", "FAILED"), ("interrupted", "KILLED")],
)
def test_the_end_is_its_status(tell, found: Found, store: str, state: str, status: str) -> None:
    tell(MLflow(store=store), state=state)
    assert found().info.status == status
    assert found().data.tags["genpolicy.message"] == (
        "" if state == "finished" else "there is a reason"
    )


def test_a_run_that_goes_on_is_the_same_run_and_has_no_step_twice(
    tell, found: Found, store: str
) -> None:
    tell(MLflow(store=store), last=300, state="interrupted")
    tell(MLflow(store=store), first=200)
    assert found.steps() == [100, 200, 300, 400]
    assert found().info.status == "FINISHED"


def test_a_run_that_it_did_not_see_begin_is_taken_up(tell, found: Found, store: str) -> None:
    tell(MLflow(store=store), first=200)
    assert found.steps() == [300, 400]


def test_many_settings_and_odd_names_are_taken(run: RunStart, found: Found, store: str) -> None:
    """MLflow refuses over a hundred parameters at once, and names with other letters."""
    many = {f"k{number}": "x" * 7000 for number in range(230)}
    recipe = {"parts": {"network": {"name": "genpolicy/mlp", "options": many}}}
    observer = MLflow(store=store).open(attrs.evolve(run, recipe=recipe))
    observer.on_metrics(MetricsRecord(stage="policy", step=1, values={"policy/|a|": 1.0}))
    observer.on_end("finished", "")
    assert len([key for key in found().data.params if key.startswith("network.k")]) == 230
    assert found().data.metrics == {"policy/_a_": 1.0}


def test_by_default_it_lies_beside_the_runs_folders(
    tell, found: Found, store: str, run: RunStart
) -> None:
    """In a database that is there already: MLflow takes seconds to make one."""
    tell(MLflow(store=store), last=100, state=None)
    beside = Path(run.directory).parent / "mlflow.db"
    beside.parent.mkdir()
    shutil.copy(store.removeprefix("sqlite:///"), beside)
    tell(MLflow(), first=100)
    assert found.steps() == [100]
    assert found.steps(f"sqlite:///{beside}") == [100, 200, 300, 400]


def test_the_environment_may_say_where(
    tell, found: Found, store: str, monkeypatch: pytest.MonkeyPatch, run: RunStart
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    tell(MLflow())
    assert found().info.status == "FINISHED"
    assert not (Path(run.directory).parent / "mlflow.db").exists()
