"""Flow maps held together by the semigroup property alone (bidirectional flow, BFQ).

    semigroup: |Phi(x_t, t, s) - sg Phi(Phi(x_t, t, m), m, s)|^2,    t < m < s uniform
    boundary:  |u(x_t, t, t + Delta) - (a - z)|^2,                   Delta ~ U[0, 1e-3]

with Phi(x_t, t, s) = x_t + (s - t) u(x_t, t, s) and sg a stop-gradient. BFQ, 2026,
arXiv 2606.10613, whose time runs the other way. No teacher and no derivative of the network.

Differs from the paper: it picks one of the two losses per step, with probability 1/2; here each
has its share of every batch, which has the same mean and less variance.
"""

from collections.abc import Mapping

import attrs
import torch
from torch import Tensor

from genpolicy import BackboneRecipe, NetworkRecipe, SampleSpec, option
from genpolicy_plugins.backbones.average_velocity import (
    AverageVelocityModel,
    build_network,
    fixed_places,
    half_square,
)

_WIDEST = 1e-3  # the boundary's Delta, section 4 of the paper


class BidirectionalModel(AverageVelocityModel):
    """Learns that two jumps in a row are one."""

    def velocity_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return half the squared error of the average velocity over a very short time."""
        uniform = self.path.sample_time(sample)
        width = _WIDEST * torch.rand_like(uniform)
        t = (1.0 - width) * uniform
        x_t, velocity = self.on_path(sample, t)
        return half_square(self.average_velocity(x_t, t, t + width, condition) - velocity)

    def map_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return half the squared distance between one jump and two."""
        times = torch.stack([self.path.sample_time(sample) for _ in range(3)])
        t, m, s = times.sort(0).values.unbind()
        x_t, _ = self.on_path(sample, t)
        with torch.no_grad():  # the short jumps teach the long one, not the other way round
            target = self.jump(self.jump(x_t, t, m, condition), m, s, condition)
        return half_square(self.jump(x_t, t, s, condition) - target)


@attrs.frozen(kw_only=True)
class Bidirectional(BackboneRecipe):
    """A flow map that learns from its own composition."""

    default_solver = "jump:1"

    matching: float = option(
        0.5, help="share of a batch that learns the instantaneous velocity", gt=0, le=1
    )
    turns: float = option(
        1.0, help="highest frequency at which the network is told a time, turns per unit", gt=0
    )

    def expected_failures(self) -> Mapping[str, str]:
        """Return what teaching two things in one batch excludes."""
        return fixed_places(self.matching)

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> BidirectionalModel:
        """Return a bidirectional model with fresh weights."""
        net = build_network(spec, network, self.turns)
        return BidirectionalModel(spec.sample_shape, net, self.matching)
