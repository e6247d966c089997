"""Metrics and scores as lines of JSON, in a file in the run's folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from genpolicy import Observer, TrackerRecipe, option
from genpolicy.records import EvaluationRecord, MetricsRecord, RunStart


class ExampleObserver(Observer):
    """Adds a line to a file; it is told on a thread of its own, and may take its time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_metrics(self, record: MetricsRecord) -> None:
        """Write the metrics of the last stretch of training."""
        self._tell({"stage": record.stage, "step": record.step, **record.values})

    def on_evaluation(self, record: EvaluationRecord) -> None:
        """Write the mean return of an evaluation."""
        self._tell({"stage": record.stage, "step": record.step, "return": record.return_.mean})

    def _tell(self, facts: Mapping[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")


@attrs.frozen(kw_only=True)
class Example(TrackerRecipe):
    """Lines of JSON."""

    file: str = option("metrics.jsonl", help="name of the file in the run's folder")

    def open(self, run: RunStart) -> ExampleObserver:
        """Return who writes them; a run that goes on adds to its file."""
        folder = Path(run.directory)
        folder.mkdir(parents=True, exist_ok=True)
        return ExampleObserver(folder / self.file)
