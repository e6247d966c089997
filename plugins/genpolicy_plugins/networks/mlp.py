"""A plain multilayer perceptron of a sample, its times and a condition."""

import math
from itertools import pairwise

import attrs
from torch import Tensor, nn

from genpolicy import Network, NetworkRecipe, NetworkSpec, option
from genpolicy_plugins.networks.activation import ACTIVATIONS, Activation
from genpolicy_plugins.networks.time_embedding import (
    Frequencies,
    TimeEmbedding,
    check_even,
    make_time_embedding,
)


class MLPNetwork(Network):
    """Hidden layers over the sum of what sample, times and condition contribute."""

    def __init__(
        self,
        spec: NetworkSpec,
        hidden: tuple[int, ...],
        embedding: TimeEmbedding,
        activation: type[nn.Module],
    ) -> None:
        super().__init__()
        self.output_shape = spec.output_shape or spec.sample_shape
        self.embedding = embedding
        self.from_sample = nn.Linear(math.prod(spec.sample_shape), hidden[0])
        self.from_condition = nn.Linear(spec.condition_dim, hidden[0], bias=False)
        self.from_times = nn.ModuleList(
            nn.Linear(embedding.dim, hidden[0], bias=False) for _ in range(spec.times)
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
    time_embedding: Frequencies = option("sinusoidal", help="frequencies that tell a time")
    time_dim: int = option(32, help="length of a time's embedding, even", ge=2)
    time_scale: float = option(
        4.0, help="spread of fourier's frequencies, turns per unit of time", gt=0
    )
    activation: Activation = option("silu", help="smooth function between layers")

    def __attrs_post_init__(self) -> None:
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"hidden needs one or more positive widths; got {self.hidden}")
        check_even("time_dim", self.time_dim)

    def build(self, spec: NetworkSpec) -> MLPNetwork:
        """Return a perceptron with fresh weights."""
        embedding = make_time_embedding(
            self.time_embedding, self.time_dim, self.time_scale, spec.turns
        )
        return MLPNetwork(spec, self.hidden, embedding, ACTIVATIONS[self.activation])
