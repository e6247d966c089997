"""The neural net inside a backbone."""

from abc import ABC, abstractmethod

import attrs
from torch import Tensor, nn

from genpolicy.recipe import Recipe


@attrs.frozen(kw_only=True)
class NetworkSpec:
    """The shapes a network is built for.

    Args:
        sample_shape: The shape of one sample, such as ``(action,)`` or ``(chunk, action)``.
        condition_dim: The length of the condition vector, such as an observation's.
        times: How many times it is told: 0 (plain policies), 1, or 2 (flow maps).
        output_shape: The shape of one output, where it differs from a sample's.
        turns: The fastest that a time's embedding may turn, per unit of time, for models that learn
            from themselves at neighbouring times; ``None`` leaves it to the network.
    """

    sample_shape: tuple[int, ...]
    condition_dim: int
    times: int = 1
    output_shape: tuple[int, ...] | None = None
    turns: float | None = None


class Network(nn.Module, ABC):
    """A function of a sample, its times and a condition.

    What the condition contributes does not depend on the sample or the times: ``encode`` computes
    it, once per solve, and ``forward`` takes it in at every evaluation.
    """

    @abstractmethod
    def encode(self, condition: Tensor) -> Tensor:
        """Return what ``forward`` needs of the condition.

        Args:
            condition: ``[batch, condition]``.

        Returns:
            ``[batch, …]``.
        """

    @abstractmethod
    def forward(self, sample: Tensor, context: Tensor, *times: Tensor) -> Tensor:
        """Evaluate the network.

        Args:
            sample: ``[batch, *sample]``.
            context: What ``encode`` returned.
            times: As many as the spec says, each a scalar or ``[batch]``.

        Returns:
            ``[batch, *output]``.
        """


class NetworkRecipe(Recipe, ABC):
    """A named network."""

    @abstractmethod
    def build(self, spec: NetworkSpec) -> Network:
        """Return a network with fresh weights, drawn from torch's global random numbers."""
