"""Scoring agents, of which several that are alike but for their weights act as one."""

import time
from collections.abc import Callable, Sequence

import attrs
import torch

from genpolicy.acting.stacked import stacked
from genpolicy.agent import Agent
from genpolicy.dataset import Floats
from genpolicy.debugging import tell
from genpolicy.evaluation.evaluator import Evaluator
from genpolicy.evaluation.play import ActAll, Asked, play_together
from genpolicy.records import EvaluationRecord, Selection
from genpolicy.training.modes import acting

Outcome = EvaluationRecord | Exception
"""A score, or why there is none."""


@attrs.frozen(eq=False)
class Entry:
    """An agent to be scored.

    Args:
        agent: The agent.
        evaluator: Scores it; nobody else's at the same time.
        go_on: Called before every decision; what it raises ends the evaluation.
    """

    agent: Agent
    evaluator: Evaluator
    go_on: Callable[[], None] = lambda: None

    def act(self, observation: Floats, generator: torch.Generator) -> Floats:
        """Decide, unless it is not to go on."""
        self.go_on()
        return self.agent.act(observation, generator)


def score_together(
    entries: Sequence[Entry], *, stage: str, step: int, selection: Selection | None
) -> list[Outcome]:
    """Score agents as each would be alone, but for rounding, and several as one where that can be.

    Args:
        entries: The agents, scored by the same protocol.
        stage: The training stage that the records name.
        step: The training step that the records name.
        selection: Which checkpoints they are.
    """
    facts = (stage, step, selection)
    with acting([model for entry in entries for model in entry.agent.models.all().values()]):
        act = _as_one(entries)
        if act is not None:
            try:
                return [*_played(entries, act, *facts)]
            except Exception as error:  # one of them is at fault: alone, it is told apart
                tell("agents that began to play as one go on alone", error)
        return [_alone(entry, *facts) for entry in entries]


def _as_one(entries: Sequence[Entry]) -> ActAll | None:
    if len({acting_parts(entry.agent) for entry in entries}) != 1 or len(entries) == 1:
        return None
    first = entries[0].agent
    few = torch.linspace(-1.0, 1.0, 3 * first.shapes.observation_dim, device=first.device)
    members = [(entry.agent.decide, entry.agent.models.all()) for entry in entries]
    together = stacked(members, few.reshape(3, -1))
    if together is None:
        return None

    def act(asked: Sequence[Asked | None]) -> Sequence[Floats | None]:
        for entry in entries:
            entry.go_on()
        return together(asked)

    return act


def acting_parts(agent: Agent) -> str:
    """Return in words what agents that act as one share; what losses read is not among it."""
    parts = agent.recipe.as_json()["parts"]
    return repr(
        {slot: part for slot, part in parts.items() if slot not in ("objective", "dataset")}
    )


def _played(
    entries: Sequence[Entry], act: ActAll, stage: str, step: int, selection: Selection | None
) -> list[EvaluationRecord]:
    plays = [entry.evaluator.play() for entry in entries]
    start = time.perf_counter()
    play_together(plays, act)
    seconds = (time.perf_counter() - start) / len(entries)
    return [
        entry.evaluator.record(play, seconds, stage=stage, step=step, selection=selection)
        for entry, play in zip(entries, plays, strict=True)
    ]


def _alone(entry: Entry, stage: str, step: int, selection: Selection | None) -> Outcome:
    try:
        return entry.evaluator.evaluate(entry.act, stage=stage, step=step, selection=selection)
    except Exception as error:
        return error
