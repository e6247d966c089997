"""Every solver that integrates an ODE, found through the catalogue, against known solutions."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor

from genpolicy.backbone import Field, SampleSpec
from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.errors import RunError
from genpolicy.path import GaussianPath, GVPPath, LinearPath, VPPath
from genpolicy.shapes import group_rows, repeat_rows
from genpolicy.solver import DifferentiableSolver, OdeSolver, Solver
from genpolicy_plugins.backbones.flow import Flow
from genpolicy_plugins.networks.mlp import MLP
from genpolicy_plugins.solvers.dopri5 import Dopri5
from genpolicy_plugins.solvers.runge_kutta import RungeKutta

ORDERS = {"euler": 1, "midpoint": 2, "heun": 2, "rk4": 4, "dopri5": 5}
"""The order that each solver's summary claims."""


def _solvers(base: type[Solver]) -> dict[str, type[Solver]]:
    catalogue = load_catalogue()
    loaded = {part.spec.name: catalogue.load(part, Solver) for part in catalogue.parts("solver")}
    return {name: solver for name, solver in loaded.items() if issubclass(solver, base)}


def _growth(x: Tensor, t: Tensor) -> Tensor:
    """A smooth field that is linear in neither x nor t: x' = 3 t x (1 - x)."""
    return 3.0 * t * x * (1.0 - x)


def _grown(x: Tensor, start: float, end: float) -> Tensor:
    """Its solution: the logistic curve of 3 t^2 / 2."""
    return torch.sigmoid(torch.logit(x) + 1.5 * (end**2 - start**2))


def _integrate(solver: OdeSolver, field: Field, state: Tensor, start: float, end: float) -> Tensor:
    """Solve in as many equal steps as a solver of fixed steps has."""
    steps = solver.steps if isinstance(solver, RungeKutta) else 1
    times = torch.linspace(start, end, steps + 1, dtype=state.dtype)
    return solver.integrate(field, state, times)


def _slope(sizes: list[float], errors: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])


def _population() -> Tensor:
    return torch.tensor([[0.1], [0.3], [0.7]], dtype=torch.float64)


def test_every_ode_solver_has_its_order_checked_here() -> None:
    assert set(_solvers(OdeSolver)) == set(ORDERS)


@pytest.mark.parametrize("direction", [1, -1], ids=["forward", "backward"])
@pytest.mark.parametrize("name", sorted(ORDERS))
def test_the_error_shrinks_with_the_claimed_order(name: str, direction: int) -> None:
    """Over n equal stretches, each solved by steps that scale with it, the error is n^-order."""
    recipe = _solvers(OdeSolver)[name]
    # so loose that an adaptive solver's steps are the same shares of every stretch
    solver = Dopri5(rtol=1e3, atol=1e3) if recipe is Dopri5 else attrs.evolve(recipe(), steps=2)
    assert isinstance(solver, OdeSolver)
    counts = [16, 32, 64]
    errors = [_error_over(solver, count, direction) for count in counts]
    shares = [1.0 / count for count in counts]
    assert _slope(shares, errors) == pytest.approx(ORDERS[name], abs=0.4)
    if isinstance(solver, RungeKutta):
        assert solver.tableau.order == ORDERS[name]


def _error_over(solver: OdeSolver, count: int, direction: int) -> float:
    times = np.linspace(0.0, 1.0, count + 1)[::direction].tolist()
    state = _population()
    for start, end in itertools.pairwise(times):
        state = _integrate(solver, _growth, state, start, end)
    return float((state - _grown(_population(), times[0], times[-1])).norm())


@pytest.mark.parametrize("span", [(0.0, 1.0), (1.0, 0.0)], ids=["forward", "backward"])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-5, 1e-7, 1e-9])
def test_dopri5_meets_its_tolerance(tolerance: float, span: tuple[float, float]) -> None:
    solver = Dopri5(rtol=tolerance, atol=tolerance)
    found = _integrate(solver, _growth, _population(), *span)
    error = (found - _grown(_population(), *span)).abs().max()
    assert float(error) < 10 * tolerance


