"""A residual perceptron, normalised before every block.

    x = W_a sample + W_s condition + sum_k W_k embedding(t_k)
    block(x) = x + W_2 act(W_1 norm(dropout(x))),    W_1 four times as wide as x
    output = W act(block(… block(x)))

Hansen-Estruch et al. 2023, "IDQL", appendix, arXiv 2304.10573, whose actor is such a network of
three blocks of width 256.

Differs from the paper: times enter as their embeddings and not through a perceptron of their own,
which the first block is; dropout and layer norm are options, so that the network serves plain
policies as well.
"""

import math

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


class ResidualBlock(nn.Module):
    """Two layers behind a norm, and what they add to."""

    def __init__(
        self, width: int, dropout: float, layer_norm: bool, activation: type[nn.Module]
    ) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(width) if layer_norm else nn.Identity()
        self.first = nn.Linear(width, 4 * width)
        self.activation = activation()
        self.second = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[batch, width]``."""
        hidden = self.activation(self.first(self.norm(self.dropout(x))))
        output: Tensor = x + self.second(hidden)
        return output


class ResidualMLPNetwork(Network):
    """A body of residual blocks over the sum of what sample, times and condition contribute.

    Args:
        spec: The shapes.
        width: The width of the body.
        embedding: What tells a time.
        body: A function of ``[batch, width]``.
    """

    def __init__(
        self, spec: NetworkSpec, width: int, embedding: TimeEmbedding, body: nn.Module
    ) -> None:
        super().__init__()
        self.output_shape = spec.output_shape or spec.sample_shape
        self.embedding = embedding
        self.from_sample = nn.Linear(math.prod(spec.sample_shape), width)
        self.from_condition = nn.Linear(spec.condition_dim, width, bias=False)
        self.from_times = nn.ModuleList(
            nn.Linear(embedding.dim, width, bias=False) for _ in range(spec.times)
        )
        self.body = body
        self.last = nn.Linear(width, math.prod(self.output_shape))

    def encode(self, condition: Tensor) -> Tensor:
        """Return the condition's share of the first layer, ``[batch, width]``."""
        context: Tensor = self.from_condition(condition)
        return context

    def forward(self, sample: Tensor, context: Tensor, *times: Tensor) -> Tensor:
        """Evaluate the network, ``[batch, *output]``."""
        hidden = self.from_sample(sample.flatten(1)) + context
        for layer, t in zip(self.from_times, times, strict=True):
            hidden = hidden + layer(self.embedding(t))
        output: Tensor = self.last(self.body(hidden))
        return output.reshape(-1, *self.output_shape)


@attrs.frozen(kw_only=True)
class ResidualMLP(NetworkRecipe):
    """A residual perceptron, normalised before every block."""

    width: int = option(256, help="width between blocks; four times that inside", ge=2)
    blocks: int = option(3, help="residual blocks", ge=1)
    dropout: float = option(0.0, help="share of a block's inputs dropped in training", ge=0, lt=1)
    layer_norm: bool = option(True, help="normalise the inputs of every block")
    time_embedding: Frequencies = option("sinusoidal", help="frequencies that tell a time")
    time_dim: int = option(32, help="length of a time's embedding, even", ge=2)
    time_scale: float = option(
        4.0, help="spread of fourier's frequencies, turns per unit of time", gt=0
    )
    activation: Activation = option("silu", help="smooth function between layers")

    def __attrs_post_init__(self) -> None:
        check_even("time_dim", self.time_dim)

    def build(self, spec: NetworkSpec) -> ResidualMLPNetwork:
        """Return a residual perceptron with fresh weights."""
        embedding = make_time_embedding(
            self.time_embedding, self.time_dim, self.time_scale, spec.turns
        )
        activation = ACTIVATIONS[self.activation]
        blocks = [
            ResidualBlock(self.width, self.dropout, self.layer_norm, activation)
            for _ in range(self.blocks)
        ]
        body = nn.Sequential(*blocks, activation())
        return ResidualMLPNetwork(spec, self.width, embedding, body)
