"""Writes down a run as it goes, without ever making the training step wait."""

import warnings
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import attrs

from genpolicy.errors import GenpolicyWarning, RunError
from genpolicy.observer import Observer
from genpolicy.records import (
    ArtifactRecord,
    EvaluationRecord,
    EventRecord,
    MetricsRecord,
    RunState,
)
from genpolicy.registry import marks
from genpolicy.registry.backlog import Backlog
from genpolicy.registry.claims import Claim
from genpolicy.registry.recorder import Recorder
from genpolicy.registry.spill import RELEASED, RESUMED, STATE, Spill

_CHECKPOINT_PATIENCE: Final = 5.0  # seconds


def warn(problem: str) -> None:
    """Say that something could not be recorded."""
    warnings.warn(problem, GenpolicyWarning, stacklevel=2)


class RunWriter(Observer):
    """Records a run that this process has claimed.

    A thread of its own writes what it is told about twice a second, evaluations and artifacts at
    once, in the order in which they came, and reports every few seconds that the run is alive.
    Nothing told here raises because of the database: what it does not take is appended to
    ``unrecorded.jsonl`` in the run's directory, as it would have been stored. One matter stops the
    run, in :meth:`before_checkpoint`: that another process has taken it over, whose checkpoints
    this one would overwrite.

    Args:
        claim: The claimed run.
        step: Steps of the whole run taken so far.
        on_problem: Told once, in words, when something could not be recorded.
    """

    def __init__(
        self, claim: Claim, step: int = 0, on_problem: Callable[[str], None] = warn
    ) -> None:
        self.run_id = claim.run_id
        self._claim = claim
        self._places = claim.database.places
        self._backlog = Backlog(step)
        self._spill = Spill(claim.start, claim.owner, claim.database.places)
        path = Path(claim.start.directory) / marks.FILE_NAME
        self._mark = marks.Mark(path, claim.run_id, claim.owner, claim.database.place)
        self._mark.hold()
        self._recorder = Recorder(claim, self._backlog, self._spill, self._mark, on_problem)
        self._ended = False

    @property
    def problem(self) -> str | None:
        """What went wrong first with recording, in words, if anything did."""
        return self._recorder.problem

    def rewind(self, step: int) -> None:
        """Go on after a step of a run that was claimed again, forgetting what came after it.

        Args:
            step: Steps of the whole run taken before its checkpoint.

        Raises:
            RegistryError: The registry cannot be written, or another process took the run over.
        """
        self._backlog.step = step
        time = datetime.now(UTC)
        self._claim.rewind(step, time)
        with suppress(OSError):
            self._spill.add_if_there(RESUMED, {"step": step}, time)

    def on_stage(self, name: str, first_step: int, last_step: int) -> None:
        """Record that a stage begins."""
        message = f"{name}: steps {first_step} to {last_step}"
        self.on_event(EventRecord(kind="stage", message=message, step=first_step))

    def on_step(self, step: int) -> None:
        """Remember how far the run is; it is written with the next sign of life."""
        self._backlog.step = step

    def on_metrics(self, record: MetricsRecord) -> None:
        """Record metrics."""
        self._backlog.add(record)

    def on_evaluation(self, record: EvaluationRecord) -> None:
        """Record an evaluation at once."""
        self._backlog.add(record, urgent=True)

    def on_artifact(self, record: ArtifactRecord) -> None:
        """Record an artifact at once, with everything that came before it."""
        stored = attrs.evolve(record, path=self._places.encode(record.path))
        self._backlog.add(stored, urgent=True)

    def on_event(self, record: EventRecord) -> None:
        """Record an event."""
        self._backlog.add(record)

    def before_checkpoint(self) -> None:
        """Wait a moment for what was told so far; a slow disk or a lock delays no run for long.

        Raises:
            RunError: Another process, which resumed the run, writes its checkpoints now.
        """
        self.flush(_CHECKPOINT_PATIENCE)
        if self._recorder.taken_over is not None:
            raise RunError(f"{self._recorder.taken_over}; this one stops")

    def flush(self, seconds: float = 60.0) -> bool:
        """Wait until everything told so far is on disk, at most so many seconds.

        Returns:
            Whether it is, be it in the registry or in ``unrecorded.jsonl``.
        """
        return self._backlog.flush(seconds)

    def finish(self, state: RunState, message: str = "") -> bool:
        """Write the rest and the final state, and give the run up.

        Args:
            state: ``"finished"``, ``"failed"`` or ``"interrupted"``.
            message: Why, in words.

        Returns:
            Whether the registry holds all of the run; otherwise :attr:`problem` says why not.
        """
        self._drain()
        if not self._ended:
            self._ended = True
            text = "; ".join(filter(None, (message, self.problem)))
            self._recorder.conclude(
                lambda: self._claim.finish(state, text),
                STATE,
                {"state": state, "message": message},
            )
            self._mark.let_go()
        return self.problem is None

    def close(self) -> bool:
        """Write the rest and give the run up without a final state; it can be resumed at once.

        Returns:
            Whether the registry holds all that was told.
        """
        self._drain()
        if not self._ended:
            self._ended = True
            self._recorder.conclude(self._claim.release, RELEASED, {})
            self._mark.let_go()
        return self.problem is None

    def _drain(self) -> None:
        self._backlog.close()
        self._recorder.join()
