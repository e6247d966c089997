from typing import Any

import pytest
import torch
from torch import Tensor

from genpolicy.composition.fit import check_fit
from genpolicy.composition.layers import from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.errors import FitError
from genpolicy.path import GaussianPath, GVPPath, LinearPath, VEPath, VPPath
from genpolicy_plugins.inference.guidance import Guidance
from genpolicy_plugins.inference.sample import SampleOnce
from genpolicy_plugins.solvers.runge_kutta import RK4, Euler


def _hill(observation: Tensor, action: Tensor) -> Tensor:
    """Q = -sum (a - s)^2, whose gradient is -2 (a - s)."""
    return -((action - observation) ** 2).sum(1)


def _policy(gaussian_data: Any) -> Any:
    return gaussian_data(LinearPath(), [0.3, -0.2], 0.5)


def test_on_the_straight_path_the_velocity_gains_the_gradient_at_its_end(
    gaussian_data: Any, valued: Any, seen: Any
) -> None:
    torch.manual_seed(0)
    policy, observation = _policy(gaussian_data), torch.randn(6, 2, dtype=torch.float64)
    Guidance(scale=0.7).act(observation, None, policy, valued(_hill), seen)
    x, t = torch.randn(6, 2, dtype=torch.float64), torch.rand(6, dtype=torch.float64)
    velocity = policy.velocity(x, t, observation)
    end = x + (1.0 - t)[:, None] * velocity
    by_hand = velocity - 0.7 * 2.0 * (end - observation)
    torch.testing.assert_close(seen.policy.velocity(x, t, observation), by_hand)


def test_the_gradient_is_a_constant_of_the_solve(
    gaussian_data: Any, valued: Any, seen: Any
) -> None:
    """Not through the estimate: the velocity's slope in x is the unguided one's."""
    policy, observation = _policy(gaussian_data), torch.zeros(1, 2, dtype=torch.float64)
    Guidance(scale=0.7).act(observation, None, policy, valued(_hill), seen)
    t = torch.tensor(0.4, dtype=torch.float64)

    def slope(backbone: Any) -> Tensor:
        x = torch.ones(1, 2, dtype=torch.float64)
        jacobian = torch.autograd.functional.jacobian(
            lambda at: backbone.velocity(at, t, observation).sum(0), x
        )
        assert isinstance(jacobian, Tensor)
        return jacobian

    torch.testing.assert_close(slope(seen.policy), slope(policy))


@torch.no_grad()
def _act(scale: float, policy: Any, critic: Any, solver: Any, rows: int = 5) -> Tensor:
    observation = torch.zeros(rows, 2, dtype=torch.float64)
    noise = torch.Generator().manual_seed(1)
    return Guidance(scale=scale).act(observation, noise, policy, critic, solver)


def test_without_scale_it_is_a_sample(gaussian_data: Any, valued: Any) -> None:
    policy, observation = _policy(gaussian_data), torch.zeros(5, 2, dtype=torch.float64)
    plain = SampleOnce().act(observation, torch.Generator().manual_seed(1), policy, Euler(steps=5))
    torch.testing.assert_close(_act(0.0, policy, valued(_hill), Euler(steps=5)), plain.detach())


def test_samples_come_to_be_worth_more_with_the_scale(gaussian_data: Any, valued: Any) -> None:
    policy, critic, observation = _policy(gaussian_data), valued(_hill), torch.zeros(500, 2)
    worth = [
        float(_hill(observation, _act(scale, policy, critic, Euler(steps=20), 500)).mean())
        for scale in (0.0, 0.3, 1.0, 3.0)
    ]
    assert worth == sorted(worth)
    assert worth[-1] > 0.5 * worth[0]  # values are negative: at least halved


def test_a_straight_slope_moves_gaussian_data_by_a_known_amount(
    gaussian_data: Any, valued: Any
) -> None:
    """dx/dt = v(x) + c moves the mean by int_0^1 S_1 / S_t c dt; S_t the spread of x_t.

    With data of spread 1/2, S_t^2 = t^2 / 4 + (1 - t)^2.
    """
    slope = valued(lambda observation, action: action.sum(1))
    policy = _policy(gaussian_data)
    moved = _act(0.5, policy, slope, RK4(steps=40)) - _act(0.0, policy, slope, RK4(steps=40))
    t = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    known = 0.5 * (0.5 / torch.sqrt(0.25 * t**2 + (1.0 - t) ** 2)).mean()
    torch.testing.assert_close(moved, known.expand(5, 2), atol=1e-5, rtol=0)


@pytest.mark.parametrize("path", [GVPPath(), VPPath(), VEPath()], ids=["gvp", "vp", "ve"])
def test_a_scale_means_the_same_on_any_path(
    path: GaussianPath, gaussian_data: Any, valued: Any
) -> None:
    """But for where a path starts and ends: less than noise alone, more than data alone."""
    solver, critic = RK4(steps=60, grid="log-snr"), valued(_hill)
    straight = _act(1.0, _policy(gaussian_data), critic, solver, rows=50)
    other = _act(1.0, gaussian_data(path, [0.3, -0.2], 0.5), critic, solver, rows=50)
    unguided = _act(0.0, _policy(gaussian_data), critic, solver, rows=50)
    torch.testing.assert_close(other, straight, atol=0.03, rtol=0)
    assert float((straight - unguided).abs().max()) > 0.3


def test_the_critics_weights_get_no_gradient(gaussian_data: Any, valued: Any) -> None:
    weight = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    critic = valued(lambda observation, action: (action * weight).sum(1))
    action = _act(1.0, _policy(gaussian_data), critic, Euler(steps=3))
    assert not action.requires_grad
    assert weight.grad is None


@pytest.mark.parametrize("objective", ["td3-bc", "consistency-ac"])
def test_a_policy_without_a_path_is_refused(objective: str, catalogue: Any) -> None:
    asked = from_arguments((f"objective={objective}", "inference=guidance"))
    with pytest.raises(FitError, match="guidance needs a backbone that travels on a known Gauss"):
        check_fit(resolve(catalogue, [asked], recipe="none"), catalogue)
