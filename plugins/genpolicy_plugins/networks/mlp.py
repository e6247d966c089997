"""A plain multilayer perceptron of a sample, its times and a condition."""

import math
from itertools import pairwise
from typing import Literal

import attrs
from torch import Tensor, nn

from genpolicy import Network, NetworkRecipe, NetworkSpec, option
from genpolicy_plugins.networks.time_embedding import SinusoidalEmbedding

_ACTIVATIONS = {"silu": nn.SiLU, "gelu": nn.GELU, "mish": nn.Mish, "tanh": nn.Tanh}


class MLPNetwork(Network):
    """Hidden layers over the sum of what sample, times and condition contribute."""

    def __init__(
        self,
        spec: NetworkSpec,
        hidden: tuple[int, ...],
        time_dim: int,
        activation: type[nn.Module],
    ) -> None:
        super().__init__()
        self.output_shape = spec.output_shape or spec.sample_shape
        self.embedding = SinusoidalEmbedding(time_dim)
        self.from_sample = nn.Linear(math.prod(spec.sample_shape), hidden[0])
        self.from_condition = nn.Linear(spec.condition_dim, hidden[0], bias=False)
        self.from_times = nn.ModuleList(
            nn.Linear(time_dim, hidden[0], bias=False) for _ in range(spec.times)
        )
        layers: list[nn.Module] = [activation()]
        for width, next_width in pairwise(hidden):
            layers += [nn.Linear(width, next_width), activation()]
        self.body = nn.Sequential(*layers, nn.Linear(hidden[-1], math.prod(self.output_shape)))

    def encode(self, condition: Tensor) -> Tensor:
        """Return the condition's share of the first layer, ``[batch, hidden]``."""
        context: Tensor = self.from_condition(condition)
        return context

    def forward(self, sample: Tensor, context: Tensor, *times: Tensor) -> Tensor:
        """Evaluate the network, ``[batch, *output]``."""
        hidden = self.from_sample(sample.flatten(1)) + context
        for layer, t in zip(self.from_times, times, strict=True):
            hidden = hidden + layer(self.embedding(t))
        output: Tensor = self.body(hidden)
        return output.reshape(-1, *self.output_shape)


@attrs.frozen(kw_only=True)
class MLP(NetworkRecipe):
    """A multilayer perceptron."""

    hidden: tuple[int, ...] = option((256, 256, 256), help="width of each hidden layer")
    time_dim: int = option(32, help="length of a time's embedding, even", ge=2)
    activation: Literal["silu", "gelu", "mish", "tanh"] = option(
        "silu", help="smooth function between layers"
    )

    def __attrs_post_init__(self) -> None:
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"hidden needs one or more positive widths; got {self.hidden}")
        if self.time_dim % 2:
            raise ValueError(f"time_dim is an even number; got {self.time_dim}")

    def build(self, spec: NetworkSpec) -> MLPNetwork:
        """Return a perceptron with fresh weights."""
        return MLPNetwork(spec, self.hidden, self.time_dim, _ACTIVATIONS[self.activation])
