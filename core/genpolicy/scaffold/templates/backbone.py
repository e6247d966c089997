"""Straight lines from noise to data, with times drawn where they teach most.

    x_t = t a + (1 - t) z,    v = E[a - z | x_t],    t = u^power,  u ~ U(0, 1)

Lipman et al. 2022, eq. 23, arXiv 2210.02747, where u^power is u.
"""

import attrs
import torch
from torch import Tensor

from genpolicy import (
    BackboneRecipe,
    Network,
    NetworkRecipe,
    NetworkSpec,
    SampleSpec,
    VelocityBackbone,
    option,
)
from genpolicy.backbone import Field
from genpolicy.shapes import expand, sum_rows


class ExampleModel(VelocityBackbone):
    """A network that predicts the velocity."""

    def __init__(self, sample_shape: tuple[int, ...], network: Network, power: float) -> None:
        super().__init__(sample_shape)
        self.network, self.power = network, power

    def field(self, condition: Tensor) -> Field:
        """Return the velocity as a function of x_t and t."""
        context = self.network.encode(condition)  # once per solve
        return lambda x_t, t: self.network(x_t, context, t)

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return the squared error of the velocity, ``[batch]``."""
        t = torch.rand(len(sample), dtype=sample.dtype, device=sample.device) ** self.power
        noise = torch.randn_like(sample)
        x_t = expand(t, sample) * sample + expand(1 - t, sample) * noise
        return sum_rows((self.velocity(x_t, t, condition) - (sample - noise)) ** 2)


@attrs.frozen(kw_only=True)
class Example(BackboneRecipe):
    """A straight flow."""

    power: float = option(1.0, help="below 1 trains more at the data, above 1 at the noise", gt=0)

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> ExampleModel:
        """Return a flow with fresh weights."""
        shapes = NetworkSpec(sample_shape=spec.sample_shape, condition_dim=spec.condition_dim)
        return ExampleModel(spec.sample_shape, network.build(shapes), self.power)
