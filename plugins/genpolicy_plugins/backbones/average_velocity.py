"""Flow maps that learn the average velocity of a straight path.

    x_t = (1 - t) z + t a,    v = a - z,    u(x_t, t, s) = (x_s - x_t) / (s - t),    s >= t

where x_s is the solution at s of the ODE through x_t; the instantaneous velocity is u(x_t, t, t).
Geng et al. 2025, eq. 3, arXiv 2505.13447; Frans et al. 2024, eq. 3, arXiv 2410.12557. The network
is told t and s - t, which did best in table 1 of the former.

What is learned at one pair of times is the target at another, so a network that is rough in its
times learns from its own roughness: its time embedding is slowed down to ``turns``.
"""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from genpolicy import (
    FlowMapBackbone,
    GaussianPathBackbone,
    Network,
    NetworkRecipe,
    NetworkSpec,
    SampleSpec,
)
from genpolicy.backbone import Field
from genpolicy.path import LinearPath
from genpolicy.shapes import expand, sum_rows


class AverageVelocityModel(GaussianPathBackbone, FlowMapBackbone):
    """Predicts the average velocity between two times; jumps, and has a velocity as well.

    A fixed share of a batch's rows, the first ones, learns the instantaneous velocity from data; at
    least one row does. The others learn to jump, from what the model knows already.

    Args:
        sample_shape: The shape of one sample.
        network: A network of two times, t and s - t.
        matching: The share of the rows that learns the instantaneous velocity.
    """

    def __init__(self, sample_shape: tuple[int, ...], network: Network, matching: float) -> None:
        super().__init__(sample_shape, LinearPath(0.0))
        self.network, self.matching = network, matching

    def average_velocity(self, x_t: Tensor, t: Tensor, s: Tensor, condition: Tensor) -> Tensor:
        """Return the average velocity from x_t to x_s, ``[batch, *sample]``."""
        velocity: Tensor = self.network(x_t, self.network.encode(condition), t, s - t)
        return velocity

    def jump(self, x_t: Tensor, t: Tensor, s: Tensor, condition: Tensor) -> Tensor:
        """Return x_s from x_t by the average velocity; x_t itself where s is t."""
        return x_t + expand(s - t, x_t) * self.average_velocity(x_t, t, s, condition)

    def field(self, condition: Tensor) -> Field:
        """Return the instantaneous velocity."""
        context = self.network.encode(condition)
        return lambda x_t, t: self.network(x_t, context, t, torch.zeros_like(t))

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return the velocity's loss in the first rows and the map's in the others."""
        count = max(1, round(self.matching * len(sample)))
        if count == len(sample):
            return self.velocity_loss(sample, condition)
        velocity = self.velocity_loss(sample[:count], condition[:count])
        return torch.cat([velocity, self.map_loss(sample[count:], condition[count:])])

    @abstractmethod
    def velocity_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return how far the instantaneous velocity is from the data's, ``[batch]``."""

    @abstractmethod
    def map_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return how far the average velocity is from its target, ``[batch]``."""

    def on_path(self, sample: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Draw noise and return x_t and its velocity towards ``sample``, both ``[batch, …]``."""
        noise = torch.randn_like(sample)
        return self.path.interpolate(sample, noise, t), self.path.velocity(sample, noise, t)


def build_network(spec: SampleSpec, network: NetworkRecipe, turns: float) -> Network:
    """Return a network of two times whose time embeddings turn no faster than ``turns``."""
    return network.build(
        NetworkSpec(
            sample_shape=spec.sample_shape,
            condition_dim=spec.condition_dim,
            times=2,
            turns=turns,
        )
    )


def half_square(error: Tensor) -> Tensor:
    """Return half the squared length of each row, ``[batch]``."""
    return 0.5 * sum_rows(error**2)


def fixed_places(matching: float) -> Mapping[str, str]:
    """Return what fails because a row's place in the batch decides what it teaches."""
    if matching == 1.0:
        return {}
    return {
        "rows_may_come_in_any_order": "the first rows of a batch learn the velocity, the others "
        "learn to jump, and batches come in random order"
    }
