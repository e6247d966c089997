"""Trackers: mirrors of a run's metrics in other programs."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from genpolicy.observer import Observer
from genpolicy.recipe import Recipe
from genpolicy.records import (
    ArtifactRecord,
    EvaluationRecord,
    EventRecord,
    MetricsRecord,
    RunStart,
)


class TrackerRecipe(Recipe, ABC):
    """A named tracker."""

    @abstractmethod
    def open(self, run: RunStart) -> Observer:
        """Return an observer that mirrors a run which begins, or goes on, now."""


class Guarded(Observer):
    """Passes on what it is told until that fails once, and then says so and keeps quiet.

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
        self._observer: Observer | None = None
        try:
            self._observer = tracker.open(run)
        except Exception as error:
            self._give_up(error)

    def on_stage(self, name: str, first_step: int, last_step: int) -> None:
        """Pass it on."""
        self._tell(lambda observer: observer.on_stage(name, first_step, last_step))

    def on_step(self, step: int) -> None:
        """Pass it on."""
        self._tell(lambda observer: observer.on_step(step))

    def on_metrics(self, record: MetricsRecord) -> None:
        """Pass it on."""
        self._tell(lambda observer: observer.on_metrics(record))

    def on_evaluation(self, record: EvaluationRecord) -> None:
        """Pass it on."""
        self._tell(lambda observer: observer.on_evaluation(record))

    def before_checkpoint(self) -> None:
        """Pass it on."""
        self._tell(lambda observer: observer.before_checkpoint())

    def on_artifact(self, record: ArtifactRecord) -> None:
        """Pass it on."""
        self._tell(lambda observer: observer.on_artifact(record))

    def on_event(self, record: EventRecord) -> None:
        """Pass it on."""
        self._tell(lambda observer: observer.on_event(record))

    def _tell(self, call: Callable[[Observer], None]) -> None:
        if self._observer is None:
            return
        try:
            call(self._observer)
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Leave the tracker alone: a mirror that breaks must not end a run."""
        self._observer = None
        self._say(f"tracker {self._name!r} failed and is left alone: {error}")
