"""What our trackers share: which of the things that a run tells they show, and where."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from genpolicy import Observer
from genpolicy.records import EvaluationRecord, EventRecord, MetricsRecord, RunState
from genpolicy_plugins.trackers.contents import scores_of


class Board(ABC):
    """Where numbers are shown."""

    @abstractmethod
    def begin(self, resumed: int | None) -> None:
        """Begin, be it to go on.

        Args:
            resumed: The step from which on everything is told again; ``None`` for a new run.
        """

    @abstractmethod
    def write(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Show numbers by name; they may be NaN or infinite."""

    @abstractmethod
    def end(self, state: RunState, message: str) -> None:
        """Show how the run ended, and close."""


class Mirror(Observer):
    """Takes metrics and scores to a board, and tells it when a run begins, goes on and ends."""

    def __init__(self, board: Board) -> None:
        self._board, self._begun = board, False

    def on_event(self, record: EventRecord) -> None:
        """Go on, where a run does."""
        if record.kind == "resumed":
            self._begin(record.step)

    def on_stage(self, name: str, first_step: int, last_step: int) -> None:
        """Begin, so that the run is seen before its first metrics."""
        self._begin(None)

    def on_metrics(self, record: MetricsRecord) -> None:
        """Show metrics."""
        self._write(record.stage, record.step, record.values)

    def on_evaluation(self, record: EvaluationRecord) -> None:
        """Show a score."""
        self._write(record.stage, record.step, scores_of(record))

    def on_end(self, state: RunState, message: str) -> None:
        """Show how the run ended."""
        self._begin(None)
        self._board.end(state, message)

    def _begin(self, resumed: int | None) -> None:
        if not self._begun:
            self._begun = True
            self._board.begin(resumed)

    def _write(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        self._begin(None)
        self._board.write(stage, step, values)
