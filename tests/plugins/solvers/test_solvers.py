"""What holds for every solver, found through the catalogue, on models in closed form."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from genpolicy.backbone import SampleSpec
from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.path import GaussianPath, GVPPath, LinearPath, VEPath, VPPath
from genpolicy.shapes import group_rows, repeat_rows
from genpolicy.solver import DifferentiableSolver
from genpolicy_plugins.backbones.flow import Flow
from genpolicy_plugins.networks.mlp import MLP

ODE = ["euler", "midpoint", "heun", "rk4", "dopri5", "torchdiffeq"]
DETERMINISTIC = [*ODE, "ddim", "dpm-solver++"]
STOCHASTIC = ["ddpm", "sde"]
EVERY = [*DETERMINISTIC, *STOCHASTIC, "jump"]
ADAPTIVE = ["dopri5", "torchdiffeq"]  # one step size for the whole batch

PATHS = [LinearPath(0.0), LinearPath(0.1), VPPath(), GVPPath(), VEPath()]
every_path = pytest.mark.parametrize("path", PATHS, ids=str)

Make = Callable[..., Any]


def test_every_solver_is_tested_here() -> None:
    parts = load_catalogue().parts("solver")
    assert {part.spec.name for part in parts} == set(EVERY)


def _steps_for(name: str) -> int:
    return {"euler": 500, "ddim": 500, "rk4": 50}.get(name, 150)


@every_path
@pytest.mark.parametrize("name", [*DETERMINISTIC, "jump"])
def test_noise_is_carried_to_the_known_gaussian(
    name: str, path: GaussianPath, make_solver: Make, gaussian_map: Make
) -> None:
    torch.manual_seed(0)
    policy, condition = gaussian_map(path, [0.5, -1.0], 0.4), torch.randn(20, 2).double()
    noise = policy.draw_noise(condition)
    with torch.no_grad():
        samples = make_solver(name, _steps_for(name)).sample(policy, condition, noise)
    close = 2e-2 if name in ("euler", "ddim") else 2e-3
    torch.testing.assert_close(samples, policy.carried(noise, condition), rtol=0, atol=close)


@every_path
@pytest.mark.parametrize("name", STOCHASTIC)
def test_noisy_samples_have_the_mean_and_spread_of_the_data(
    name: str, path: GaussianPath, make_solver: Make, gaussian_map: Make
) -> None:
    torch.manual_seed(0)
    policy, condition = gaussian_map(path, [0.5], 0.4), torch.zeros(20_000, 1).double()
    with torch.no_grad():
        noise = policy.draw_noise(condition)
        samples = make_solver(name, 250).sample(policy, condition, noise)
    end = torch.tensor(path.end, dtype=torch.float64)
    assert float(samples.mean()) == pytest.approx(0.5, abs=0.015)
    assert float(samples.std()) == pytest.approx(policy.spread(end).item(), abs=0.015)


@pytest.mark.parametrize("path", [LinearPath(0.0), VPPath()], ids=str)
@pytest.mark.parametrize("name", DETERMINISTIC)
def test_every_solver_of_the_ode_agrees_in_the_limit(
    name: str, path: GaussianPath, make_solver: Make, mixture: Make
) -> None:
    """On data of three modes, whose flow map nobody wrote down."""
    torch.manual_seed(0)
    policy = mixture(path, [[-0.7, -0.3], [0.5, 0.6], [0.2, -0.8]], 0.1)
    condition = torch.zeros(30, 1, dtype=torch.float64)
    noise = policy.draw_noise(condition)
    exact = make_solver("rk4", 100, grid="log-snr").sample(policy, condition, noise)
    samples = make_solver(name, _steps_for(name)).sample(policy, condition, noise)
    assert float((samples - exact).abs().mean()) < (3e-3 if name in ("euler", "ddim") else 1e-3)


@every_path
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", EVERY)
def test_samples_are_finite_and_of_the_precision_of_the_noise(
    name: str, dtype: torch.dtype, path: GaussianPath, make_solver: Make, gaussian_map: Make
) -> None:
    torch.manual_seed(0)
    policy, condition = gaussian_map(path, [0.5], 0.4).to(dtype), torch.zeros(5, 1, dtype=dtype)
    noise = policy.draw_noise(condition)
    loose = {"rtol": 1e-3, "atol": 1e-3} if name in ADAPTIVE else {}
    for steps in (1, 2, 7, 100):
        samples = make_solver(name, steps, **loose).sample(policy, condition, noise)
        assert samples.dtype is dtype
        assert torch.isfinite(samples).all()


def _tight(name: str, make_solver: Make) -> DifferentiableSolver:
    """A solver of few steps, or of a tolerance at which finite differences mean something."""
    solver = make_solver(name, 3, **({"renoise": 0.5} if name == "jump" else {}))
    assert isinstance(solver, DifferentiableSolver)
    return solver


@pytest.mark.parametrize("name", EVERY)
def test_gradients_of_samples_are_those_of_finite_differences(
    name: str, make_solver: Make, gaussian_map: Make
) -> None:
    """To the noise, the condition and the weights, with any further noise held fixed."""
    torch.manual_seed(0)
    solver, policy = _tight(name, make_solver), gaussian_map(VPPath(), [0.5, -0.2], 0.4)
    noise, condition = torch.randn(3, 2).double(), torch.randn(3, 2).double()

    def objective(noise: Tensor, condition: Tensor) -> Tensor:
        seeded = torch.Generator().manual_seed(0)
        return (solver.sample(policy, condition, noise, seeded) ** 3).sum()

    inputs, weights = [noise, condition], list(policy.parameters())
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    gradients = torch.autograd.grad(objective(*leaves), [*leaves, *weights])
    tensors = [*inputs, *[weight.data for weight in weights]]
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


@pytest.mark.parametrize("name", [*DETERMINISTIC, *STOCHASTIC])
def test_a_network_s_weights_get_gradients(name: str, make_solver: Make) -> None:
    policy = Flow().build(SampleSpec(sample_shape=(2, 3), condition_dim=4), MLP(hidden=(6,)))
    condition = torch.randn(5, 4)
    solver = make_solver(name, 2, **({"rtol": 0.1, "atol": 0.1} if name in ADAPTIVE else {}))
    samples = solver.sample(policy, condition, policy.draw_noise(condition))
    assert samples.shape == (5, 2, 3)
    samples.square().sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in policy.parameters())


@pytest.mark.parametrize("name", EVERY)
def test_every_candidate_stays_with_its_condition(
    name: str, make_solver: Make, gaussian_map: Make
) -> None:
    torch.manual_seed(0)
    policy = gaussian_map(LinearPath(0.0), [0.0], 0.05)
    condition = torch.tensor([[0.0], [10.0], [-5.0]], dtype=torch.float64)
    repeated = repeat_rows(condition, 4)
    with torch.no_grad():
        noise = policy.draw_noise(repeated)
        samples = group_rows(make_solver(name, 20).sample(policy, repeated, noise), 4)
    assert samples.shape == (3, 4, 1)
    assert float((samples - condition[:, None]).abs().max()) < 1.0


@pytest.mark.parametrize("name", sorted(set(EVERY) - set(ADAPTIVE)))
def test_a_sample_depends_on_its_own_row_alone(
    name: str, make_solver: Make, gaussian_map: Make
) -> None:
    torch.manual_seed(0)
    solver, policy = make_solver(name, 5), gaussian_map(GVPPath(), [0.5, 0.5], 0.3)
    condition = torch.randn(6, 2, dtype=torch.float64)
    noise = policy.draw_noise(condition)

    def sample() -> Tensor:
        return solver.sample(policy, condition, noise, torch.Generator().manual_seed(0))

    whole = sample()
    condition[0], noise[0] = 3.0, -2.0
    changed = sample()
    assert torch.equal(changed[1:], whole[1:])
    assert not torch.equal(changed[0], whole[0])


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, {}) for name in sorted(set(EVERY) - set(ADAPTIVE))]
    + [("jump", {"renoise": 0.5}), ("jump", {"renoise": 1.0}), ("ddim", {"grid": "log-snr"})],
)
def test_steps_read_no_tensor_on_the_host(
    name: str, options: dict[str, Any], make_solver: Make, gaussian_map: Make
) -> None:
    """On the meta device tensors have no values: whatever reads or moves one fails."""
    policy = gaussian_map(VPPath(), [0.5], 0.4).to("meta")
    noise = condition = torch.zeros(4, 1, dtype=torch.float64, device="meta")
    samples = make_solver(name, 4, **options).sample(policy, condition, noise)
    assert samples.device.type == "meta"


@pytest.mark.parametrize(("name", "options"), [("ddpm", {}), ("sde", {}), ("jump", {"renoise": 1})])
def test_fresh_noise_comes_from_the_generator_or_else_from_global_random_numbers(
    name: str, options: dict[str, Any], make_solver: Make, gaussian_map: Make
) -> None:
    solver, policy = make_solver(name, 5, **options), gaussian_map(GVPPath(), [0.5], 0.3)
    noise = condition = torch.ones(4, 1, dtype=torch.float64)

    def sample(seed: int | None) -> Tensor:
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        return solver.sample(policy, condition, noise, generator)

    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert torch.equal(sample(1), sample(1))
    assert not torch.equal(sample(1), sample(2))
    assert torch.equal(torch.get_rng_state(), before)
    first, second = sample(None), sample(None)
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(sample(None), first)


@pytest.mark.parametrize("name", [*DETERMINISTIC, "jump"])
def test_a_solver_of_the_ode_draws_no_random_numbers(
    name: str, make_solver: Make, gaussian_map: Make
) -> None:
    policy, generator = gaussian_map(GVPPath(), [0.5], 0.3), torch.Generator().manual_seed(0)
    noise = condition = torch.ones(4, 1, dtype=torch.float64)
    states = torch.get_rng_state(), generator.get_state()
    make_solver(name, 3).sample(policy, condition, noise, generator)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert torch.equal(generator.get_state(), states[1])


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"dopri5"}))
def test_a_solver_of_given_steps_takes_as_many_evaluations_as_it_says(
    name: str, make_solver: Make, gaussian_map: Make
) -> None:
    each = {"midpoint": 2, "heun": 2, "rk4": 4}.get(name, 1)
    policy = gaussian_map(VEPath(), [0.5], 0.3)
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
