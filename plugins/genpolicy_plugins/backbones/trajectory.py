"""Generative trajectories: the whole flow map of an ODE, from any time to any later one.

    Phi(x_t, t, s) = alpha_s phi + sigma_s (x_t - alpha_t phi) / sigma_t,    phi = phi(x_t, t, s)
    L = w |Phi(x_t, t, s) - sg Phi^-(x_u, u, s)|^2 + weight |a - phi(x_t, t, t)|^2

phi(x_t, t, t) is the denoiser, phi(x_t, t, end) the sample; Phi(x, t, t) = x by construction; u is
the grid point after t and s a later one; Phi^- is a slow copy. With the path's own teacher, x_u is
x_t carried towards its own sample a.

Feng et al. 2025, eq. 3-5, 11 and 17-19, arXiv 2510.11499; the parametrisation is that of Kim et al.
2023 (CTM), eq. 5, arXiv 2310.02279. On any Gaussian path x_t / alpha_t is a variance-exploding path
of level sigma_t / alpha_t, so one formula serves both of ours.

Differs from the paper: where the data teach, w measures the inconsistency in units of the network's
output, which long and short jumps share, and the paper has w = 1 (``weighting=plain``). Where the
model teaches itself that would weigh short jumps, which know nothing new, as much as data, and its
velocity drifts: there w is 1. sigma_max is 5, not the 80 of its ancestors, as samples lie in a box
of about 1; the slow copy keeps up within ten steps, for one of 0.995 leaves the long jumps untaught
in a short training. The text does not say how phi is preconditioned, nor how s is drawn: here as
EDM is, and evenly.
"""

import copy
from typing import ClassVar, Literal

import attrs
import torch
from torch import Tensor

from genpolicy import (
    BackboneRecipe,
    FlowMapBackbone,
    GaussianPath,
    GaussianPathBackbone,
    Network,
    NetworkRecipe,
    NetworkSpec,
    SampleSpec,
    option,
)
from genpolicy.averaging import move_towards
from genpolicy.backbone import Field
from genpolicy.path import LinearPath, VEPath
from genpolicy.shapes import expand, sum_rows
from genpolicy_plugins.backbones.growing_grid import GrowingGrid, check_growth
from genpolicy_plugins.backbones.preconditioning import Preconditioning


