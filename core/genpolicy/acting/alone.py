"""Acting for one observation at a time."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from genpolicy.acting.captured import Captured, capture
from genpolicy.acting.decision import Decide

CALLS_BEFORE: Final = 8
"""How many calls with the same weights come before a capture, which costs as much as hundreds."""


class Alone:
    """Decides on one observation: as the parts do at first, then by a captured graph.

    It is for models that nobody trains. The graph is let go as soon as a weight is changed,
    replaced or set to train, so that actions are those of the present weights; what is written
    into a weight's memory past torch's counter of versions, as by ``weight.data.mul_``, is not
    seen. Where there is no graph, as of a solver that chooses its steps or of gradients on the
    way, the parts decide. A copy begins without one.

    Args:
        decide: How the parts decide.
        models: The models that they ask, by name.
    """

    def __init__(self, decide: Decide, models: Mapping[str, nn.Module]) -> None:
        self._decide, self._models = decide, models
        self.forget()

    def __reduce__(self) -> tuple[Callable[..., "Alone"], tuple[Any, ...]]:
        return type(self), (self._decide, self._models)

    def forget(self) -> None:
        """Let the graph go; the calls count anew."""
        self._tables: list[Mapping[str, object]] = []
        self._parts: list[object] = []
        self._modules: list[nn.Module] = []
        self._weights: list[Tensor] = []
        self._memory: list[object] = []
        self._state: tuple[list[int], ...] = ()
        self._calls = 0
        self._captured: Captured | None = None

    def __call__(self, observation: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return the action, ``[1, *action]``.

        Args:
            observation: ``[1, observation]``.
            generator: Draws the noise; ``None`` for torch's global random numbers.
        """
        state = self._present()
        if state != self._state or self._trains():
            self._read()
            self._state, self._calls, self._captured = self._present(), 0, None
        if self._captured is not None:
            return self._captured(observation, generator)
        self._calls += 1
        if self._calls == CALLS_BEFORE:
            self._captured = capture(self._decide, self._models, observation)
        return self._decide(observation, generator)

    def _read(self) -> None:
        """Look up what the models are made of.

        It is held, so that its ids and addresses are not given to what replaces it.
        """
        models = self._models.values()
        self._modules = [module for model in models for module in model.modules()]
        self._tables = [
            table
            for module in self._modules
            for table in (module._modules, module._parameters, module._buffers)
        ]
        self._parts = [part for table in self._tables for part in table.values()]
        self._weights = [part for part in self._parts if isinstance(part, Tensor)]
        self._memory = [weight.untyped_storage() for weight in self._weights]

    def _present(self) -> tuple[list[int], ...]:
        """Return what tells the present weights from those before, in some microseconds."""
        parts = [id(part) for table in self._tables for part in table.values()]
        return parts, [weight.data_ptr() for weight in self._weights], self._versions()

    def _versions(self) -> list[int]:
        try:
            return [weight._version for weight in self._weights]
        except RuntimeError:  # weights that were made in torch's inference mode count none
            return [0 if weight.is_inference() else weight._version for weight in self._weights]

    def _trains(self) -> bool:
        """Whether a weight may change: an optimiser's fused steps do not count as versions."""
        trains = [module.training for module in self._modules]
        return True in trains or True in [weight.requires_grad for weight in self._weights]
