"""Acting for one observation at a time."""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from genpolicy.acting.captured import Captured, capture
from genpolicy.acting.decision import Decide

CALLS_BEFORE: Final = 8
"""How many calls with the same weights come before a capture, which costs as much as hundreds."""


class Alone:
    """Decides on one observation: as the parts do at first, then by a captured graph.

    Only weights that do not train are captured, and the graph is let go as soon as one changes or
    a model is put to train, so actions are always those of the present weights. Where there is no
    graph, as of a solver that chooses its steps or of gradients on the way, the parts decide.

    Args:
        decide: How the parts decide.
        models: The models that they ask, by name.
    """

    def __init__(self, decide: Decide, models: Mapping[str, nn.Module]) -> None:
        self._decide, self._models = decide, models
        states = [model.state_dict(keep_vars=True) for model in models.values()]
        self._weights = [weight for state in states for weight in state.values()]
        self._roots = list(models.values())
        self._state: list[int] = []
        self._calls = 0
        self._captured: Captured | None = None

    def __call__(self, observation: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return the action, ``[1, *action]``.

        Args:
            observation: ``[1, observation]``.
            generator: Draws the noise; ``None`` for torch's global random numbers.
        """
        state = [weight._version for weight in self._weights]
        if state != self._state or self._trains():
            self._state, self._calls, self._captured = state, 0, None
        if self._captured is not None:
            return self._captured(observation, generator)
        self._calls += 1
        if self._calls == CALLS_BEFORE:
            self._captured = capture(self._decide, self._models, observation)
        return self._decide(observation, generator)

    def _trains(self) -> bool:
        """Whether a weight may change: an optimiser's fused steps do not count as versions."""
        trains = [model.training for model in self._roots]
        return True in trains or True in [weight.requires_grad for weight in self._weights]
