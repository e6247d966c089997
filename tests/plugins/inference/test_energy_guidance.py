"""Guided by its exact energy, a behaviour samples the tilted law whatever carries it there."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest
import torch
from torch import Tensor

from genpolicy.errors import FitError
from genpolicy.guide import Guide
from genpolicy.path import GaussianPath, GVPPath, LinearPath, VEPath, VPPath
from genpolicy.solver import Solver
from genpolicy_plugins.inference.energy_guidance import EnergyGuidance

PATHS: dict[str, GaussianPath] = {
    "linear": LinearPath(),
    "smoothed": LinearPath(0.1),
    "vp": VPPath(),
    "gvp": GVPPath(),
    "ve": VEPath(),
}
MEAN, STD = 0.4, 0.6
"""Of the behaviour's actions: N(s + 0.4, 0.6^2) in every dimension."""
BETA, SLOPE, CURVATURE = 2.0, (0.8, -0.5), 1.5

every_path = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)


class Exact(Guide):
    """f = log E[exp(beta Q(a)) | x_t] for Q = slope · a - curvature a^2 / 2, in closed form.

    a given x_t is N(m, v) with m = centre + k (x_t - alpha centre), k = alpha std^2 / S^2,
    v = std^2 sigma^2 / S^2 and S^2 = alpha^2 std^2 + sigma^2; and then
    log E exp(b a - h a^2 / 2) = (b m + b^2 v / 2 - h m^2 / 2) / (1 + h v) + constant.
    """

    def __init__(self, path: GaussianPath, curvature: float) -> None:
        super().__init__()
        self.path, self.curvature = path, curvature

    def read(self, u: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        alpha, sigma = (value.reshape(-1, 1) for value in (self.path.alpha(t), self.path.sigma(t)))
        total, centre = alpha**2 * STD**2 + sigma**2, condition + MEAN
        b, h = BETA * u.new_tensor(SLOPE), BETA * self.curvature
        # alpha x_t is (alpha^2 + sigma^2) u, so that k x_t is finite where alpha is 0
        m = centre + STD**2 * ((alpha**2 + sigma**2) * u - alpha**2 * centre) / total
        v = STD**2 * sigma**2 / total
        return ((b * m + 0.5 * b**2 * v - 0.5 * h * m**2) / (1.0 + h * v)).sum(1)


def _behaviour(gaussian_data: Any, path: GaussianPath) -> Any:
    return gaussian_data(path, [MEAN, MEAN], STD)


def _moments(curvature: float, centre: Tensor) -> tuple[Tensor, float]:
    """The mean and the spread of N(centre, std^2) times exp(beta Q)."""
    precision = 1.0 / STD**2 + BETA * curvature
    mean = (centre / STD**2 + BETA * centre.new_tensor(SLOPE)) / precision
    return mean, precision**-0.5


def _tilted(gaussian_data: Any, path: GaussianPath, curvature: float) -> Any:
    """The exact model of the tilted law; for observations 0."""
    mean, std = _moments(curvature, torch.full((2,), MEAN, dtype=torch.float64))
    return gaussian_data(path, mean.tolist(), std)


@every_path
@pytest.mark.parametrize("curvature", [0.0, CURVATURE])
def test_the_guided_velocity_is_that_of_the_tilted_law(
    curvature: float, path: GaussianPath, gaussian_data: Any, seen: Any
) -> None:
    torch.manual_seed(0)
    behaviour, guide = _behaviour(gaussian_data, path), Exact(path, curvature)
    zero = torch.zeros(50, 2, dtype=torch.float64)
    EnergyGuidance().act(zero, None, behaviour, guide, seen)
    share = torch.rand(50, dtype=torch.float64)
    share[:2] = torch.tensor([0.0, 1.0])  # both ends as well
    t = path.time_on(share)
    x = path.interpolate(zero + MEAN, torch.randn_like(zero), t)
    guided = seen.policy.velocity(x, t, zero)
    torch.testing.assert_close(guided, _tilted(gaussian_data, path, curvature).velocity(x, t, zero))


@every_path
def test_the_scale_is_a_power_of_the_tilt(
    path: GaussianPath, gaussian_data: Any, seen: Any
) -> None:
    """The change of velocity is linear in it, and none at 0."""
    torch.manual_seed(0)
    behaviour, guide = _behaviour(gaussian_data, path), Exact(path, 0.0)
    rows = torch.randn(9, 2, dtype=torch.float64)
    t = path.time_on(torch.rand(9, dtype=torch.float64))
    changes = []
    for scale in (0.0, 1.0, 3.0):
        EnergyGuidance(scale=scale).act(rows, None, behaviour, guide, seen)
        changes.append(seen.policy.velocity(rows, t, rows) - behaviour.velocity(rows, t, rows))
    torch.testing.assert_close(changes[0], torch.zeros_like(rows))
    torch.testing.assert_close(changes[2], 3.0 * changes[1])


SOLVERS = ("euler", "midpoint", "heun", "rk4", "dopri5", "ddim", "dpm-solver++", "ddpm", "sde")


def _solver(catalogue: Any, name: str, steps: int) -> Any:
    recipe = catalogue.load(catalogue.find("solver", name), Solver)
    known = {field.name for field in attrs.fields(recipe)}
    grid = {"grid": "log-snr"} if "grid" in known and name != "dpm-solver++" else {}
    return recipe(**{"steps": steps} if "steps" in known else {}, **grid)


@torch.no_grad()
def _act(behaviour: Any, guide: Guide, solver: Any, rows: int) -> Tensor:
    zero = torch.zeros(rows, 2, dtype=torch.float64)
    return EnergyGuidance().act(zero, torch.Generator().manual_seed(1), behaviour, guide, solver)


@every_path
@pytest.mark.parametrize("name", SOLVERS)
def test_any_solver_is_guided_as_one_of_the_tilted_law(
    name: str, path: GaussianPath, gaussian_data: Any, catalogue: Any
) -> None:
    behaviour, solver = _behaviour(gaussian_data, path), _solver(catalogue, name, 6)
    tilted = _tilted(gaussian_data, path, CURVATURE)
    acted = _act(behaviour, Exact(path, CURVATURE), solver, 8)
    generator = torch.Generator().manual_seed(1)
    zero = torch.zeros(8, 2, dtype=torch.float64)
    with torch.no_grad():
        noise = tilted.draw_noise(zero, generator)
        known = solver.sample(tilted, zero, noise, generator)
    torch.testing.assert_close(acted, known)


@every_path
@pytest.mark.parametrize("name", SOLVERS)
def test_a_slope_moves_the_behaviour_and_keeps_its_spread(
    name: str, path: GaussianPath, gaussian_data: Any, catalogue: Any
) -> None:
    """N(m, std^2) times exp(beta slope · a) is N(m + beta std^2 slope, std^2)."""
    rows = 4000
    behaviour, solver = _behaviour(gaussian_data, path), _solver(catalogue, name, 100)
    action = _act(behaviour, Exact(path, 0.0), solver, rows)
    mean = MEAN + BETA * STD**2 * torch.tensor(SLOPE, dtype=torch.float64)
    error = 5.0 * STD / rows**0.5
    torch.testing.assert_close(action.mean(0), mean, atol=error + 0.02, rtol=0)
    spread = torch.full((2,), STD, dtype=torch.float64)
    torch.testing.assert_close(action.std(0), spread, atol=error + 0.02, rtol=0)


def test_the_energy_guides_each_row_by_its_own_observation(
    gaussian_data: Any, catalogue: Any
) -> None:
    path = LinearPath()
    behaviour, solver = _behaviour(gaussian_data, path), _solver(catalogue, "rk4", 30)
    observation = torch.tensor([[1.0, 0.0], [0.0, -2.0], [3.0, 3.0]], dtype=torch.float64)
    rows = observation.repeat_interleave(2000, 0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        action = EnergyGuidance().act(rows, generator, behaviour, Exact(path, CURVATURE), solver)
    means = action.reshape(3, 2000, 2).mean(1)
    known, spread = _moments(CURVATURE, observation + MEAN)
    torch.testing.assert_close(means, known, atol=5.0 * spread / 2000**0.5, rtol=0)


def test_an_objective_without_a_guide_is_refused(small_recipe: Callable[..., Any]) -> None:
    small_recipe("qgpo", "inference=energy-guidance")
    with pytest.raises(FitError) as caught:
        small_recipe("idql", "inference=energy-guidance")
    (problem,) = caught.value.problems
    assert problem == "energy-guidance asks for 'guide', and 'idql' has no such role"
