"""A U-shaped residual perceptron, told the time and the condition at every block.

    c = MLP([time embedding, SiLU(W_s condition)])
    block(x) = SiLU(W_2 h) + W_3 x,    h = SiLU(W_1 x) + W_c SiLU(c)

The network of Zhang et al. 2024, arXiv 2412.01245 (there after Lu et al. 2023, arXiv 2304.12824).
With the default widths, 6 action and 17 observation dimensions it has 1 633 222 weights.
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


class ResidualBlock(nn.Module):
    """Two layers around the conditioning, and a shortcut."""

    def __init__(self, width_in: int, width_out: int, conditioning: int) -> None:
        super().__init__()
        self.first = nn.Linear(width_in, width_out)
        self.from_conditioning = nn.Linear(conditioning, width_out)
        self.second = nn.Linear(width_out, width_out)
        self.shortcut = nn.Identity() if width_in == width_out else nn.Linear(width_in, width_out)

    def forward(self, x: Tensor, conditioning: Tensor) -> Tensor:
        """Return ``[batch, width_out]``; ``conditioning`` has passed its SiLU."""
        hidden = functional.silu(self.first(x)) + self.from_conditioning(conditioning)
        output: Tensor = functional.silu(self.second(hidden)) + self.shortcut(x)
        return output


class TemporalSpatialResidualNetwork(Network):
    """Down through the widths, once across, and up again past skip connections."""

    def __init__(
        self,
        spec: NetworkSpec,
        hidden: tuple[int, ...],
        embedding: TimeEmbedding,
        conditioning: int,
    ) -> None:
        super().__init__()
        self.output_shape = spec.output_shape or spec.sample_shape
        self.embedding = embedding
        self.from_condition = nn.Linear(spec.condition_dim, embedding.dim)
        self.conditioning = nn.Sequential(
            nn.Linear(embedding.dim * (1 + spec.times), conditioning),
            nn.SiLU(),
            nn.Linear(conditioning, conditioning),
            nn.SiLU(),
        )
        widths = (math.prod(spec.sample_shape), *hidden)
        self.down = nn.ModuleList(
            ResidualBlock(a, b, conditioning) for a, b in zip(widths, hidden, strict=False)
        )
        self.across = ResidualBlock(hidden[-1], hidden[-1], conditioning)
        up = list(zip(reversed(hidden[1:]), reversed(hidden[:-1]), strict=True))
        self.up = nn.ModuleList(ResidualBlock(2 * a, b, conditioning) for a, b in up)
        self.last = nn.Linear(2 * hidden[0], math.prod(self.output_shape))

    def encode(self, condition: Tensor) -> Tensor:
        """Return the condition's embedding, ``[batch, embedding]``."""
        return functional.silu(self.from_condition(condition))

    def forward(self, sample: Tensor, context: Tensor, *times: Tensor) -> Tensor:
        """Evaluate the network, ``[batch, *output]``."""
        embedded = [self.embedding(t).expand(sample.shape[0], -1) for t in times]
        conditioning = self.conditioning(torch.cat([*embedded, context], dim=1))
        x = sample.flatten(1)
        skips = []
        for block in self.down:
            x = block(x, conditioning)
            skips.append(x)
        x = self.across(x, conditioning)
        for block in self.up:
            x = block(torch.cat([x, skips.pop()], dim=1), conditioning)
        output: Tensor = self.last(torch.cat([x, skips.pop()], dim=1))
        return output.reshape(-1, *self.output_shape)


@attrs.frozen(kw_only=True)
class TemporalSpatialResidual(NetworkRecipe):
    """A U-shaped residual perceptron."""

    hidden: tuple[int, ...] = option((512, 256, 128), help="widths on the way down")
    time_embedding: Frequencies = option("fourier", help="frequencies that tell a time")
    embedding: int = option(32, help="length of the time's and the condition's embedding", ge=2)
    conditioning: int = option(128, help="length of what every block is told", ge=1)
    scale: float = option(
        30.0, help="spread of fourier's frequencies, turns per unit of time", gt=0
    )

    def __attrs_post_init__(self) -> None:
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"hidden needs one or more positive widths; got {self.hidden}")
        check_even("embedding", self.embedding)

    def build(self, spec: NetworkSpec) -> TemporalSpatialResidualNetwork:
        """Return a network with fresh weights."""
        embedding = make_time_embedding(self.time_embedding, self.embedding, self.scale, spec.turns)
        return TemporalSpatialResidualNetwork(spec, self.hidden, embedding, self.conditioning)
