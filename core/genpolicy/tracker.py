"""Trackers: mirrors of a run's metrics in other programs."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread
from typing import Final

from genpolicy.observer import Observer
from genpolicy.recipe import Recipe
from genpolicy.records import (
    ArtifactRecord,
    EvaluationRecord,
    EventRecord,
    MetricsRecord,
    RunStart,
    RunState,
)

_CHECKPOINT_PATIENCE: Final = 1.0  # seconds
_END_PATIENCE: Final = 30.0  # seconds


class TrackerRecipe(Recipe, ABC):
    """A named tracker."""

    @abstractmethod
    def open(self, run: RunStart) -> Observer:
        """Return an observer that mirrors a run which begins, or goes on, now.

        One that goes on is told an event of kind ``"resumed"`` first, with the step from which on
        everything is told again.
        """


class Guarded(Observer):
    """Passes on what it is told until that fails once, and then says so and keeps quiet.

    A thread of its own does the telling, in the order in which things came, so that a slow tracker
    makes no training step wait. Only a checkpoint waits for it, for a moment, and the end does.

    Args:
        tracker: Opens whom to tell.
        run: The run that it mirrors.
        name: What to call it.
        say: Told about the failure, in words.
    """

    def __init__(
        self, tracker: TrackerRecipe, run: RunStart, name: str, say: Callable[[str], None]
    ) -> None:
        self._name, self._say = name, say
        self._calls: SimpleQueue[Callable[[Observer], None] | None] = SimpleQueue()
        self._caught_up = Event()
        self._thread: Thread | None = None
        try:
            observer = tracker.open(run)
        except (Exception, SystemExit) as error:  # some libraries exit
            self._report(error)
            return
        self._caught_up.set()
        self._thread = Thread(
            target=self._work, args=(observer,), name=f"tracker-{name}-{run.id}", daemon=True
        )
        self._thread.start()

    def on_stage(self, name: str, first_step: int, last_step: int) -> None:
        """Pass it on."""
        self._tell(lambda observer: observer.on_stage(name, first_step, last_step))

    def on_step(self, step: int) -> None:
        """Pass it on, unless there is news of more weight to tell."""
        if self._calls.empty():
            self._tell(lambda observer: observer.on_step(step))

    def on_metrics(self, record: MetricsRecord) -> None:
        """Pass it on."""
        self._tell(lambda observer: observer.on_metrics(record))

    def on_evaluation(self, record: EvaluationRecord) -> None:
        """Pass it on."""
        self._tell(lambda observer: observer.on_evaluation(record))

    def before_checkpoint(self) -> None:
        """Pass it on, and wait a moment; not again before the tracker has caught up."""
        if not self._works():
            return
        wait, self._caught_up = self._caught_up.is_set(), Event()
        caught_up = self._caught_up
        self._tell(lambda observer: observer.before_checkpoint())
        self._tell(lambda _: caught_up.set())
        if wait:
            caught_up.wait(_CHECKPOINT_PATIENCE)

    def on_artifact(self, record: ArtifactRecord) -> None:
        """Pass it on."""
        self._tell(lambda observer: observer.on_artifact(record))

    def on_event(self, record: EventRecord) -> None:
        """Pass it on."""
        self._tell(lambda observer: observer.on_event(record))

    def on_end(self, state: RunState, message: str) -> None:
        """Pass it on, and wait until everything was told, or for so long that it is given up."""
        if self._thread is None or not self._works():
            return
        self._tell(lambda observer: observer.on_end(state, message))
        self._calls.put(None)
        self._thread.join(_END_PATIENCE)
        if self._thread.is_alive():
            self._say(
                f"tracker {self._name!r} is not done {_END_PATIENCE:g} seconds after the run and "
                "is left alone; what it shows may lack the end"
            )

    def _works(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _tell(self, call: Callable[[Observer], None]) -> None:
        if self._works():
            self._calls.put(call)

    def _work(self, observer: Observer) -> None:
        try:
            while (call := self._calls.get()) is not None:
                call(observer)
        except BaseException as error:  # an exit of this thread must not pass unseen
            self._report(error)
            self._caught_up.set()

    def _report(self, error: BaseException) -> None:
        """Say that the tracker is left alone: a mirror that breaks must not end a run."""
        words = str(error) if isinstance(error, Exception) else ""
        reason = words or type(error).__name__
        self._say(f"tracker {self._name!r} failed and is left alone: {reason}")
