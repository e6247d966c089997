"""An agent's decision as a module: observations and noise in, actions out."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from genpolicy.acting.draws import given

Decide = Callable[[Tensor, torch.Generator | None], Tensor]
"""Actions inside the box, ``[batch, *action]``, for observations, ``[batch, observation]``, both in
the environment's numbers; the noise is drawn from the generator, or from torch's global numbers."""


class Decision(nn.Module):
    """What an agent does, with every draw given.

    Args:
        decide: What it does, drawing by itself.
        models: The models that ``decide`` asks, by name.
    """

    def __init__(self, decide: Decide, models: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleDict(models)
        self._decide = decide

    def forward(self, observation: Tensor, *draws: Tensor) -> Tensor:
        """Return actions, ``[batch, *action]``.

        Args:
            observation: ``[batch, observation]``.
            draws: What is drawn on the way, in order.
        """
        with given(draws):
            return self._decide(observation, None)
