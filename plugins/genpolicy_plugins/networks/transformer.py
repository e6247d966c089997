"""A transformer over the tokens of a sample, told the times and the condition in every block.

    c = MLP_s(condition) + sum_k MLP_k(embedding(t_k)),    (b_i, g_i, r_i) = W SiLU(c), i = 1, 2
    x = x + (1 + r_1) attention((1 + g_1) norm(x) + b_1)
    x = x + (1 + r_2) MLP((1 + g_2) norm(x) + b_2)

Peebles & Xie 2022, "Scalable Diffusion Models with Transformers", section 3.2, arXiv 2212.09748.
The last dimension of a sample holds a token's features; the dimensions before it are the sequence,
so a chunk of h actions is h tokens and a lone action is one. Positions are learned.

Differs from the paper: its gates r start at zero, so that every block is the identity and no weight
inside one has a gradient on the first step; ours start around one, each block at work, because most
policies are small and trained briefly, and a depth of three or four needs no such care.

Attention is written out: torch's fused kernels have neither a forward-mode nor a second derivative,
which mean-flow and the log-density take.
"""

import math

import attrs
import torch
from torch import Tensor, nn
from torch.nn import functional

from genpolicy import Network, NetworkRecipe, NetworkSpec, option
from genpolicy_plugins.networks.time_embedding import (
    Frequencies,
    TimeEmbedding,
    check_even,
    make_time_embedding,
)


class Attention(nn.Module):
    """Every token looks at every token of its own row.

    Without biases on what is compared: adding the same to all keys changes no weight.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.from_tokens = nn.Linear(width, 3 * width, bias=False)
        self.to_tokens = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return ``[batch, tokens, width]``."""
        query, key, value = self.from_tokens(tokens).unflatten(-1, (3, self.heads, -1)).unbind(2)
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
        weight = (query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])).softmax(-1)
        output: Tensor = self.to_tokens((weight @ value).transpose(1, 2).flatten(2))
        return output


class Block(nn.Module):
    """Attention and a perceptron, each behind a norm that the conditioning shifts and scales."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.modulation = nn.Linear(width, 6 * width)
        self.attention = Attention(width, heads)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, conditioning: Tensor) -> Tensor:
        """Return ``[batch, tokens, width]``.

        Args:
            tokens: ``[batch, tokens, width]``.
            conditioning: ``[batch, 1, width]``, which has passed its SiLU.
        """
        shift, scale, gate, *rest = self.modulation(conditioning).chunk(6, dim=-1)
        change = self.attention(_modulated(tokens, shift, scale))
        tokens = tokens + (1.0 + gate) * self.dropout(change)
        shift, scale, gate = rest
        change = self.perceptron(_modulated(tokens, shift, scale))
        output: Tensor = tokens + (1.0 + gate) * self.dropout(change)
        return output


class TransformerNetwork(Network):
    """Tokens in, through the blocks, and out one by one, or all together to another shape.

    Args:
        spec: The shapes. An output of the sample's sequence is made token by token, with as many
            features as it has; any other by one layer over all tokens.
        width: The width of a token.
        embedding: What tells a time.
        blocks: What tokens pass.
    """

    def __init__(
        self, spec: NetworkSpec, width: int, embedding: TimeEmbedding, blocks: list[Block]
    ) -> None:
        super().__init__()
        self.output_shape = spec.output_shape or spec.sample_shape
        self.embedding = embedding
        *sequence, features = spec.sample_shape
        tokens = math.prod(sequence)
        self.from_token = nn.Linear(features, width)
        # As large as what tokens bring: at the customary 0.02 positions are learned late.
        self.position = nn.Parameter(0.5 * torch.randn(tokens, width))
        self.from_condition = _perceptron(spec.condition_dim, width)
        self.from_times = nn.ModuleList(
            _perceptron(embedding.dim, width) for _ in range(spec.times)
        )
        self.blocks = nn.ModuleList(blocks)
        self.modulation = nn.Linear(width, 2 * width)
        self.per_token = self.output_shape[:-1] == spec.sample_shape[:-1]
        if self.per_token:
            self.last = nn.Linear(width, self.output_shape[-1])
        else:
            self.last = nn.Linear(tokens * width, math.prod(self.output_shape))

    def encode(self, condition: Tensor) -> Tensor:
        """Return the condition's share of the conditioning, ``[batch, width]``."""
        context: Tensor = self.from_condition(condition)
        return context

    def forward(self, sample: Tensor, context: Tensor, *times: Tensor) -> Tensor:
        """Evaluate the network, ``[batch, *output]``."""
        for layer, t in zip(self.from_times, times, strict=True):
            context = context + layer(self.embedding(t))
        conditioning = functional.silu(context)[:, None]
        tokens = (
            self.from_token(sample.reshape(sample.shape[0], -1, sample.shape[-1])) + self.position
        )
        for block in self.blocks:
            tokens = block(tokens, conditioning)
        tokens = _modulated(tokens, *self.modulation(conditioning).chunk(2, dim=-1))
        output: Tensor = self.last(tokens if self.per_token else tokens.flatten(1))
        return output.reshape(-1, *self.output_shape)


@attrs.frozen(kw_only=True)
class Transformer(NetworkRecipe):
    """A transformer over the tokens of a sample."""

    width: int = option(128, help="width of a token", ge=2)
    heads: int = option(4, help="attention heads, a divisor of the width", ge=1)
    blocks: int = option(3, help="blocks of attention and perceptron", ge=1)
    dropout: float = option(0.0, help="share of a block's outputs dropped in training", ge=0, lt=1)
    time_embedding: Frequencies = option("sinusoidal", help="frequencies that tell a time")
    time_dim: int = option(32, help="length of a time's embedding, even", ge=2)
    time_scale: float = option(
        4.0, help="spread of fourier's frequencies, turns per unit of time", gt=0
    )

    def __attrs_post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(
                f"heads divides width; got {self.heads} heads for a width of {self.width}"
            )
        check_even("time_dim", self.time_dim)

    def build(self, spec: NetworkSpec) -> TransformerNetwork:
        """Return a transformer with fresh weights."""
        embedding = make_time_embedding(
            self.time_embedding, self.time_dim, self.time_scale, spec.turns
        )
        blocks = [Block(self.width, self.heads, self.dropout) for _ in range(self.blocks)]
        return TransformerNetwork(spec, self.width, embedding, blocks)


def _perceptron(inputs: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width))


def _modulated(tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Return normalised tokens, scaled and shifted."""
    return functional.layer_norm(tokens, tokens.shape[-1:]) * (1.0 + scale) + shift
