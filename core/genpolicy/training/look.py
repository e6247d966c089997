"""A score of an agent in training, which may come later than it is asked for."""

from collections.abc import Callable, Sequence

import attrs

from genpolicy.agent import Agent
from genpolicy.evaluation.evaluator import Evaluator
from genpolicy.evaluation.scoring import Entry, Outcome, acting_parts, score_together
from genpolicy.evaluation.worker import Task
from genpolicy.evaluation.workers import Pending, Workers
from genpolicy.packed_agent import PackedAgent
from genpolicy.records import EvaluationRecord, Selection
from genpolicy.training.learner import Learner


@attrs.define(eq=False, kw_only=True)
class Look:
    """A score that is sought: of a look during training, or of the finished agent.

    Whoever drives a run takes it before the next step, alone or with those of other runs.

    Args:
        agent: Who is scored, with the weights that it has when the look is taken.
        evaluator: Scores it.
        stage: The training stage that the record names.
        step: The training step that the record names.
        selection: Which checkpoint it is; ``None`` for a look.
        keep: Whether the agent as it was scored is needed afterwards.
        go_on: Called before every decision; what it raises ends the evaluation.
        workers: Who plays it, if they do.
    """

    agent: Agent
    evaluator: Evaluator
    stage: str
    step: int
    selection: Selection | None = None
    keep: bool = False
    go_on: Callable[[], None] = lambda: None
    workers: Workers | None = None
    packed: PackedAgent | None = attrs.field(default=None, init=False)
    oddity: str | None = attrs.field(default=None, init=False)
    _sitting: "_Sitting | None" = attrs.field(default=None, init=False)

    def take(self, learner: Learner | None = None) -> None:
        """Score the agent as it is now, or send it to be scored."""
        take_together([self])

    def wait(self, seconds: float | None = 0.0) -> bool:
        """Wait for the score, for so long or until it comes; returns whether it is there."""
        assert self._sitting is not None, "whoever drives a run takes its looks"
        return self._sitting.wait(seconds)

    def record(self) -> EvaluationRecord:
        """Return the score, and wait for it if need be.

        Raises:
            Exception: What the agent's parts or the environment raise.
        """
        assert self._sitting is not None, "whoever drives a run takes its looks"
        outcome = self._sitting.outcome(self)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    @property
    def _alike(self) -> str:
        facts = (self.stage, self.step, self.selection, self.evaluator.protocol)
        return repr((*facts, self.evaluator.environment, acting_parts(self.agent)))


def take_together(looks: Sequence[Look]) -> None:
    """Take looks of runs that train together: agents that act alike are scored as one."""
    groups: dict[str, list[Look]] = {}
    for look in looks:
        groups.setdefault(look._alike, []).append(look)
    for group in groups.values():
        sitting = _Sitting(group)
        for look in group:
            look._sitting = sitting


class _Sitting:
    """Looks that are taken together, here or by a worker."""

    def __init__(self, looks: Sequence[Look]) -> None:
        self._looks = looks
        self._pending: Pending | None = None
        self._outcomes: list[Outcome] = []
        workers = looks[0].workers
        sends = workers is not None and workers.willing
        for look in looks:
            look.packed = look.agent.packed() if look.keep or sends else None
        if workers is not None and sends:
            self._pending = workers.play(self._task())
        else:
            self._score([look.agent for look in looks])

    def wait(self, seconds: float | None) -> bool:
        return self._pending is None or self._pending.wait(seconds)

    def outcome(self, look: Look) -> Outcome:
        """Return what became of a look; what no worker could play is played here."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.wait(None)
            assert pending.answer is not None
            if isinstance(pending.answer, str):
                self._score(pending.task.unpacked())
                look.oddity = self._oddity()
            else:
                self._outcomes = list(pending.answer)
        return self._outcomes[self._looks.index(look)]

    def _oddity(self) -> str | None:
        workers = self._looks[0].workers
        why = workers.complaint() if workers is not None else None
        return f"{why}; looks are played in the training process from here on" if why else None

    def _score(self, agents: Sequence[Agent]) -> None:
        first = self._looks[0]
        entries = [
            Entry(agent, look.evaluator, look.go_on)
            for agent, look in zip(agents, self._looks, strict=True)
        ]
        self._outcomes = score_together(
            entries, stage=first.stage, step=first.step, selection=first.selection
        )

    def _task(self) -> Task:
        first = self._looks[0]
        return Task(
            agents=[look.packed for look in self._looks if look.packed is not None],
            device=str(first.agent.device),
            threads=first.agent.recipe.train.threads,
            environment=first.evaluator.environment,
            protocol=first.evaluator.protocol,
            reference=first.evaluator.reference,
            stage=first.stage,
            step=first.step,
            selection=first.selection,
        )
