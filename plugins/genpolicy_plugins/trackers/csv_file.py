"""Metrics and scores as lines of a CSV file in the run's folder."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TextIO

import attrs

from genpolicy import TrackerRecipe, option
from genpolicy.errors import RunError
from genpolicy.records import RunStart, RunState
from genpolicy_plugins.trackers.mirror import Board, Mirror

COLUMNS: Final = ("step", "stage", "name", "value")


@attrs.frozen(kw_only=True)
class Csv(TrackerRecipe):
    """A file with the columns step, stage, name and value."""

    path: str = option(
        "metrics.csv", help="the file, from the run's folder; {run} stands for the run's id"
    )

    def open(self, run: RunStart) -> Mirror:
        """Return who writes the file."""
        return Mirror(_File(Path(run.directory) / self.path.replace("{run}", run.id)))


class _File(Board):
    """A file that is whole after every line, whatever becomes of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def begin(self, resumed: int | None) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if resumed is None and self._path.exists():
            raise RunError(
                f"{str(self._path)!r} exists and may be another run's; put {{run}} into "
                "tracker.csv.path"
            )
        kept = [] if resumed is None else list(self._rows_until(resumed))
        draft = self._path.with_name(f"{self._path.name}.draft")
        with draft.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *kept])
        draft.replace(self._path)
        self._file = self._path.open("a", newline="", encoding="utf-8")

    def write(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        assert self._file is not None
        rows = [(step, stage, name, value) for name, value in values.items()]
        csv.writer(self._file, lineterminator="\n").writerows(rows)
        self._file.flush()

    def end(self, state: RunState, message: str) -> None:
        assert self._file is not None
        self._file.close()

    def _rows_until(self, step: int) -> Iterator[list[str]]:
        """Yield the rows that will not be told again; a last line may have been cut short."""
        if not self._path.exists():
            return
        with self._path.open(newline="", encoding="utf-8") as file:
            whole = (line for line in file if line.endswith("\n"))
            for row in csv.reader(whole):
                told = len(row) == len(COLUMNS) and row[0].isdecimal() and int(row[0]) <= step
                if told and not row[2].startswith("evaluation/"):
                    yield row
