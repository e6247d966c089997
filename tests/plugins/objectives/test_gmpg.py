"""Generative model policy gradient: its two divergences against closed forms."""

import math
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from genpolicy.errors import FitError
from genpolicy.path import LinearPath
from genpolicy_plugins.objectives.gmpg import GMPG
from genpolicy_plugins.solvers.runge_kutta import RK4

GaussianMaker = Callable[..., Any]
SOLVER = RK4(steps=30)


def _gaussians(maker: GaussianMaker, known: SimpleNamespace) -> tuple[Any, Any, Any]:
    """Policy N(0.5, 0.6^2), behaviour N(0, 0.8^2) and Q = 1.5 a, all in closed form."""
    policy, behaviour = maker(LinearPath(0.0), [0.5], 0.6), maker(LinearPath(0.0), [0.0], 0.8)
    return policy, behaviour, known.Values(1.5)


def test_gmpgs_loss_is_the_divergence_less_beta_times_the_value(
    gaussian_data: GaussianMaker, known: SimpleNamespace
) -> None:
    parts, batch = _gaussians(gaussian_data, known), known.column([0.0] * 20_000)
    torch.manual_seed(0)
    with torch.no_grad():
        loss = GMPG(beta=2.0).policy_loss(batch, *parts, SOLVER)
    # KL(N(0.5, 0.6^2) || N(0, 0.8^2)) in nats, and E Q = 1.5 * 0.5
    divergence = math.log(0.8 / 0.6) + (0.6**2 + 0.5**2) / (2 * 0.8**2) - 0.5
    assert float(loss.metrics["kl"]) == pytest.approx(divergence, abs=0.02)
    assert float(loss.metrics["q"]) == pytest.approx(0.75, abs=0.02)
    assert float(loss.value) == pytest.approx(divergence - 2.0 * 0.75, abs=0.04)


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "probed"])
def test_gmpgs_loss_is_the_known_one_sample_by_sample(
    exact: bool, gaussian_data: GaussianMaker, known: SimpleNamespace
) -> None:
    policy, behaviour, critic = _gaussians(gaussian_data, known)
    batch = known.column([0.0] * 6)
    torch.manual_seed(0)
    action = policy.carried(policy.draw_noise(batch.observation), batch.observation)
    kl = policy.known_log_prob(action, batch.observation)
    kl = kl - behaviour.known_log_prob(action, batch.observation)
    expected = (kl - 2.0 * critic.q(batch.observation, action)).mean()
    torch.manual_seed(0)
    objective = GMPG(beta=2.0, exact_divergence=exact)
    loss = objective.policy_loss(batch, policy, behaviour, critic, SOLVER)
    torch.testing.assert_close(loss.value, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kl", ["density", "path"])
def test_gmpg_of_the_behaviour_itself_costs_nothing(
    kl: Any, gaussian_data: GaussianMaker, known: SimpleNamespace
) -> None:
    policy, _, critic = _gaussians(gaussian_data, known)
    objective, batch = GMPG(beta=0.0, kl=kl), known.column([0.0] * 50)
    loss = objective.policy_loss(batch, policy, policy, critic, SOLVER)
    assert float(loss.value.detach()) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    "options",
    [{}, {"exact_divergence": False}, {"kl": "path"}],
    ids=["exact", "probed", "path"],
)
def test_gmpgs_gradient_is_that_of_finite_differences(
    options: dict[str, Any], gaussian_data: GaussianMaker, known: SimpleNamespace
) -> None:
    policy, behaviour, critic = _gaussians(gaussian_data, known)
    objective, batch = GMPG(beta=2.0, **options), known.column([0.0] * 8)

    def value() -> Tensor:
        torch.manual_seed(0)
        return objective.policy_loss(batch, policy, behaviour, critic, RK4(steps=4)).value

    for weight in policy.parameters():
        (gradient,) = torch.autograd.grad(value(), weight)
        h = torch.full_like(weight, 1e-5)
        with torch.no_grad():
            weight.add_(h)
            above = value()
            weight.sub_(2 * h)
            below = value()
            weight.add_(h)
        torch.testing.assert_close(gradient, ((above - below) / 2e-5).expand_as(gradient))


