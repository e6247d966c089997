"""Consistency training: every x_t of one ODE path is sent to the same sample.

    L = d(f(a + sigma_t z, t), sg f^-(a + sigma_u z, u))
    f(x, t) = data(x, t) + sigma_min noise(x, t)

with u the next grid point after t towards the data, and f^- a slow copy of f. At the path's end
f(x, t) = x by construction. Song et al. 2023, algorithm 3, arXiv 2303.01469, which has
``distance=squared``, ``levels=uniform`` and ``weighting=uniform``. The improvements of Song &
Dhariwal 2023, arXiv 2310.14189, are the growing grid (section 3.4), ``distance=huber`` (3.3),
``levels=log-normal`` and ``weighting=gap`` (3.5), all on by default, and no slow copy, ``ema=0``
(3.2), which is not: it drifts in a short training.

Differs from the paper: the network is told times no faster than ``turns``, for a model that learns
from its neighbours in time learns from its own roughness too; and the data and the noise of f come
from one preconditioned output, which agrees with its c_out and, to the order of sigma_min, with its
c_skip.
"""

import copy
import math
from typing import ClassVar, Literal

import attrs
import torch
from torch import Tensor

from genpolicy import (
    BackboneRecipe,
    ConsistencyBackbone,
    Network,
    NetworkRecipe,
    NetworkSpec,
    SampleSpec,
    option,
)
from genpolicy.averaging import move_towards
from genpolicy.path import VEPath
from genpolicy.shapes import sum_rows
from genpolicy_plugins.backbones.growing_grid import GrowingGrid, check_growth
from genpolicy_plugins.backbones.preconditioning import Preconditioning


class ConsistencyModel(ConsistencyBackbone):
    """Sends any x_t to its sample.

    Args:
        sample_shape: The shape of one sample.
        network: A network of one time.
        recipe: Its options.
    """

    def __init__(
        self, sample_shape: tuple[int, ...], network: Network, recipe: "Consistency"
    ) -> None:
        super().__init__(sample_shape, VEPath(recipe.sigma_min, recipe.sigma_max))
        self.network, self.recipe = network, recipe
        self.teacher = copy.deepcopy(network).requires_grad_(False) if recipe.ema else None
        self.precondition = Preconditioning(self.path, recipe.sigma_data)
        self.grid = GrowingGrid(self.path, recipe.grid_first, recipe.grid_last)

    def endpoint(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the sample that the network sends x_t to."""
        return self._endpoint(self.network, x_t, t, condition)

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return how far the samples of two neighbours on one path are apart."""
        index, noise = self._draw_index(sample), torch.randn_like(sample)
        t, u = self.grid.time(index), self.grid.time(index + 1.0)
        with torch.no_grad():  # the point nearer to the data teaches the other
            x_u = self.path.interpolate(sample, noise, u)
            target = self._endpoint(self._taught, x_u, u, condition)
        found = self.endpoint(self.path.interpolate(sample, noise, t), t, condition)
        return self._weight(t, u) * self._distance(found - target)

    def after_step(self, progress: float) -> None:
        """Let the slow copy follow, and the grid grow."""
        self.grid.advance(progress)
        if self.teacher is not None:
            move_towards(self.teacher, self.network, 1.0 - self.recipe.ema)

    @property
    def _taught(self) -> Network:
        return self.network if self.teacher is None else self.teacher

    def _endpoint(self, network: Network, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        given, angle = self.precondition.given(x_t, t), self.precondition.angle(t)
        predicted = network(given, network.encode(condition), angle)
        data, noise = self.precondition.data_and_noise(x_t, predicted, t)
        return self.path.interpolate(data, noise, x_t.new_full((), self.path.end))

    def _draw_index(self, sample: Tensor) -> Tensor:
        if self.recipe.levels == "uniform":
            return self.grid.draw_index(sample)
        return self.grid.draw_log_normal_index(
            sample, self.recipe.level_mean, self.recipe.level_std
        )

    def _distance(self, error: Tensor) -> Tensor:
        square = sum_rows(error**2)
        if self.recipe.distance == "squared":
            return 0.5 * square
        c = 0.00054 * math.sqrt(error[0].numel())  # Song & Dhariwal 2023, section 3.3
        return torch.sqrt(square + c**2) - c

    def _weight(self, t: Tensor, u: Tensor) -> Tensor:
        if self.recipe.weighting == "uniform":
            return torch.ones_like(t)
        return 1.0 / (self.path.sigma(t) - self.path.sigma(u))


@attrs.frozen(kw_only=True)
class Consistency(BackboneRecipe):
    """A consistency model, trained without a diffusion model to distil."""

    default_solver: ClassVar[str] = "jump:2"

    sigma_min: float = option(0.002, help="noise that is left at the data", gt=0)
    sigma_max: float = option(80.0, help="noise that samples start from", gt=0)
    sigma_data: float = option(0.5, help="standard deviation of the data", gt=0)
    grid_first: int = option(10, help="steps of the time grid at first", ge=2)
    grid_last: int = option(1280, help="steps of the time grid in the end", ge=2, le=5120)
    turns: float = option(
        8.0, help="highest frequency at which the network is told a time, turns per unit", gt=0
    )
    ema: float = option(0.9, help="decay of the teacher's weights; 0 for no teacher", ge=0, lt=1)
    distance: Literal["squared", "huber"] = option("huber", help="between two samples")
    levels: Literal["uniform", "log-normal"] = option("log-normal", help="how grid steps are drawn")
    level_mean: float = option(-1.1, help="mean of the noise level's logarithm in log-normal")
    level_std: float = option(2.0, help="standard deviation of the noise level's logarithm", gt=0)
    weighting: Literal["uniform", "gap"] = option(
        "gap", help="of grid steps; gap: by the inverse of their size"
    )

    def __attrs_post_init__(self) -> None:
        VEPath(self.sigma_min, self.sigma_max)  # refuses noise that does not fall
        check_growth(self.grid_first, self.grid_last)

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> ConsistencyModel:
        """Return a consistency model with fresh weights."""
        net = network.build(
            NetworkSpec(
                sample_shape=spec.sample_shape, condition_dim=spec.condition_dim, turns=self.turns
            )
        )
        return ConsistencyModel(spec.sample_shape, net, self)
