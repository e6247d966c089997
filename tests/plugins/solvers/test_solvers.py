"""What holds for every solver, found through the catalogue, on models in closed form."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.path import GaussianPath, GVPPath, LinearPath, VEPath, VPPath
from genpolicy.solver import Solver
from genpolicy.testing import SolverSuite
from genpolicy.testing.models import GaussianMap, Mixture

ODE = ["euler", "midpoint", "heun", "rk4", "dopri5", "torchdiffeq"]
DETERMINISTIC = [*ODE, "ddim", "dpm-solver++"]
STOCHASTIC = ["ddpm", "sde"]
EVERY = [*DETERMINISTIC, *STOCHASTIC, "jump"]

VARIANTS: dict[str, tuple[str, Mapping[str, Any]]] = {
    **{name: (name, {}) for name in EVERY},
    "euler-karras": ("euler", {"grid": "karras"}),
    "ddim-log-snr": ("ddim", {"grid": "log-snr"}),
    "dpm-solver++-karras": ("dpm-solver++", {"grid": "karras"}),
    "ddpm-half": ("ddpm", {"eta": 0.5}),
    "jump-renoise-half": ("jump", {"steps": 3, "renoise": 0.5}),
    "jump-renoise": ("jump", {"steps": 3, "renoise": 1.0}),
    "torchdiffeq-rk4": ("torchdiffeq", {"method": "rk4"}),
}

Make = Callable[..., Any]


class TestEverySolver(SolverSuite):
    @pytest.fixture(params=VARIANTS)
    def part(self, request: pytest.FixtureRequest) -> Solver:
        name, options = VARIANTS[request.param]
        catalogue = load_catalogue()
        return catalogue.load(catalogue.find("solver", name), Solver)(**options)


def test_every_solver_is_tested_here() -> None:
    parts = load_catalogue().parts("solver")
    assert {part.spec.name for part in parts} == {name for name, _ in VARIANTS.values()}


def _steps_for(name: str) -> int:
    return {"euler": 500, "ddim": 500, "rk4": 50}.get(name, 150)


@pytest.mark.parametrize("name", [*DETERMINISTIC, "jump"])
def test_noise_of_80_is_carried_to_the_known_gaussian(name: str, make_solver: Make) -> None:
    torch.manual_seed(0)
    policy, condition = GaussianMap(VEPath(), [0.5, -1.0], 0.4), torch.randn(20, 2).double()
    noise = policy.draw_noise(condition)
    with torch.no_grad():
        samples = make_solver(name, _steps_for(name)).sample(policy, condition, noise)
    close = 2e-2 if name in ("euler", "ddim") else 2e-3
    torch.testing.assert_close(samples, policy.carried(noise, condition), rtol=0, atol=close)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_noisy_samples_from_noise_of_80_have_the_mean_and_spread_of_the_data(
    name: str, make_solver: Make
) -> None:
    torch.manual_seed(0)
    policy, condition = GaussianMap(VEPath(), [0.5], 0.4), torch.zeros(20_000, 1).double()
    with torch.no_grad():
        noise = policy.draw_noise(condition)
        samples = make_solver(name, 250).sample(policy, condition, noise)
    assert float(samples.mean()) == pytest.approx(0.5, abs=0.015)
    assert float(samples.std()) == pytest.approx(0.4, abs=0.015)


@pytest.mark.parametrize("path", [LinearPath(0.0), VPPath()], ids=str)
@pytest.mark.parametrize("name", DETERMINISTIC)
def test_every_solver_of_the_ode_agrees_in_the_limit(
    name: str, path: GaussianPath, make_solver: Make
) -> None:
    """On data of three modes, whose flow map nobody wrote down."""
    torch.manual_seed(0)
    policy = Mixture(path, [[-0.7, -0.3], [0.5, 0.6], [0.2, -0.8]], 0.1)
    condition = torch.zeros(30, 1, dtype=torch.float64)
    noise = policy.draw_noise(condition)
    exact = make_solver("rk4", 100, grid="log-snr").sample(policy, condition, noise)
    samples = make_solver(name, _steps_for(name)).sample(policy, condition, noise)
    assert float((samples - exact).abs().mean()) < (3e-3 if name in ("euler", "ddim") else 1e-3)


@pytest.mark.parametrize("name", [*DETERMINISTIC, "jump"])
def test_a_solver_of_the_ode_draws_no_random_numbers(name: str, make_solver: Make) -> None:
    policy, generator = GaussianMap(GVPPath(), [0.5], 0.3), torch.Generator().manual_seed(0)
    noise = condition = torch.ones(4, 1, dtype=torch.float64)
    states = torch.get_rng_state(), generator.get_state()
    make_solver(name, 3).sample(policy, condition, noise, generator)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert torch.equal(generator.get_state(), states[1])


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"dopri5"}))
def test_a_solver_of_given_steps_takes_as_many_evaluations_as_it_says(
    name: str, make_solver: Make
) -> None:
    each = {"midpoint": 2, "heun": 2, "rk4": 4}.get(name, 1)
    policy: Any = GaussianMap(VEPath(), [0.5], 0.3)
    noise = condition = torch.ones(4, 1, dtype=torch.float64)
    calls = 0

    def count(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def counted(*arguments: Tensor) -> Tensor:
            nonlocal calls
            calls += 1
            return function(*arguments)

        return counted

    field = policy.field
    policy.field = lambda condition: count(field(condition))
    policy.jump = count(policy.jump)
    options = {"method": "heun3"} if name == "torchdiffeq" else {}
    make_solver(name, 7, **options).sample(policy, condition, noise)
    assert calls == (3 if name == "torchdiffeq" else each) * 7
