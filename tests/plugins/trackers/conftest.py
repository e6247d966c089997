"""A run to mirror, and where MLflow keeps its runs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from genpolicy.records import (
    DatasetRecord,
    EpisodeRecord,
    EvaluationRecord,
    EventRecord,
    MetricsRecord,
    PartRecord,
    RunStart,
)
from genpolicy.tracker import TrackerRecipe


@pytest.fixture(scope="session", autouse=True)
def silence() -> Iterator[None]:
    """Let no library report to its makers from tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_ERROR_REPORTING", "false")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        yield


@pytest.fixture(scope="session")
def store(silence: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database for all tests: MLflow takes seconds to make one."""
    place = f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"
    try:
        from mlflow.tracking import MlflowClient
    except ImportError:
        return place
    MlflowClient(tracking_uri=place)
    return place


@pytest.fixture(scope="session", autouse=True)
def service(silence: None) -> Iterator[None]:
    """End wandb's process after the last test."""
    yield
    try:
        import wandb
    except ImportError:
        return
    wandb.teardown()


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep what this machine's user has set, and what libraries set for the process, out of it."""
    for name in ("WANDB_MODE", "WANDB_PROJECT", "WANDB_RUN_GROUP", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> RunStart:
    options = {"hidden": [8, 8], "dropout": 0.1, "norm": None}
    return RunStart(
        id=f"run{tmp_path.name.encode().hex()[-24:]}",
        seed=3,
        recipe={
            "parts": {"network": {"name": "genpolicy/mlp", "options": options}},
            "train": {"ema": 0.9, "schedule": "constant"},
            "evaluation": {"episodes": 2},
        },
        recipe_hash="ab" * 32,
        origins={},
        parts=(
            PartRecord(
                slot="network",
                kind="network",
                name="genpolicy/mlp",
                distribution="genpolicy",
                version="0",
                source_hash="0" * 64,
                options=options,
            ),
        ),
        dataset=DatasetRecord(name="tiny", fingerprint="cd" * 32, transitions=8, episodes=1),
        directory=str(tmp_path / "runs" / "one"),
        device="cpu",
        versions={},
        host={},
        tags=("red", "blue"),
    )


Tell = Callable[..., None]


@pytest.fixture
def tell(run: RunStart, final: EvaluationRecord) -> Tell:
    """Tell a tracker a run's course, or what is left of it."""

    def course(
        tracker: TrackerRecipe, first: int = 0, last: int = 400, state: str | None = "finished"
    ) -> None:
        observer = tracker.open(run)
        if first:
            observer.on_event(EventRecord(kind="resumed", message="", step=first))
        observer.on_stage("policy", 0, 400)
        for step in range(first + 100, last + 1, 100):
            values = {"policy/loss": step / 1000, "policy/odd": float("nan")}
            observer.on_metrics(MetricsRecord(stage="policy", step=step, values=values))
        if state is not None:
            if state == "finished":
                observer.on_evaluation(final)
            observer.on_end(state, "" if state == "finished" else "there is a reason")

    return course


@pytest.fixture
def final() -> EvaluationRecord:
    def episode(return_: float) -> EpisodeRecord:
        return EpisodeRecord(
            return_=return_, length=3, success=return_ > 0, steps_to_success=None, seed=1
        )

    return EvaluationRecord(
        stage="policy",
        step=400,
        protocol="default",
        selection="last",
        environment={},
        seed=1,
        episodes=(episode(0.0), episode(2.0)),
        random_return=0.0,
        expert_return=4.0,
    )
