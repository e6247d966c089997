"""Several perceptrons of one shape, evaluated as one batched matrix product per layer."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from genpolicy_plugins.networks.activation import ACTIVATIONS, Activation


class BatchedMLP(nn.Module):
    """``members`` independent perceptrons with one output each.

    Args:
        inputs: The length of an input.
        hidden: The width of each hidden layer.
        members: How many perceptrons.
        activation: The function between layers.
        layer_norm: Whether each hidden layer's outputs are normalised, after the activation.
    """

    def __init__(
        self,
        inputs: int,
        hidden: tuple[int, ...],
        members: int,
        activation: Activation = "relu",
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        widths = (inputs, *hidden, 1)
        self.weights = nn.ParameterList(
            _uniform(members, a, b, fan_in=a) for a, b in pairwise(widths)
        )
        self.biases = nn.ParameterList(
            _uniform(members, 1, b, fan_in=a) for a, b in pairwise(widths)
        )
        self.activation = ACTIVATIONS[activation]()
        self.norms = nn.ModuleList(
            MemberNorm(members, width) for width in (hidden if layer_norm else ())
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return every member's output, ``[batch, inputs]`` to ``[members, batch]``."""
        members = self.weights[0].shape[0]
        x = inputs.expand(members, *inputs.shape)
        last = len(self.weights) - 1
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            if index < last:
                x = self.activation(x)
                x = self.norms[index](x) if self.norms else x
        return x.squeeze(-1)


class MemberNorm(nn.Module):
    """Layer normalisation with a scale and a shift of every member's own.

    Args:
        members: How many members.
        width: The length of what is normalised.
    """

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(members, 1, width))
        self.shift = nn.Parameter(torch.zeros(members, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension of ``[members, batch, width]``."""
        return functional.layer_norm(x, x.shape[-1:]) * self.scale + self.shift


def _uniform(*shape: int, fan_in: int) -> nn.Parameter:
    """Draw as ``nn.Linear`` does, uniformly within 1 / sqrt(fan_in)."""
    bound = 1.0 / math.sqrt(fan_in)
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
