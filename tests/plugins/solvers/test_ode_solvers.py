"""Solvers that integrate any field, against a known solution, and the steps of fixed ones."""

import itertools
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor

from genpolicy.backbone import Field, PathBackbone
from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.path import GVPPath, LinearPath, VEPath
from genpolicy.solver import OdeSolver, Solver
from genpolicy.testing.models import GaussianData
from genpolicy_plugins.solvers.dopri5 import Dopri5
from genpolicy_plugins.solvers.runge_kutta import Euler, RungeKutta
from genpolicy_plugins.solvers.torchdiffeq_solvers import TorchDiffEq

LOOSE = {"rtol": 1e3, "atol": 1e3}
"""Tolerances at which an adaptive solver's steps are the same shares of every stretch."""

SOLVERS: dict[str, tuple[OdeSolver, int]] = {
    **{
        name: (attrs.evolve(recipe(), steps=2), recipe.tableau.order)
        for name, recipe in {s.__name__.lower(): s for s in RungeKutta.__subclasses__()}.items()
    },
    "dopri5": (Dopri5(**LOOSE), 5),
    "torchdiffeq": (TorchDiffEq(method="heun3", steps=2), 3),
}
"""Every ODE solver with the order that it claims."""

every_solver = pytest.mark.parametrize("name", sorted(SOLVERS))


def _growth(x: Tensor, t: Tensor) -> Tensor:
    """A smooth field that is linear in neither x nor t: x' = 3 t x (1 - x)."""
    return 3.0 * t * x * (1.0 - x)


def _grown(x: Tensor, start: float, end: float) -> Tensor:
    """Its solution: the logistic curve of 3 t^2 / 2."""
    return torch.sigmoid(torch.logit(x) + 1.5 * (end**2 - start**2))


def _population() -> Tensor:
    return torch.tensor([[0.1], [0.3], [0.7]], dtype=torch.float64)


def _integrate(solver: OdeSolver, field: Field, state: Tensor, start: float, end: float) -> Tensor:
    """Solve in two equal steps, where the solver takes the steps it is given."""
    times = torch.linspace(start, end, 3, dtype=state.dtype)
    return solver.integrate(field, state, times)


def test_every_ode_solver_has_its_order_checked_here() -> None:
    catalogue = load_catalogue()
    loaded = {part.spec.name: catalogue.load(part, Solver) for part in catalogue.parts("solver")}
    found = {name for name, solver in loaded.items() if issubclass(solver, OdeSolver)}
    assert found == set(SOLVERS)
    assert {name: SOLVERS[name][1] for name in ("euler", "midpoint", "heun", "rk4")} == {
        "euler": 1,
        "midpoint": 2,
        "heun": 2,
        "rk4": 4,
    }


@pytest.mark.parametrize("direction", [1, -1], ids=["forward", "backward"])
@every_solver
def test_the_error_shrinks_with_the_claimed_order(
    name: str, direction: int, slope: Callable[..., float]
) -> None:
    """Over n equal stretches, each solved by steps that scale with it, the error is n^-order."""
    solver, order = SOLVERS[name]
    counts = [16, 32, 64]
    errors = [_error_over(solver, count, direction) for count in counts]
    assert slope([1.0 / count for count in counts], errors) == pytest.approx(order, abs=0.4)


def _error_over(solver: OdeSolver, count: int, direction: int) -> float:
    times = np.linspace(0.0, 1.0, count + 1)[::direction].tolist()
    state = _population()
    for start, end in itertools.pairwise(times):
        state = _integrate(solver, _growth, state, start, end)
    return float((state - _grown(_population(), times[0], times[-1])).norm())


@pytest.mark.parametrize("name", sorted(set(SOLVERS) - {"torchdiffeq"}))
def test_nothing_happens_in_no_time(name: str) -> None:
    solver, _ = SOLVERS[name]
    assert torch.equal(_integrate(solver, _growth, _population(), 0.5, 0.5), _population())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_solver
def test_precision_and_times_are_those_of_the_state(name: str, dtype: torch.dtype) -> None:
    def field(x: Tensor, t: Tensor) -> Tensor:
        assert t.dtype is dtype
        assert t.ndim == 0
        return _growth(x, t)

    solver, _ = SOLVERS[name]
    assert _integrate(solver, field, _population().to(dtype), 0.0, 1.0).dtype is dtype


@every_solver
def test_gradients_of_the_ode_are_those_of_finite_differences(name: str) -> None:
    solver = Dopri5(rtol=1e-9, atol=1e-9) if name == "dopri5" else SOLVERS[name][0]

    def end(state: Tensor, rate: Tensor) -> Tensor:
        return _integrate(solver, lambda x, t: rate * _growth(x, t), state, 0.0, 1.0)

    rate = torch.tensor([1.3], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(end, (_population().requires_grad_(), rate), atol=1e-4)


@pytest.mark.parametrize("solver", [Euler, TorchDiffEq], ids=lambda solver: solver.__name__)
def test_a_grid_of_noise_levels_asks_for_a_path(solver: type[Any]) -> None:
    fixed = {"method": "rk4"} if solver is TorchDiffEq else {}
    assert solver(**fixed).further_needs() == {}
    assert solver(**fixed, grid="uniform").further_needs() == {}
    assert solver(**fixed, grid="karras").further_needs() == {"policy": PathBackbone}
    assert solver(**fixed, grid="log-snr").further_needs() == {"policy": PathBackbone}


def test_adaptive_steps_ask_for_no_path_whatever_the_grid() -> None:
    assert TorchDiffEq(method="dopri8", grid="karras").further_needs() == {}


@pytest.mark.parametrize("solver", [Euler(steps=4), TorchDiffEq(method="rk4", steps=4)], ids=repr)
def test_steps_lie_on_the_path_s_grid_unless_another_is_named(solver: Any) -> None:
    like = torch.zeros((), dtype=torch.float64)
    for path in (LinearPath(0.1), GVPPath(), VEPath()):
        policy = GaussianData(path, [0.5], 0.4)
        assert torch.equal(solver.times(policy, like), path.times(4, like, path.grid))
        other = attrs.evolve(solver, grid="log-snr")
        assert torch.equal(other.times(policy, like), path.times(4, like, "log-snr"))
