"""Explicit Runge-Kutta solvers with a fixed number of steps: tables over one loop.

    k_i = f(x + h sum_j a_ij k_j, t + c_i h),    x <- x + h sum_i b_i k_i

Hairer, Norsett & Wanner 1993, "Solving Ordinary Differential Equations I", section II.1.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import torch
from torch import Tensor

from genpolicy import OdeSolver, PathBackbone, VelocityBackbone, option
from genpolicy.backbone import Field
from genpolicy.path import Grid
from genpolicy.shapes import evenly


@attrs.frozen
class Tableau:
    """The numbers of an explicit Runge-Kutta method.

    Args:
        a: One row of weights of earlier slopes per stage.
        b: The weight of each slope in the step.
        c: The time of each slope, as a share of the step.
        order: The power of the step with which the error shrinks.
    """

    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]
    order: int


@attrs.frozen(kw_only=True)
class RungeKutta(OdeSolver):
    """A fixed-step solver given by a table."""

    argument: ClassVar[str] = "steps"
    tableau: ClassVar[Tableau]
    steps: int
    grid: Grid | None = option(None, help="where the steps lie; none: as the path's own grid says")

    def convergence(self) -> float:
        """Return the order of the table."""
        return self.tableau.order

    def further_needs(self) -> Mapping[str, Any]:
        """Ask for a path if the grid is one of its noise levels."""
        return {} if self.grid in (None, "uniform") else {"policy": PathBackbone}

    def times(self, policy: VelocityBackbone, like: Tensor) -> Tensor:
        """Return ``steps + 1`` times on the grid."""
        if isinstance(policy, PathBackbone):
            return policy.path.times(self.steps, like, self.grid)
        return evenly(*policy.time_span, self.steps + 1, like)

    def integrate(self, field: Field, state: Tensor, times: Tensor) -> Tensor:
        """Step from each time to the next."""
        for t, step in zip(times[:-1].unbind(), times.diff().unbind(), strict=True):
            state = _step(self.tableau, field, state, t, step)
        return state


def _step(tableau: Tableau, field: Field, x: Tensor, t: Tensor, step: Tensor) -> Tensor:
    slopes: list[Tensor] = []
    for row, c in zip(tableau.a, tableau.c, strict=True):
        slopes.append(field(_advance(x, row, slopes, step), t + c * step))
    return _advance(x, tableau.b, slopes, step)


def _advance(x: Tensor, weights: tuple[float, ...], slopes: list[Tensor], step: Tensor) -> Tensor:
    for weight, slope in zip(weights, slopes, strict=True):
        if weight:
            x = torch.addcmul(x, slope, step, value=weight)
    return x


@attrs.frozen(kw_only=True)
class Euler(RungeKutta):
    """One evaluation per step, first order."""

    tableau: ClassVar[Tableau] = Tableau(a=((),), b=(1.0,), c=(0.0,), order=1)
    steps: int = option(31, help="steps, one evaluation each", ge=1)


@attrs.frozen(kw_only=True)
class Midpoint(RungeKutta):
    """Two evaluations per step, second order."""

    tableau: ClassVar[Tableau] = Tableau(a=((), (0.5,)), b=(0.0, 1.0), c=(0.0, 0.5), order=2)
    steps: int = option(10, help="steps, two evaluations each", ge=1)


@attrs.frozen(kw_only=True)
class Heun(RungeKutta):
    """The trapezoidal rule: two evaluations per step, second order."""

    tableau: ClassVar[Tableau] = Tableau(a=((), (1.0,)), b=(0.5, 0.5), c=(0.0, 1.0), order=2)
    steps: int = option(10, help="steps, two evaluations each", ge=1)


@attrs.frozen(kw_only=True)
class RK4(RungeKutta):
    """The classical method: four evaluations per step, fourth order."""

    tableau: ClassVar[Tableau] = Tableau(
        a=((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)),
        b=(1 / 6, 1 / 3, 1 / 3, 1 / 6),
        c=(0.0, 0.5, 0.5, 1.0),
        order=4,
    )
    steps: int = option(5, help="steps, four evaluations each", ge=1)
