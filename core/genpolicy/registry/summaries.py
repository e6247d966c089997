"""What the registry says of a run: frozen records that know nothing of tables."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from genpolicy.intervals import Interval
from genpolicy.records import (
    ArtifactRecord,
    EvaluationRecord,
    MetricsRecord,
    ReportedState,
    RunStart,
    normalised,
)
from genpolicy.registry.episode_sums import EpisodeSums


@attrs.frozen(kw_only=True)
class RunSummary:
    """One line about a run.

    Args:
        id: Its identifier.
        state: Its state.
        created: When it was entered, in UTC.
        started: When it was first started, in UTC.
        seconds: How long it was trained, pauses before a resumption left out.
        step: How many steps of the whole run were reported.
        dataset: What the user called its data.
        fingerprint: SHA-256 of the data's content, in hexadecimal.
        recipe_hash: SHA-256 of the recipe without its seed, in hexadecimal.
        parts: Full names of its parts by slot.
        reference: The reference policy that it measured, if it trained nothing.
        seed: Its seed.
        device: Where it was trained, such as ``"cpu"``.
        parent: The run that it continues or repeats, if any.
        tags: Words attached to it.
        sums: What the episodes of its final evaluation come to.
        random_return: The reference return of random actions there, where one is known.
        expert_return: The reference return of an expert there, where one is known.
        protocol: Under which protocol that was made.
        selection: Which checkpoint it is of.
        settings: The values of its recipe by key, such as ``"objective.beta"``, if asked for.
    """

    id: str
    state: ReportedState
    created: datetime
    started: datetime | None
    seconds: float
    step: int
    dataset: str
    fingerprint: str
    recipe_hash: str
    parts: Mapping[str, str]
    reference: str | None
    seed: int
    device: str
    parent: str | None
    tags: tuple[str, ...]
    sums: EpisodeSums
    random_return: float | None
    expert_return: float | None
    protocol: str | None
    selection: str | None
    settings: Mapping[str, Any] = attrs.field(factory=dict)

    def setting(self, key: str) -> Any:
        """Return a value of its recipe as it can be compared, or ``None`` if it has none such.

        Lists become tuples, and an option that is set to nothing is ``"none"``.
        """
        value = self.settings.get(key)
        if key in self.settings and value is None:
            return "none"
        return tuple(value) if isinstance(value, list) else value

    @property
    def score(self) -> Interval | None:
        """The final normalised score, if there is one."""
        found = self.return_
        return found and normalised(found, self.random_return, self.expert_return)

    @property
    def return_(self) -> Interval | None:
        """The final return, if it was evaluated."""
        return self.sums.return_interval()

    @property
    def success(self) -> Interval | None:
        """The final share of solved episodes, where the environment tells."""
        return self.sums.success_interval()

    @property
    def episodes(self) -> int:
        """How many episodes these stand on."""
        return self.sums.episode_count


@attrs.frozen(kw_only=True)
class TimedText:
    """An event or a note, and when it was recorded.

    Args:
        kind: The event's kind, or ``"note"``.
        message: What happened, in words.
        step: Steps of the whole run taken before it.
        time: When it was recorded, in UTC.
    """

    kind: str
    message: str
    step: int
    time: datetime


@attrs.frozen(kw_only=True)
class RunDetail:
    """All that is recorded of a run.

    Args:
        start: What was known when it started.
        state: Its state.
        message: Why it ended so, in words.
        created: When it was entered, in UTC.
        started: When it was first started, in UTC.
        finished: When it ended, in UTC.
        heartbeat: When it was last heard of, in UTC.
        seconds: How long it was trained, pauses before a resumption left out.
        step: How many steps of the whole run were reported.
        resumed_from: The step it was last resumed from, if it was.
        evaluations: Every evaluation with its episodes, oldest first.
        metrics: Every record of metrics by step.
        artifacts: The files it wrote, oldest first.
        events: What happened, oldest first.
        notes: What people wrote about it, oldest first.
    """

    start: RunStart
    state: ReportedState
    message: str
    created: datetime
    started: datetime | None
    finished: datetime | None
    heartbeat: datetime | None
    seconds: float
    step: int
    resumed_from: int | None
    evaluations: tuple[EvaluationRecord, ...]
    metrics: tuple[MetricsRecord, ...]
    artifacts: tuple[ArtifactRecord, ...]
    events: tuple[TimedText, ...]
    notes: tuple[TimedText, ...]

    @property
    def id(self) -> str:
        """Its identifier."""
        return self.start.id

    @property
    def final_evaluation(self) -> EvaluationRecord | None:
        """The evaluation that its final score stands on, if there is one."""
        return final_of(self.evaluations)


def final_of(evaluations: "tuple[EvaluationRecord, ...]") -> EvaluationRecord | None:
    """Return the newest evaluation of the last checkpoint, else of another selected one."""
    selected = [record for record in evaluations if record.selection is not None]
    return max(
        enumerate(selected),
        key=lambda item: (item[1].selection == "last", item[1].step, item[0]),
        default=(0, None),
    )[1]
