"""Whoever wants to know how a run goes: the registry, the progress display, trackers."""

from genpolicy.records import (
    ArtifactRecord,
    EvaluationRecord,
    EventRecord,
    MetricsRecord,
    RunState,
)


class Observer:
    """Told about a run as it goes; every method may be left as it is.

    Methods are called between training steps on the training thread and return at once, but for
    ``before_checkpoint`` and ``on_end``: whoever writes to a disk or a network does so on a thread
    of its own. What a tracker opens is called on such a thread, and may take its time.
    """

    def on_stage(self, name: str, first_step: int, last_step: int) -> None:
        """A stage begins, covering steps ``first_step`` up to ``last_step`` of the whole run."""

    def on_step(self, step: int) -> None:
        """``step`` steps of the whole run were taken; called about every few dozen steps."""

    def on_metrics(self, record: MetricsRecord) -> None:
        """Metrics of the last stretch of training are known."""

    def on_evaluation(self, record: EvaluationRecord) -> None:
        """A policy was scored."""

    def before_checkpoint(self) -> None:
        """A checkpoint is about to be published: make durable what was told so far.

        Then whoever resumes from it finds every record that came before. May wait, briefly.
        """

    def on_artifact(self, record: ArtifactRecord) -> None:
        """A checkpoint or an agent was written."""

    def on_event(self, record: EventRecord) -> None:
        """Something else happened."""

    def on_end(self, state: RunState, message: str) -> None:
        """The run is over, and recorded: nothing is told after this. May wait, briefly.

        Args:
            state: ``"finished"``, ``"failed"`` or ``"interrupted"``; the latter two may go on.
            message: Why, in words, if there is a reason.
        """
