"""A residual perceptron: every block adds to what it was given.

    x = W_a sample + W_s condition + sum_k W_k (t_k, cos(pi t_k)),    x <- x + W_2 act(W_1 x)

He et al. 2016 ("Deep residual learning"), arXiv 1512.03385.
"""

import math

import attrs
import torch
from torch import Tensor, nn

from genpolicy import Network, NetworkRecipe, NetworkSpec, option


class ExampleNetwork(Network):
    """Residual blocks over what sample, times and condition contribute."""

    def __init__(self, spec: NetworkSpec, width: int, blocks: int) -> None:
        super().__init__()
        self.output_shape = spec.output_shape or spec.sample_shape
        self.from_sample = nn.Linear(math.prod(spec.sample_shape), width)
        self.from_condition = nn.Linear(spec.condition_dim, width, bias=False)
        self.from_times = nn.ModuleList(nn.Linear(2, width, bias=False) for _ in range(spec.times))
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(blocks)
        )
        self.last = nn.Linear(width, math.prod(self.output_shape))

    def encode(self, condition: Tensor) -> Tensor:
        """Return the condition's share of the first layer, ``[batch, width]``."""
        context: Tensor = self.from_condition(condition)
        return context

    def forward(self, sample: Tensor, context: Tensor, *times: Tensor) -> Tensor:
        """Evaluate the network, ``[batch, *output]``."""
        x = self.from_sample(sample.flatten(1)) + context
        for layer, t in zip(self.from_times, times, strict=True):
            x = x + layer(torch.stack([t, torch.cos(math.pi * t)], dim=-1))
        for block in self.blocks:
            x = x + block(x)
        output: Tensor = self.last(x)
        return output.reshape(-1, *self.output_shape)


@attrs.frozen(kw_only=True)
class Example(NetworkRecipe):
    """A residual perceptron."""

    width: int = option(128, help="width of every layer", ge=1)
    blocks: int = option(3, help="residual blocks", ge=1)

    def build(self, spec: NetworkSpec) -> ExampleNetwork:
        """Return a network with fresh weights."""
        return ExampleNetwork(spec, self.width, self.blocks)