def test_dopri5_takes_more_steps_for_a_tighter_tolerance() -> None:
    def evaluations(tolerance: float) -> int:
        times: list[Tensor] = []

        def field(x: Tensor, t: Tensor) -> Tensor:
            times.append(t)
            return _growth(x, t)

        _integrate(Dopri5(rtol=tolerance, atol=tolerance), field, _population(), 0.0, 1.0)
        return len(times)

    assert evaluations(1e-10) > 2 * evaluations(1e-4)


def test_dopri5_says_when_it_takes_too_many_steps() -> None:
    with pytest.raises(RunError, match=r"did not get from t = 0.0 to 1.0 in 3 steps") as caught:
        _integrate(Dopri5(max_steps=3, rtol=1e-10), _growth, _population(), 0.0, 1.0)
    assert "raise solver.max_steps, or loosen solver.rtol and solver.atol" in str(caught.value)


def test_dopri5_may_use_all_the_steps_it_is_allowed() -> None:
    def arrives(count: int) -> bool:
        try:
            solver = Dopri5(max_steps=count, rtol=1e3, atol=1e3)
            _integrate(solver, _growth, _population(), 0.0, 1.0)
        except RunError:
            return False
        return True

    # a twentieth of the way, then five times as far, then the rest
    assert [arrives(count) for count in (1, 2, 3, 4)] == [False, False, True, True]


@pytest.mark.parametrize("bad_from", [0.0, 0.4], ids=["at once", "on the way"])
def test_dopri5_says_that_a_field_is_not_finite(bad_from: float) -> None:
    def field(x: Tensor, t: Tensor) -> Tensor:
        return x * (math.nan if float(t) >= bad_from else 1.0)

    with pytest.raises(RunError, match="dopri5 met a velocity that is not finite"):
        _integrate(Dopri5(), field, _population(), 0.0, 1.0)


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_nothing_happens_in_no_time(name: str) -> None:
    solver = _solvers(OdeSolver)[name]()
    assert isinstance(solver, OdeSolver)
    assert torch.equal(_integrate(solver, _growth, _population(), 0.5, 0.5), _population())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", sorted(ORDERS))
def test_precision_and_times_are_those_of_the_state(name: str, dtype: torch.dtype) -> None:
    def field(x: Tensor, t: Tensor) -> Tensor:
        assert t.dtype is dtype
        assert t.ndim == 0
        return _growth(x, t)

    solver = _solvers(OdeSolver)[name]()
    assert isinstance(solver, OdeSolver)
    assert _integrate(solver, field, _population().to(dtype), 0.0, 1.0).dtype is dtype


def _tight(recipe: type[Solver]) -> Solver:
    """A solver of few steps, or of a tolerance at which finite differences mean something."""
    if recipe is Dopri5:
        return Dopri5(rtol=1e-9, atol=1e-9)
    return attrs.evolve(recipe(), steps=3)