def test_gmpgs_gradient_is_the_known_one_on_average(
    gaussian_data: GaussianMaker, known: SimpleNamespace
) -> None:
    policy, behaviour, critic = _gaussians(gaussian_data, known)
    torch.manual_seed(0)
    batch = known.column([0.0] * 20_000)
    loss = GMPG(beta=2.0).policy_loss(batch, policy, behaviour, critic, RK4(steps=10))
    mean, log_std = torch.autograd.grad(loss.value, list(policy.parameters()))
    # d/dm [KL - beta E Q] = m / 0.8^2 - beta 1.5;  d/d(log s) KL = s^2 / 0.8^2 - 1
    assert float(mean) == pytest.approx(0.5 / 0.64 - 3.0, abs=0.05)
    assert float(log_std) == pytest.approx(0.36 / 0.64 - 1.0, abs=0.05)


Line = tuple[float, float]


def _like_data(known: SimpleNamespace, count: int) -> Any:
    """A batch of actions from the behaviour of :func:`_gaussians`, N(0, 0.8^2)."""
    torch.manual_seed(1)
    return known.column((0.8 * torch.randn(count, dtype=torch.float64)).tolist())


def _step(t: float, s: float, mean: float, std: float) -> tuple[float, float, float]:
    """Slope, offset and spread of one ancestral step from x_t to x_s, for N(mean, std^2) data.

    By hand: E[a | x] = mean + k (x - t mean) with k = t std^2 / (t^2 std^2 + (1 - t)^2), and
    x_s = s a + (1 - s) (r z + sqrt(1 - r^2) eps) with z = (x - t a) / (1 - t), and
    r = (1 - s) t / (s (1 - t)).
    """
    k = t * std**2 / (t**2 * std**2 + (1 - t) ** 2)
    r = (1 - s) * t / (s * (1 - t))
    of_x, of_a = (1 - s) * r / (1 - t), s - (1 - s) * r * t / (1 - t)
    slope, offset = of_x + of_a * k, of_a * mean * (1 - k * t)
    left = std**2 * (1 - t) ** 2 / (t**2 * std**2 + (1 - t) ** 2)  # Var[a | x]
    return slope, offset, math.sqrt((1 - s) ** 2 * (1 - r**2) + of_a**2 * left)


def _chains(policy: Line, behaviour: Line, steps: int) -> tuple[float, Line, Line]:
    """The divergence of two chains of N(mean, std^2) data, and mean and variance of their ends."""
    times = [i / steps for i in range(steps + 1)]
    divergence, ours, theirs = 0.0, (0.0, 1.0), (0.0, 1.0)
    for t, s in pairwise(times):
        a, b, _ = _step(t, s, *policy)
        c, d, spread = _step(t, s, *behaviour)
        (mean, variance), (base, wide) = ours, theirs
        apart = (a - c) ** 2 * (variance + mean**2) + 2 * (a - c) * (b - d) * mean + (b - d) ** 2
        divergence += 0.5 * apart / spread**2
        ours = (a * mean + b, a**2 * variance + spread**2)
        theirs = (c * base + d, c**2 * wide + spread**2)
    return divergence, ours, theirs


@pytest.mark.parametrize("steps", [1, 4, 16])
def test_the_divergence_of_paths_is_that_of_two_chains_computed_by_hand(
    steps: int, gaussian_data: GaussianMaker, known: SimpleNamespace
) -> None:
    policy, behaviour, critic = _gaussians(gaussian_data, known)
    expected, (mean, _), _ = _chains((0.5, 0.6), (0.0, 0.8), steps)
    torch.manual_seed(0)
    with torch.no_grad():
        loss = GMPG(beta=2.0, kl="path", chain_steps=steps).policy_loss(
            _like_data(known, 40_000), policy, behaviour, critic, SOLVER
        )
    assert float(loss.metrics["kl"]) == pytest.approx(expected, rel=0.02)
    assert float(loss.metrics["q"]) == pytest.approx(1.5 * mean, abs=0.02)
    kl, q = float(loss.metrics["kl"]), float(loss.metrics["q"])
    assert float(loss.value) == pytest.approx(kl - 2.0 * q)


