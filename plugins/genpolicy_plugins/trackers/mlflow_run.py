"""Metrics and scores in a run of MLflow, by default in a database beside the runs' folders."""

import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from genpolicy import TrackerRecipe, option
from genpolicy.records import RunStart, RunState
from genpolicy_plugins.trackers.contents import settings_of
from genpolicy_plugins.trackers.extras import require
from genpolicy_plugins.trackers.mirror import Board, Mirror

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_SQLITE: Final = "sqlite:///"
_PATIENCE: Final = 60  # seconds to wait while other runs write
_TAG: Final = "genpolicy.run"
_AT_ONCE: Final = 100  # parameters that MLflow takes in one call
_LONGEST: Final = 6000  # letters that it takes in one parameter
_STATUS: Final = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}


@attrs.frozen(kw_only=True)
class MLflow(TrackerRecipe):
    """A run of an experiment, with the recipe as parameters."""

    store: str | None = option(
        None, help="the tracking URI; none: MLFLOW_TRACKING_URI, else mlflow.db beside the runs"
    )
    experiment: str | None = option(
        None, help="the experiment; none: MLFLOW_EXPERIMENT_NAME, else genpolicy"
    )

    def __attrs_post_init__(self) -> None:
        require("mlflow", "mlflow")

    def open(self, run: RunStart) -> Mirror:
        """Return who writes the run."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # it reports its use otherwise
        import mlflow.tracking  # noqa: F401  # slow: before training, not beside it

        store = self.store or os.environ.get("MLFLOW_TRACKING_URI") or _beside(run)
        experiment = self.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "genpolicy"
        return Mirror(_Run(run, store, experiment))


def _beside(run: RunStart) -> str:
    folder = Path(run.directory).parent
    folder.mkdir(parents=True, exist_ok=True)
    return f"{_SQLITE}{folder / 'mlflow.db'}?timeout={_PATIENCE}"


class _Run(Board):
    def __init__(self, run: RunStart, store: str, experiment: str) -> None:
        self._start, self._store, self._experiment = run, store, experiment
        self._client: MlflowClient | None = None
        self._id = ""
        self._last: dict[str, int] | None = None

    def begin(self, resumed: int | None) -> None:
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        with _alone(self._store):
            self._client = MlflowClient(tracking_uri=self._store)
        place = _experiment(self._client, self._experiment)
        found = None if resumed is None else self._find(self._client, place)
        if found is None:
            self._id = self._create(self._client, place)
        else:
            self._id, self._last = found, {}
            self._client.update_run(found, status="RUNNING")

    def write(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        assert self._client is not None
        now = int(1000 * time.time())
        named = {re.sub(r"[^\w\-. :/]", "_", name): value for name, value in values.items()}
        new = [
            Metric(name, value, now, step)
            for name, value in named.items()
            if step > self._last_step(self._client, name)
        ]
        if new:
            self._client.log_batch(self._id, metrics=new)

    def end(self, state: RunState, message: str) -> None:
        assert self._client is not None
        self._client.set_tag(self._id, "genpolicy.message", message)
        self._client.set_terminated(self._id, _STATUS[state])

    def _find(self, client: "MlflowClient", place: str) -> str | None:
        wanted = f"tags.`{_TAG}` = '{self._start.id}'"
        found = client.search_runs([place], wanted, max_results=1)
        return str(found[0].info.run_id) if found else None

    def _create(self, client: "MlflowClient", place: str) -> str:
        from mlflow.entities import Param

        tags = {_TAG: self._start.id, "genpolicy.tags": ", ".join(self._start.tags)}
        run = client.create_run(place, run_name=self._start.id, tags=tags)
        settings = settings_of(self._start).items()
        rows = [Param(key, str(value)[:_LONGEST]) for key, value in settings]
        for first in range(0, len(rows), _AT_ONCE):
            client.log_batch(run.info.run_id, params=rows[first : first + _AT_ONCE])
        return str(run.info.run_id)

    def _last_step(self, client: "MlflowClient", name: str) -> int:
        """Return the last step of a metric that it has already, where the run goes on."""
        if self._last is None:
            return -1
        if name not in self._last:
            history = client.get_metric_history(self._id, name)
            self._last[name] = max((metric.step for metric in history), default=-1)
        return self._last[name]


@contextmanager
def _alone(store: str) -> Iterator[None]:
    """Let one process at a time make a database of SQLite: MLflow's makings get in their way."""
    folder = Path(store.removeprefix(_SQLITE)).parent
    if os.name == "nt" or not store.startswith(_SQLITE) or not folder.is_dir():
        yield
        return
    import fcntl

    place = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def _experiment(client: "MlflowClient", name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name))
    except MlflowException:  # another run may have just made it
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)
