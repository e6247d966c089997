"""Mean flows: the average velocity from its own differential identity.

    u = v + (s - t) du/dt,    du/dt = v · grad_x u + d_t u at fixed s

which is the derivative in t of (s - t) u = x_s - x_t. The derivative is one forward-mode product
with the conditional velocity v = a - z, and the right side is a constant target. Geng et al. 2025,
"Mean Flows for One-step Generative Modeling", eq. 6-11, arXiv 2505.13447, whose time runs the other
way: its logit-normal(-0.4, 1) is our logit-normal(0.4, 1).

Differs from the paper: times are uniform by default, because few logit-normal ones lie where a
sample starts, and in few dimensions one jump then misses; rows weigh the same by default (``power``
is its p, there 1), because its 1 / (|err|^2 + c)^p turns the mean of velocities that u has to be
into something like their mode where |err| tells samples apart; and rows with s = t draw one time,
where its code keeps the noisier of two.
"""

from collections.abc import Mapping
from typing import Final, Literal

import attrs
import torch
from torch import Tensor

from genpolicy import BackboneRecipe, Network, NetworkRecipe, SampleSpec, option
from genpolicy.shapes import expand, sum_rows
from genpolicy_plugins.backbones.average_velocity import (
    AverageVelocityModel,
    build_network,
    fixed_places,
    half_square,
)

_LOGIT_MEAN: Final = 0.4
_LOGIT_STD: Final = 1.0


class MeanFlowModel(AverageVelocityModel):
    """Learns the average velocity from its own time derivative.

    Args:
        sample_shape: The shape of one sample.
        network: A network of two times, smooth in them.
        recipe: Its hyper-parameters.
    """

    def __init__(self, sample_shape: tuple[int, ...], network: Network, recipe: "MeanFlow") -> None:
        super().__init__(sample_shape, network, recipe.matching)
        self.recipe = recipe

    def velocity_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return half the weighted squared error of the velocity."""
        t = self._draw_time(sample)
        x_t, velocity = self.on_path(sample, t)
        return self._weighted(self.velocity(x_t, t, condition) - velocity)

    def map_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return half the weighted squared error of the identity."""
        times = torch.stack([self._draw_time(sample), self._draw_time(sample)])
        t, s = times.amin(0), times.amax(0)
        x_t, velocity = self.on_path(sample, t)
        average, target = self.identity(x_t, t, s, velocity, condition)
        return self._weighted(average - target)

    def identity(
        self, x_t: Tensor, t: Tensor, s: Tensor, velocity: Tensor, condition: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the average velocity and, as a constant, what the identity says it is.

        Args:
            x_t: ``[batch, *sample]``.
            t: ``[batch]``.
            s: ``[batch]``, at or after ``t``.
            velocity: The velocity of x_t, ``[batch, *sample]``.
            condition: ``[batch, condition]``.
        """
        context = self.network.encode(condition)
        product = torch.func.jvp(
            lambda x, now: self.network(x, context, now, s - now),
            (x_t, t),
            (velocity, torch.ones_like(t)),
        )
        average, change = product[0], product[1].detach()
        return average, velocity + expand(s - t, x_t) * change

    def _draw_time(self, sample: Tensor) -> Tensor:
        uniform = self.path.sample_time(sample)
        if self.recipe.times == "uniform":
            return uniform
        return torch.sigmoid(_LOGIT_MEAN + _LOGIT_STD * torch.randn_like(uniform))

    def _weighted(self, error: Tensor) -> Tensor:
        loss = half_square(error)
        if self.recipe.power == 0.0:
            return loss
        size = sum_rows(error.detach() ** 2) + self.recipe.offset
        return loss / size**self.recipe.power


@attrs.frozen(kw_only=True)
class MeanFlow(BackboneRecipe):
    """A flow map that learns from its own time derivative."""

    default_solver = "jump:2"

    matching: float = option(
        0.5, help="share of a batch that learns the instantaneous velocity", gt=0, le=1
    )
    times: Literal["uniform", "logit-normal"] = option("uniform", help="law of the times")
    turns: float = option(
        1.0, help="highest frequency at which the network is told a time, turns per unit", gt=0
    )
    power: float = option(0.0, help="power of a row's squared error that divides its loss", ge=0)
    offset: float = option(1e-2, help="added to the squared error before its power", gt=0)

    def expected_failures(self) -> Mapping[str, str]:
        """Return what teaching two things in one batch excludes."""
        return fixed_places(self.matching)

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> MeanFlowModel:
        """Return a mean flow with fresh weights."""
        net = build_network(spec, network, self.turns)
        return MeanFlowModel(spec.sample_shape, net, self)