def test_one_step_of_a_path_costs_what_its_means_are_apart(
    gaussian_data: GaussianMaker, known: SimpleNamespace
) -> None:
    """From pure noise a chain expects the mean, and its one step has the spread of the data."""
    policy = gaussian_data(LinearPath(0.0), [0.03], 0.8)
    _, behaviour, critic = _gaussians(gaussian_data, known)
    objective, batch = GMPG(beta=0.0, kl="path", chain_steps=1), known.column([0.8, -0.8])
    loss = objective.policy_loss(batch, policy, behaviour, critic, SOLVER)
    assert float(loss.value.detach()) == pytest.approx(0.5 * (0.03 / 0.8) ** 2)


@pytest.mark.parametrize("steps", [2, 10, 50])
def test_the_divergence_of_paths_bounds_that_of_their_ends(steps: int) -> None:
    divergence, (mean, variance), (base, wide) = _chains((0.5, 0.6), (0.0, 0.8), steps)
    ends = 0.5 * (math.log(wide / variance) + (variance + (mean - base) ** 2) / wide - 1.0)
    assert divergence >= ends
    assert (base, wide) == pytest.approx((0.0, 0.8**2))  # the data's chain ends in their law


BEST = (4.0 / (1 / 0.8**2 + 4.0), (1 / 0.8**2 + 4.0) ** -0.5)
"""Mean and std of pi* ~ N(0, 0.8^2) exp(-4 (a - 1)^2 / 2), by adding precisions."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kl", "within"), [("density", 0.06), ("path", 0.2)], ids=["density", "path"]
)
def test_gmpg_rests_at_the_best_policy_and_nowhere_near(
    kl: Any, within: float, gaussian_data: GaussianMaker, known: SimpleNamespace
) -> None:
    _, behaviour, _ = _gaussians(gaussian_data, known)
    objective, batch = GMPG(beta=4.0, kl=kl), _like_data(known, 4000)

    def gradient(mean: float, std: float) -> list[float]:
        policy = gaussian_data(LinearPath(0.0), [mean], std)
        torch.manual_seed(0)
        loss = objective.policy_loss(batch, policy, behaviour, known.Hill(1.0), RK4(steps=10))
        return [float(weight) for weight in known.gradients(loss, policy)]

    mean, std = BEST
    assert gradient(mean, std) == pytest.approx([0.0, 0.0], abs=within)
    assert gradient(mean - 0.3, std)[0] < -0.5 < 0.5 < gradient(mean + 0.3, std)[0]
    assert gradient(mean, 0.5 * std)[1] < -0.3 < 0.3 < gradient(mean, 1.5 * std)[1]


def test_gmpg_clones_its_behaviour_first_and_starts_the_policy_from_it(
    known: SimpleNamespace,
) -> None:
    stages = GMPG(behaviour_steps=1, critic_steps=2, policy_steps=3).stages()
    assert [(stage.name, stage.steps) for stage in stages] == [
        ("behaviour", 1),
        ("critic", 2),
        ("policy", 3),
    ]
    assert stages[2].copies == {"policy": "behaviour"}
    loss = GMPG().behaviour_loss(known.column([0.0, 0.0]), known.Losses([1.0, 0.5]))
    assert float(loss.value.detach()) == pytest.approx(0.75)


def test_paths_ask_for_noise_that_is_independent_of_samples(small_recipe: Any) -> None:
    small_recipe("gmpg", "backbone=ot-flow")
    with pytest.raises(FitError, match="gmpg needs a backbone that travels on a known Gaussian"):
        small_recipe("gmpg", "backbone=ot-flow", "objective.kl=path")
