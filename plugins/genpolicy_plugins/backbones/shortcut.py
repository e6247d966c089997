"""Shortcut models: one jump learns to be two jumps of half its length.

    at step 0:     u(x_t, t, t)     -> a - z
    at step d > 0: u(x_t, t, t + d) -> (u' + u'') / 2,    u'  = u(x_t, t, t + d/2),
                                                          u'' = u(x_t + d/2 u', t + d/2, t + d)

with u' and u'' by a slow copy of the network, the teacher. Frans et al. 2024, "One Step Diffusion
via Shortcut Models", eq. 5 and section 3.2, arXiv 2410.12557, with M = 128; as a policy, with
M = 8, Espinosa-Dice et al. 2025, arXiv 2505.22866. The map that it learns is 2 M Euler steps: on
N(0, 0.3^2) their spread is 0.27 for M = 8 and 0.29 for M = 32.

Differs from the paper: d is any length from the base step 1/M to 1, even in its logarithm, and t
any time that leaves room for it, where the paper has powers of two and their multiples: its model
can take 1, 2, 4 … M jumps alone and no ODE solver, this one any number, as accurately. Shorter
steps are read as 0, as in the paper.
"""

import copy
from collections.abc import Mapping

import attrs
import torch
from torch import Tensor

from genpolicy import BackboneRecipe, Network, NetworkRecipe, SampleSpec, option
from genpolicy.averaging import move_towards
from genpolicy.shapes import expand
from genpolicy_plugins.backbones.average_velocity import (
    AverageVelocityModel,
    build_network,
    fixed_places,
    half_square,
)


class ShortcutModel(AverageVelocityModel):
    """Learns every jump from two of half its length.

    Args:
        sample_shape: The shape of one sample.
        network: A network of two times.
        recipe: Its hyper-parameters.
    """

    def __init__(self, sample_shape: tuple[int, ...], network: Network, recipe: "Shortcut") -> None:
        super().__init__(sample_shape, network, recipe.matching)
        self.recipe = recipe
        slow = copy.deepcopy(network).requires_grad_(False) if recipe.ema else None
        self.teacher: Network | None = slow

    def velocity_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return half the squared error of the velocity."""
        t = self.path.sample_time(sample)
        x_t, velocity = self.on_path(sample, t)
        return half_square(self.velocity(x_t, t, condition) - velocity)

    def map_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return half the squared error of a jump's velocity against its two halves'."""
        t, step = self._draw_step(sample)
        x_t, _ = self.on_path(sample, t)
        with torch.no_grad():
            target = self._two_halves(x_t, t, step, condition)
        return half_square(self.average_velocity(x_t, t, t + step, condition) - target)

    def after_step(self, progress: float) -> None:
        """Move the teacher towards the network."""
        if self.teacher is not None:
            move_towards(self.teacher, self.network, 1.0 - self.recipe.ema)

    def _draw_step(self, sample: Tensor) -> tuple[Tensor, Tensor]:
        """Draw a time and a step from it, from 1/M to 1 and even in its logarithm."""
        uniform = self.path.sample_time(sample)
        step = self.recipe.steps**-uniform
        return torch.rand_like(step) * (1.0 - step), step

    def _two_halves(self, x_t: Tensor, t: Tensor, step: Tensor, condition: Tensor) -> Tensor:
        """Return the mean velocity of two steps of half the length."""
        teacher = self.network if self.teacher is None else self.teacher
        context, half = teacher.encode(condition), 0.5 * step
        first = self._clip(teacher(x_t, context, t, half))
        second = self._clip(teacher(x_t + expand(half, x_t) * first, context, t + half, half))
        return 0.5 * (first + second)

    def _clip(self, velocity: Tensor) -> Tensor:
        limit = self.recipe.clip
        return velocity if limit is None else velocity.clamp(-limit, limit)


class ShortestStep(Network):
    """A network of two times that reads a step under the base step as none.

    Args:
        network: The network.
        shortest: The base step.
    """

    def __init__(self, network: Network, shortest: float) -> None:
        super().__init__()
        self.network, self.shortest = network, shortest

    def encode(self, condition: Tensor) -> Tensor:
        """Return what ``forward`` needs of the condition."""
        return self.network.encode(condition)

    def forward(self, sample: Tensor, context: Tensor, *times: Tensor) -> Tensor:
        """Evaluate the network, ``[batch, *output]``."""
        t, step = times
        told = step * (step >= self.shortest)
        output: Tensor = self.network(sample, context, t, told)
        return output


@attrs.frozen(kw_only=True)
class Shortcut(BackboneRecipe):
    """A flow map whose jumps learn from jumps of half their length."""

    default_solver = "jump:4"

    steps: int = option(32, help="how many of the shortest jumps it takes", ge=1, le=128)
    matching: float = option(
        0.75, help="share of a batch that learns the instantaneous velocity", gt=0, le=1
    )
    ema: float = option(0.99, help="decay of the teacher; 0 for the network itself", ge=0, lt=1)
    turns: float = option(
        1.0, help="highest frequency at which the network is told a time, turns per unit", gt=0
    )
    clip: float | None = option(None, help="largest entry of a target velocity", gt=0)

    def expected_failures(self) -> Mapping[str, str]:
        """Return what teaching two things in one batch excludes."""
        return fixed_places(self.matching)

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> ShortcutModel:
        """Return a shortcut model with fresh weights."""
        net = build_network(spec, network, self.turns)
        shortest = 0.999 / self.steps  # the difference of two times may be a rounding error short
        return ShortcutModel(spec.sample_shape, ShortestStep(net, shortest), self)
