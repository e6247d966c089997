"""Metrics and scores as lines of JSON, in a file in the run's folder."""

import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs

from genpolicy import Observer, TrackerRecipe, option
from genpolicy.records import EvaluationRecord, MetricsRecord, RunStart


class ExampleObserver(Observer):
    """Writes on a thread of its own, so that training never waits for a disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = ThreadPoolExecutor(max_workers=1)
        self._last: Future[None] | None = None

    def on_metrics(self, record: MetricsRecord) -> None:
        """Write the metrics of the last stretch of training."""
        self._tell({"stage": record.stage, "step": record.step, **record.values})

    def on_evaluation(self, record: EvaluationRecord) -> None:
        """Write the mean return of an evaluation."""
        self._tell({"stage": record.stage, "step": record.step, "return": record.return_.mean})

    def before_checkpoint(self) -> None:
        """Wait until what was told is in the file."""
        if self._last is not None:
            self._last.result()

    def _tell(self, facts: Mapping[str, Any]) -> None:
        self._last = self._writer.submit(self._write, json.dumps(facts))

    def _write(self, line: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


@attrs.frozen(kw_only=True)
class Example(TrackerRecipe):
    """Lines of JSON."""

    file: str = option("metrics.jsonl", help="name of the file in the run's folder")

    def open(self, run: RunStart) -> ExampleObserver:
        """Return who writes them; a run that goes on adds to its file."""
        folder = Path(run.directory)
        folder.mkdir(parents=True, exist_ok=True)
        return ExampleObserver(folder / self.file)