class FlowMap:
    """What a network of two times means as a flow map, for one condition.

    Args:
        network: The network.
        precondition: What its input and output mean.
        condition: ``[batch, condition]``.
    """

    def __init__(self, network: Network, precondition: Preconditioning, condition: Tensor) -> None:
        self.network, self.precondition = network, precondition
        self.path, self.context = precondition.path, network.encode(condition)

    def data_and_noise(self, x_t: Tensor, t: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """Return phi and the noise that is left of x_t without it."""
        turn = self.precondition
        predicted = self.network(turn.given(x_t, t), self.context, turn.angle(t), turn.angle(s))
        return turn.data_and_noise(x_t, predicted, t)

    def jump(self, x_t: Tensor, t: Tensor, s: Tensor) -> Tensor:
        """Return Phi(x_t, t, s)."""
        return self.path.interpolate(*self.data_and_noise(x_t, t, s), s)

    def velocity(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the velocity at x_t."""
        return self.path.velocity(*self.data_and_noise(x_t, t, t), t)


class TrajectoryModel(GaussianPathBackbone, FlowMapBackbone):
    """Predicts where any x_t goes by any later time.

    Args:
        sample_shape: The shape of one sample.
        path: The path that samples travel on.
        network: A network of two times.
        recipe: Its options.
    """

    def __init__(
        self,
        sample_shape: tuple[int, ...],
        path: GaussianPath,
        network: Network,
        recipe: "Trajectory",
    ) -> None:
        super().__init__(sample_shape, path)
        self.network, self.recipe = network, recipe
        self.teacher = copy.deepcopy(network).requires_grad_(False)
        self.precondition = Preconditioning(path, recipe.sigma_data)
        self.grid = GrowingGrid(path, recipe.grid_first, recipe.finest_grid)

    def field(self, condition: Tensor) -> Field:
        """Return the velocity that the instantaneous map implies."""
        return FlowMap(self.network, self.precondition, condition).velocity

    def jump(self, x_t: Tensor, t: Tensor, s: Tensor, condition: Tensor) -> Tensor:
        """Return Phi(x_t, t, s)."""
        return FlowMap(self.network, self.precondition, condition).jump(x_t, t, s)

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return the trajectory's inconsistency and the instantaneous error, squared."""
        index, noise = self.grid.draw_index(sample), torch.randn_like(sample)
        later = self.grid.draw_later(index)
        t, u, s = (self.grid.time(point) for point in (index, index + 1.0, later))
        x_t = self.path.interpolate(sample, noise, t)
        with torch.no_grad():  # the rest of the trajectory teaches its beginning
            taught = FlowMap(self.teacher, self.precondition, condition)
            x_u = _MOVES[self.recipe.teacher](taught, x_t, sample, t, u)
            target = taught.jump(x_u, u, s)
        model = FlowMap(self.network, self.precondition, condition)
        error = model.jump(x_t, t, s) - target
        if self.recipe.weighs_output:
            error = error / self.precondition.jump_scale(t, s, error)
        inconsistency = sum_rows(error**2)
        denoised, _ = model.data_and_noise(x_t, t, t)
        instantaneous = sum_rows((denoised - sample) ** 2)
        is_warm = self.grid.progress >= self.recipe.warmup
        jumping = torch.where(is_warm, inconsistency, 0.0)
        return jumping + self.recipe.instantaneous_weight * instantaneous

    def after_step(self, progress: float) -> None:
        """Let the slow copy follow, and the grid grow."""
        self.grid.advance(progress)
        move_towards(self.teacher, self.network, 1.0 - self.recipe.ema)


def _by_data(taught: FlowMap, x_t: Tensor, sample: Tensor, t: Tensor, u: Tensor) -> Tensor:
    """Go on towards the sample that x_t was made from: no model is asked."""
    return taught.path.carry(x_t, sample, t, u)


def _by_euler(taught: FlowMap, x_t: Tensor, sample: Tensor, t: Tensor, u: Tensor) -> Tensor:
    return x_t + expand(u - t, x_t) * taught.velocity(x_t, t)


def _by_heun(taught: FlowMap, x_t: Tensor, sample: Tensor, t: Tensor, u: Tensor) -> Tensor:
    step, slope = expand(u - t, x_t), taught.velocity(x_t, t)
    return x_t + 0.5 * step * (slope + taught.velocity(x_t + step * slope, u))


def _by_semigroup(taught: FlowMap, x_t: Tensor, sample: Tensor, t: Tensor, u: Tensor) -> Tensor:
    return taught.jump(x_t, t, u)


_MOVES = {
    "data": _by_data,
    "euler": _by_euler,
    "heun": _by_heun,
    "semigroup": _by_semigroup,
}
"""How a teacher gets from x_t to x_u, by the name of the option."""


@attrs.frozen(kw_only=True)
class Trajectory(BackboneRecipe):
    """A generative trajectory: the flow map of a Gaussian path's ODE."""

    default_solver: ClassVar[str] = "jump:5"

    path: Literal["ve", "linear"] = option("ve", help="the path from noise to data")
    sigma_min: float = option(0.002, help="noise that ve leaves at the data", gt=0)
    sigma_max: float = option(5.0, help="noise that ve starts from", gt=0)
    sigma_data: float = option(0.5, help="standard deviation of the data", gt=0)
    teacher: Literal["data", "euler", "heun", "semigroup"] = option(
        "data", help="what leads to the next grid point: the sample itself, or the slow copy"
    )
    weighting: Literal["output", "plain"] | None = option(
        None,
        help="of a jump's error: in units of the network's output, or as it is; "
        "none: output if the data teach, plain if a model does",
    )
    instantaneous_weight: float = option(1.0, help="weight of the instantaneous loss", ge=0)
    warmup: float = option(
        0.0, help="share of training with the instantaneous loss alone", ge=0, lt=1
    )
    ema: float = option(0.9, help="decay of the slow copy's weights", ge=0, lt=1)
    grid_first: int = option(10, help="steps of the time grid at first", ge=2)
    grid_last: int | None = option(
        None,
        help="steps of the time grid in the end; none: 1280 if the data teach, 40 if a model does",
        ge=2,
        le=5120,
    )
    turns: float = option(
        8.0, help="highest frequency at which the network is told a time, turns per unit", gt=0
    )

    @property
    def finest_grid(self) -> int:
        """How many steps the time grid has in the end."""
        return self.grid_last or (1280 if self.teacher == "data" else 40)

    @property
    def weighs_output(self) -> bool:
        """Whether a jump's error counts in units of the network's output."""
        return (self.weighting or ("output" if self.teacher == "data" else "plain")) == "output"

    def __attrs_post_init__(self) -> None:
        VEPath(self.sigma_min, self.sigma_max)  # refuses noise that does not fall
        check_growth(self.grid_first, self.finest_grid)

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> TrajectoryModel:
        """Return a trajectory model with fresh weights."""
        net = network.build(
            NetworkSpec(
                sample_shape=spec.sample_shape,
                condition_dim=spec.condition_dim,
                times=2,
                turns=self.turns,
            )
        )
        linear = self.path == "linear"
        path = LinearPath() if linear else VEPath(self.sigma_min, self.sigma_max)
        return TrajectoryModel(spec.sample_shape, path, net, self)