@pytest.mark.parametrize("name", sorted(_solvers(DifferentiableSolver)))
def test_gradients_of_the_ode_are_those_of_finite_differences(name: str) -> None:
    solver = _tight(_solvers(DifferentiableSolver)[name])
    assert isinstance(solver, OdeSolver)

    def end(state: Tensor, rate: Tensor) -> Tensor:
        return _integrate(solver, lambda x, t: rate * _growth(x, t), state, 0.0, 1.0)

    rate = torch.tensor([1.3], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(end, (_population().requires_grad_(), rate), atol=1e-4)


@pytest.mark.parametrize("name", sorted(_solvers(DifferentiableSolver)))
def test_samples_carry_exact_gradients_to_noise_condition_and_weights(name: str) -> None:
    torch.manual_seed(0)
    solver = _tight(_solvers(DifferentiableSolver)[name])
    network = MLP(hidden=(6,), time_dim=4)
    policy = Flow().build(SampleSpec(sample_shape=(2,), condition_dim=3), network).double()
    noise, condition = torch.randn(4, 2).double(), torch.randn(4, 3).double()
    weights = list(policy.parameters())

    def objective(noise: Tensor, condition: Tensor) -> Tensor:
        samples = solver.sample(policy, condition, noise)
        return (samples**3).sum()

    inputs = (noise.clone().requires_grad_(), condition.clone().requires_grad_())
    gradients = torch.autograd.grad(objective(*inputs), (*inputs, *weights))
    tensors = [noise, condition, *[weight.data for weight in weights]]
    for tensor, gradient in zip(tensors, gradients, strict=True):
        direction = torch.randn_like(tensor)
        measured = _along(lambda: objective(noise, condition), tensor, direction)
        assert float((gradient * direction).sum()) == pytest.approx(measured, rel=1e-4, abs=1e-5)


@torch.no_grad()
def _along(function: Callable[[], Tensor], tensor: Tensor, direction: Tensor) -> float:
    """The derivative of ``function`` along a direction of a tensor, by finite differences."""
    h = 1e-5
    tensor.add_(direction, alpha=h)
    above = float(function())
    tensor.sub_(direction, alpha=2 * h)
    below = float(function())
    tensor.add_(direction, alpha=h)
    return (above - below) / (2 * h)


@pytest.mark.parametrize("path", [LinearPath(0.0), LinearPath(0.1), VPPath(), GVPPath()], ids=str)
def test_noise_is_carried_to_the_known_gaussian(
    path: GaussianPath, gaussian_data: Callable[..., Any]
) -> None:
    torch.manual_seed(0)
    policy = gaussian_data(path, [0.5, -1.0], 0.4)
    condition = torch.randn(50, 2, dtype=torch.float64)
    noise = policy.draw_noise(condition)
    samples = Dopri5(rtol=1e-9, atol=1e-9).sample(policy, condition, noise)
    torch.testing.assert_close(samples, policy.carried(noise, condition), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("path", "std"),
    [(LinearPath(0.0), 0.4), (LinearPath(0.1), 0.17**0.5), (GVPPath(), 0.4)],
    ids=str,
)
def test_samples_have_the_mean_and_spread_of_the_data(
    path: GaussianPath, std: float, gaussian_data: Callable[..., Any]
) -> None:
    torch.manual_seed(0)
    policy = gaussian_data(path, [0.5, -1.0], 0.4)
    condition = torch.zeros(20_000, 2, dtype=torch.float64)
    with torch.no_grad():
        samples = Dopri5().sample(policy, condition, policy.draw_noise(condition))
    mean = torch.tensor([0.5, -1.0], dtype=torch.float64)
    torch.testing.assert_close(samples.mean(0), mean, rtol=0, atol=0.01)
    torch.testing.assert_close(samples.std(0), torch.full_like(mean, std), rtol=0, atol=0.01)


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_every_candidate_stays_with_its_condition(
    name: str, gaussian_data: Callable[..., Any]
) -> None:
    torch.manual_seed(0)
    solver = _solvers(OdeSolver)[name]()
    assert isinstance(solver, OdeSolver)
    policy = gaussian_data(LinearPath(0.0), [0.0], 0.05)
    condition = torch.tensor([[0.0], [10.0], [-5.0]], dtype=torch.float64)
    repeated = repeat_rows(condition, 4)
    with torch.no_grad():
        samples = group_rows(solver.sample(policy, repeated, policy.draw_noise(repeated)), 4)
    assert samples.shape == (3, 4, 1)
    assert float((samples - condition[:, None]).abs().max()) < 1.0


@pytest.mark.parametrize("name", sorted(set(ORDERS) - {"dopri5"}))
def test_a_sample_depends_on_its_own_row_alone(
    name: str, gaussian_data: Callable[..., Any]
) -> None:
    torch.manual_seed(0)
    solver = _solvers(OdeSolver)[name]()
    assert isinstance(solver, OdeSolver)
    policy = gaussian_data(GVPPath(), [0.5, 0.5], 0.3)
    condition = torch.randn(6, 2, dtype=torch.float64)
    noise, order = policy.draw_noise(condition), torch.tensor([3, 0, 5, 1, 4, 2])
    whole = solver.sample(policy, condition, noise)
    torch.testing.assert_close(solver.sample(policy, condition[order], noise[order]), whole[order])
    torch.testing.assert_close(solver.sample(policy, condition[2:3], noise[2:3]), whole[2:3])
