"""What an evaluation worker does: plays what it is sent, until nobody sends any more."""

import os
import threading
import warnings
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any

import attrs
import torch

from genpolicy.agent import Agent
from genpolicy.dataset import Floats
from genpolicy.debugging import tell
from genpolicy.environment_spec import EnvironmentSpec, Reference
from genpolicy.errors import GenpolicyError, RunError
from genpolicy.evaluation.evaluator import Evaluator
from genpolicy.evaluation.protocol import Protocol
from genpolicy.evaluation.scoring import Entry, Outcome, score_together
from genpolicy.evaluation.workers import Answer
from genpolicy.packed_agent import PackedAgent
from genpolicy.records import EvaluationRecord, Selection

_OF_THE_PROCESS = (
    ImportError,
    MemoryError,
    OSError,
    torch.AcceleratorError,
    torch.OutOfMemoryError,
)
"""Errors that an agent would not meet elsewhere."""


@attrs.frozen(eq=False, kw_only=True)
class Task:
    """Agents to be scored together, and how.

    Args:
        agents: The agents.
        device: Where they act.
        threads: CPU threads of the process.
        environment: Where they are scored.
        protocol: On which episodes.
        reference: Between which returns scores are normalised, if known.
        stage: The training stage that the records name.
        step: The training step that the records name.
        selection: Which checkpoints they are.
    """

    agents: Sequence[PackedAgent]
    device: str
    threads: int
    environment: EnvironmentSpec
    protocol: Protocol
    reference: Reference | None
    stage: str
    step: int
    selection: Selection | None

    def unpacked(self) -> list[Agent]:
        """Return the agents, to act; torch's random numbers are as before afterwards."""
        with torch.random.fork_rng([self.device] if self.device.startswith("cuda") else []):
            return [Agent.unpacked(each, self.device) for each in self.agents]

    def scored(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Score the agents."""
        return score_together(entries, stage=self.stage, step=self.step, selection=self.selection)


@attrs.frozen(eq=False)
class _Player(Entry):
    """An agent whose own errors are known by their type, and can be sent."""

    def act(self, observation: Floats, generator: torch.Generator) -> Floats:
        try:
            return self.agent.act(observation, generator)
        except _OF_THE_PROCESS:
            raise
        except Exception as error:
            tell("an agent that a worker plays cannot decide", error)
            kind = "" if isinstance(error, GenpolicyError) else f"{type(error).__name__}: "
            raise RunError(f"{kind}{error}") from error


def serve(connection: "Connection[Any, Any]") -> None:
    """Play the tasks that come over a connection, and send back their outcomes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    warnings.simplefilter("ignore")
    evaluators: dict[str, list[Evaluator]] = {}
    with suppress(EOFError, OSError):  # whoever sent tasks is gone
        while True:
            connection.send(answer(connection.recv(), evaluators))


def answer(task: Task, evaluators: dict[str, list[Evaluator]]) -> Answer:
    """Return what became of each agent of a task, or in words why it cannot be played here.

    Args:
        task: The task.
        evaluators: Those of earlier tasks, for further ones.
    """
    try:
        torch.set_num_threads(task.threads)
        own = evaluators.setdefault(repr((task.environment, task.protocol, task.reference)), [])
        for _ in range(len(own), len(task.agents)):
            own.append(Evaluator(task.environment, task.protocol, reference=task.reference))
        entries = [_Player(agent, one) for agent, one in zip(task.unpacked(), own, strict=False)]
        return [_of_the_agent(outcome) for outcome in task.scored(entries)]
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _of_the_agent(outcome: Outcome) -> EvaluationRecord | RunError:
    """Return a score, or an agent's own error; others are raised."""
    if isinstance(outcome, Exception) and not isinstance(outcome, RunError):
        raise outcome
    return outcome


def _end_with_parent() -> None:
    """End in the middle of whatever is being played once the process that asked for it is gone."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
