"""The looks during training that a final score is made of, by the rule that selects them."""

from collections.abc import Mapping
from typing import Any

import attrs
from torch import Tensor

from genpolicy.agent import Agent
from genpolicy.evaluation.protocol import LOOKS, Protocol
from genpolicy.packed_agent import PackedAgent
from genpolicy.records import LOOK, EvaluationRecord
from genpolicy.training.checkpoint import State, load_weights
from genpolicy.training.record_facts import record_as_json, record_from_json

_BEST = "best/"


class Counted:
    """Keeps what the final score of a protocol will need; nothing where that is of the last agent.

    Args:
        protocol: The protocol.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._looks: list[EvaluationRecord] = []
        self._best: dict[str, Tensor] = {}

    def add(self, look: EvaluationRecord, agent: PackedAgent) -> None:
        """Take in a look by the whole protocol, and the agent that was looked at."""
        if self._protocol.selection == "mean-of-last-three":
            self._looks = [*self._looks, look][-LOOKS["mean-of-last-three"] :]
        elif not self._looks or _value(look) > _value(self._looks[0]):
            self._looks = [look]
            self._best = {f"{_BEST}{key}": value for key, value in agent.tensors.items()}

    def final(self) -> EvaluationRecord | None:
        """Return the final score; ``None`` where it is that of the last agent.

        It has the episodes of all looks that count, and is of the last one's stage and step.
        """
        if self._protocol.selection == "last" or not self._looks:
            return None
        last = self._looks[-1]
        return attrs.evolve(
            last,
            protocol=last.protocol.removesuffix(LOOK),
            selection=self._protocol.selection,
            episodes=tuple(episode for look in self._looks for episode in look.episodes),
            seconds=sum(look.seconds for look in self._looks),
        )

    def give_weights(self, agent: Agent) -> None:
        """Give an agent the weights of the best look, if that is what is scored."""
        for name, model in agent.models.all().items() if self._best else ():
            load_weights(model, self._best, f"{_BEST}{name}/", "the best look")

    def state(self) -> State:
        """Return what is kept, for a checkpoint."""
        return State(self._best, {"looks": [record_as_json(look) for look in self._looks]})

    def load(self, state: State) -> None:
        """Take up what was kept."""
        facts: Mapping[str, Any] = state.facts
        self._looks = [record_from_json(look) for look in facts.get("looks", ())]
        self._best = {k: value for k, value in state.tensors.items() if k.startswith(_BEST)}


def _value(look: EvaluationRecord) -> float:
    """Return by what looks are told apart; what is no number is worse than all."""
    value = look.return_.mean if look.score is None else look.score.mean
    return value if value == value else float("-inf")
