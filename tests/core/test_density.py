"""Log-densities against closed forms; gradients against closed forms and finite differences."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from genpolicy.backbone import SampleSpec, VelocityBackbone
from genpolicy.density import divergence, draw_probe, log_prob, sample_with_log_prob
from genpolicy.path import GaussianPath, GVPPath, LinearPath, VPPath
from genpolicy_plugins.backbones.diffusion import Diffusion
from genpolicy_plugins.backbones.flow import Flow
from genpolicy_plugins.networks.mlp import MLP
from genpolicy_plugins.solvers.dopri5 import Dopri5
from genpolicy_plugins.solvers.runge_kutta import RK4, Midpoint

GaussianMaker = Callable[..., Any]

PATHS = [LinearPath(0.0), LinearPath(0.1), VPPath(), GVPPath()]
every_path = pytest.mark.parametrize("path", PATHS, ids=str)
BACKBONES = [
    Flow(),
    Diffusion(path="vp", head="noise"),
    Diffusion(path="vp"),
    Diffusion(path="gvp"),
]
every_backbone = pytest.mark.parametrize("recipe", BACKBONES, ids=str)
TIGHT = Dopri5(rtol=1e-8, atol=1e-8)
COARSE = Midpoint(steps=3)


def _random(recipe: Flow | Diffusion, shape: tuple[int, ...] = (2,)) -> VelocityBackbone:
    """A backbone with random weights, large enough for its density to be no Gaussian."""
    torch.manual_seed(0)
    model = recipe.build(
        SampleSpec(sample_shape=shape, condition_dim=3), MLP(hidden=(6,), time_dim=4)
    )
    model = model.double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.5)
    return model


def _inputs(shape: tuple[int, ...] = (2,), rows: int = 5) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(rows, *shape).double(), torch.randn(rows, 3).double()


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


def _check_gradients(function: Callable[[], Tensor], tensors: list[Tensor]) -> None:
    """Compare gradients of a scalar with finite differences along random directions."""
    gradients = torch.autograd.grad(function(), tensors)
    torch.manual_seed(2)
    for tensor, gradient in zip(tensors, gradients, strict=True):
        direction = torch.randn_like(tensor)
        found = float((gradient * direction).sum())
        measured = _along(function, tensor.data, direction)
        assert found == pytest.approx(measured, rel=1e-5, abs=1e-6)


@every_path
def test_the_log_density_of_a_gaussian_is_the_known_one_in_nats(
    path: GaussianPath, gaussian_data: GaussianMaker
) -> None:
    torch.manual_seed(0)
    model = gaussian_data(path, [0.5, -1.0], 0.4)
    condition = torch.randn(20, 2).double()
    sample = condition + torch.randn(20, 2).double()
    with torch.no_grad():
        found = log_prob(model, sample, condition, TIGHT)
    torch.testing.assert_close(found, model.known_log_prob(sample, condition), rtol=0, atol=1e-5)


def test_a_nat_is_a_nat(gaussian_data: GaussianMaker) -> None:
    model = gaussian_data(LinearPath(0.0), [0.0, 0.0], 0.5)
    zero = torch.zeros(1, 2, dtype=torch.float64)
    expected = -2 * math.log(0.5 * math.sqrt(2 * math.pi))
    with torch.no_grad():
        found = log_prob(model, zero, zero, TIGHT)
    assert float(found) == pytest.approx(expected, abs=1e-6)


@every_path
def test_samples_come_with_the_known_log_density(
    path: GaussianPath, gaussian_data: GaussianMaker
) -> None:
    torch.manual_seed(0)
    model = gaussian_data(path, [0.5, -1.0], 0.4)
    condition = torch.randn(20, 2).double()
    noise = model.draw_noise(condition)
    with torch.no_grad():
        sample, found = sample_with_log_prob(model, condition, noise, TIGHT)
    torch.testing.assert_close(sample, model.carried(noise, condition), rtol=0, atol=1e-6)
    torch.testing.assert_close(found, model.known_log_prob(sample, condition), rtol=0, atol=1e-5)


@every_path
def test_the_gradient_to_the_sample_goes_through_the_whole_trajectory(
    path: GaussianPath, gaussian_data: GaussianMaker
) -> None:
    """Dropping the gradient through the state would leave -noise / prior variance."""
    torch.manual_seed(0)
    model = gaussian_data(path, [0.5, -1.0], 0.4)
    condition = torch.zeros(4, 2, dtype=torch.float64)
    sample = torch.randn(4, 2).double().requires_grad_()
    (found,) = torch.autograd.grad(log_prob(model, sample, condition, TIGHT).sum(), sample)
    (known,) = torch.autograd.grad(model.known_log_prob(sample, condition).sum(), sample)
    torch.testing.assert_close(found, known, rtol=0, atol=1e-4)
    if path == LinearPath(0.0):
        torch.testing.assert_close(found, -(sample - model.mean) / 0.16, rtol=0, atol=1e-4)


@every_path
def test_the_gradient_to_the_weights_is_the_known_one(
    path: GaussianPath, gaussian_data: GaussianMaker
) -> None:
    torch.manual_seed(0)
    model = gaussian_data(path, [0.5, -1.0], 0.4)
    weights = list(model.parameters())
    condition, sample = torch.zeros(4, 2, dtype=torch.float64), torch.randn(4, 2).double()
    found = torch.autograd.grad(log_prob(model, sample, condition, TIGHT).sum(), weights)
    known = torch.autograd.grad(model.known_log_prob(sample, condition).sum(), weights)
    for one, other in zip(found, known, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)


@every_backbone
@pytest.mark.parametrize("probed", [False, True], ids=["exact", "probed"])
def test_gradients_of_a_networks_log_density_are_those_of_finite_differences(
    recipe: Flow | Diffusion, probed: bool
) -> None:
    model = _random(recipe)
    sample, condition = _inputs()
    probe = draw_probe(sample) if probed else None
    sample.requires_grad_()
    condition.requires_grad_()
    _check_gradients(
        lambda: log_prob(model, sample, condition, COARSE, probe=probe).sum(),
        [sample, condition, *model.parameters()],
    )


@every_backbone
@pytest.mark.parametrize("probed", [False, True], ids=["exact", "probed"])
def test_gradients_through_sampling_are_those_of_finite_differences(
    recipe: Flow | Diffusion, probed: bool
) -> None:
    model = _random(recipe)
    noise, condition = _inputs()
    probe = draw_probe(noise) if probed else None
    noise.requires_grad_()

    def objective() -> Tensor:
        sample, log_pi = sample_with_log_prob(model, condition, noise, COARSE, probe=probe)
        return (sample**2).sum() + (log_pi * torch.arange(5)).sum()

    _check_gradients(objective, [noise, *model.parameters()])


@every_backbone
def test_both_directions_agree(recipe: Flow | Diffusion) -> None:
    model = _random(recipe)
    noise, condition = _inputs()
    with torch.no_grad():
        sample, there = sample_with_log_prob(model, condition, noise, TIGHT)
        back = log_prob(model, sample, condition, TIGHT)
    torch.testing.assert_close(sample, TIGHT.sample(model, condition, noise), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(there, back, rtol=0, atol=1e-5)


@every_backbone
def test_a_density_integrates_to_one(recipe: Flow | Diffusion) -> None:
    model = _random(recipe, (1,))
    noise = torch.linspace(-7, 7, 1401, dtype=torch.float64)[:, None]
    condition = torch.ones(1, 3, dtype=torch.float64).expand(1401, 3)
    solver = RK4(steps=40)
    with torch.no_grad():
        grid = solver.sample(model, condition, noise)  # where the density lies, in order
        density = log_prob(model, grid, condition, solver).exp()
    assert float(torch.trapezoid(density, grid[:, 0])) == pytest.approx(1.0, abs=1e-3)


@every_backbone
def test_probes_are_right_on_average_in_value_and_gradient(recipe: Flow | Diffusion) -> None:
    """In two dimensions four sign vectors are all there is, so their mean is the expectation."""
    model = _random(recipe)
    sample, condition = _inputs()
    sample.requires_grad_()
    probes = [
        torch.tensor(signs, dtype=torch.float64).expand(5, 2)
        for signs in itertools.product([-1.0, 1.0], repeat=2)
    ]
    exact = log_prob(model, sample, condition, COARSE)
    each = [log_prob(model, sample, condition, COARSE, probe=probe) for probe in probes]
    assert float((each[0] - each[1]).detach().abs().max()) > 1e-3, "every probe gives the same"
    mean = torch.stack(each).mean(0)
    torch.testing.assert_close(mean, exact)
    (one,) = torch.autograd.grad(mean.sum(), sample)
    (other,) = torch.autograd.grad(exact.sum(), sample)
    torch.testing.assert_close(one, other)


def test_drawn_probes_are_signs_of_zero_mean_and_unit_covariance() -> None:
    torch.manual_seed(0)
    probe = draw_probe(torch.zeros(20_000, 3, dtype=torch.float64))
    assert probe.dtype is torch.float64
    assert set(probe.unique().tolist()) == {-1.0, 1.0}
    assert float(probe.mean(0).abs().max()) < 0.03
    covariance = probe.T @ probe / len(probe)
    torch.testing.assert_close(covariance, torch.eye(3).double(), rtol=0, atol=0.03)


@every_backbone
def test_one_dimension_needs_no_averaging(recipe: Flow | Diffusion) -> None:
    model = _random(recipe, (1,))
    sample, condition = _inputs((1,))
    probe = draw_probe(sample)
    torch.testing.assert_close(
        log_prob(model, sample, condition, COARSE, probe=probe),
        log_prob(model, sample, condition, COARSE),
    )


@pytest.mark.parametrize("probed", [False, True], ids=["exact", "probed"])
def test_rows_do_not_mix(probed: bool) -> None:
    model = _random(Flow())
    sample, condition = _inputs()
    probe = draw_probe(sample) if probed else None
    whole = log_prob(model, sample, condition, COARSE, probe=probe)
    for row in range(5):
        alone = slice(row, row + 1)
        own = None if probe is None else probe[alone]
        found = log_prob(model, sample[alone], condition[alone], COARSE, probe=own)
        torch.testing.assert_close(found, whole[alone])


def test_chunks_have_a_density_over_all_their_numbers() -> None:
    model = _random(Flow(), (3, 2))
    noise, condition = _inputs((3, 2))
    with torch.no_grad():
        sample, there = sample_with_log_prob(model, condition, noise, TIGHT)
        back = log_prob(model, sample, condition, TIGHT)
    assert sample.shape == noise.shape
    assert there.shape == (5,)
    torch.testing.assert_close(there, back, rtol=0, atol=1e-5)


def test_the_divergence_is_the_trace_of_the_jacobian() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 3, dtype=torch.float64)
    weight = torch.randn(3, 3, dtype=torch.float64)

    def velocity(row: Tensor) -> Tensor:
        return torch.tanh(row @ weight) * row.sum(-1, keepdim=True)

    there, found = divergence(velocity, x)
    torch.testing.assert_close(there, velocity(x))
    for row, value in zip(x, found, strict=True):
        jacobian = torch.autograd.functional.jacobian(velocity, row)
        torch.testing.assert_close(value, jacobian.trace())  # type: ignore[union-attr]


def test_callers_tensors_are_left_as_they_are() -> None:
    model = _random(Flow())
    sample, condition = _inputs()
    log_prob(model, sample, condition, COARSE)
    sample_with_log_prob(model, condition, sample, COARSE)
    assert not sample.requires_grad
    assert not condition.requires_grad
    assert all(weight.grad is None for weight in model.parameters())


def test_without_gradients_no_graph_is_kept() -> None:
    model = _random(Flow())
    sample, condition = _inputs()
    with torch.no_grad():
        found = log_prob(model, sample, condition, COARSE)
        carried, log_pi = sample_with_log_prob(model, condition, sample, COARSE)
    assert not any(each.requires_grad for each in (found, carried, log_pi))
    with_graph = log_prob(model, sample, condition, COARSE)
    assert with_graph.requires_grad
    assert torch.equal(found, with_graph)


def test_a_model_whose_velocity_ignores_the_sample_keeps_the_noises_density() -> None:
    class Drift(VelocityBackbone):
        def field(self, condition: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
            return lambda x_t, t: torch.ones_like(x_t) * condition

        def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
            return sample.sum(1)

    condition, noise = torch.full((3, 2), 2.0), torch.randn(3, 2)
    sample, found = sample_with_log_prob(Drift((2,)), condition, noise, COARSE)
    torch.testing.assert_close(sample, noise + 2.0)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(noise).sum(1)
    torch.testing.assert_close(found, prior)
    torch.testing.assert_close(log_prob(Drift((2,)), sample, condition, COARSE), prior)
