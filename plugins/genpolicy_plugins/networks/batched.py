"""Several perceptrons of one shape, evaluated as one batched matrix product per layer."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


class BatchedMLP(nn.Module):
    """``members`` independent ReLU perceptrons with one output each.

    Args:
        inputs: The length of an input.
        hidden: The width of each hidden layer.
        members: How many perceptrons.
    """

    def __init__(self, inputs: int, hidden: tuple[int, ...], members: int) -> None:
        super().__init__()
        widths = (inputs, *hidden, 1)
        self.weights = nn.ParameterList(
            _uniform(members, a, b, fan_in=a) for a, b in pairwise(widths)
        )
        self.biases = nn.ParameterList(
            _uniform(members, 1, b, fan_in=a) for a, b in pairwise(widths)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return every member's output, ``[batch, inputs]`` to ``[members, batch]``."""
        members = self.weights[0].shape[0]
        x = inputs.expand(members, *inputs.shape)
        last = len(self.weights) - 1
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            if index < last:
                x = functional.relu(x)
        return x.squeeze(-1)


def _uniform(*shape: int, fan_in: int) -> nn.Parameter:
    """Draw as ``nn.Linear`` does, uniformly within 1 / sqrt(fan_in)."""
    bound = 1.0 / math.sqrt(fan_in)
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
