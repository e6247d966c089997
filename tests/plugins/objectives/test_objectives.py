"""The losses of bc, gmpo and gmpg against values known beforehand."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genpolicy.backbone import Backbone
from genpolicy.critic import ValueCritic
from genpolicy.dataset import Batch
from genpolicy.objective import Loss
from genpolicy.path import LinearPath
from genpolicy_plugins.objectives.bc import BC
from genpolicy_plugins.objectives.gmpg import GMPG
from genpolicy_plugins.objectives.gmpo import GMPO
from genpolicy_plugins.solvers.runge_kutta import RK4

GaussianMaker = Callable[..., Any]


class KnownLosses(Backbone):
    """A backbone whose matching losses are weights of its own."""

    def __init__(self, losses: list[float]) -> None:
        super().__init__((1,))
        self.losses = nn.Parameter(torch.tensor(losses))

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        return self.losses


class KnownValues(ValueCritic):
    """Q = slope · action and V = 0, both through weights that could train."""

    def __init__(self, slope: float = 1.0) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope, dtype=torch.float64))

    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        return (self.slope * action).sum(1)

    def value(self, observation: Tensor) -> Tensor:
        return self.slope * 0.0 * observation.sum(1)

    def loss(self, batch: Batch) -> Loss:
        raise NotImplementedError


def _batch(actions: list[float]) -> Batch:
    column = torch.tensor(actions, dtype=torch.float64)[:, None]
    zero = torch.zeros(len(actions), dtype=torch.float64)
    return Batch(
        observation=torch.zeros_like(column),
        action=column,
        reward=zero,
        next_observation=torch.zeros_like(column),
        terminal=zero,
    )


def test_bc_minimises_the_mean_matching_loss() -> None:
    policy = KnownLosses([1.0, 0.5, 0.25])
    loss = BC().policy_loss(_batch([0.0, 0.0, 0.0]), policy)
    assert float(loss.value.detach()) == pytest.approx(1.75 / 3)


def test_gmpos_loss_is_the_one_computed_by_hand() -> None:
    policy, critic = KnownLosses([1.0, 0.5, 0.25]), KnownValues()
    # advantages 0, log 2 and 5, beta 2: weights 1, 4 and exp(10), which is cut at 100
    batch = _batch([0.0, math.log(2.0), 5.0])
    loss = GMPO(beta=2.0, max_weight=100.0).policy_loss(batch, policy, critic)
    assert float(loss.value.detach()) == pytest.approx((1 + 4 * 0.5 + 100 * 0.25) / 3)
    assert float(loss.metrics["weight"]) == pytest.approx((1 + 4 + 100) / 3)
    assert float(loss.metrics["clipped"]) == pytest.approx(1 / 3)
    assert float(loss.metrics["matching_loss"]) == pytest.approx(1.75 / 3)


def test_gmpos_weights_scale_gradients_and_are_no_part_of_them() -> None:
    policy, critic = KnownLosses([1.0, 0.5, 0.25]), KnownValues()
    batch = _batch([0.0, math.log(2.0), 5.0])
    GMPO(beta=2.0).policy_loss(batch, policy, critic).value.backward()  # type: ignore[no-untyped-call]
    assert policy.losses.grad is not None
    torch.testing.assert_close(policy.losses.grad, torch.tensor([1.0, 4.0, 100.0]) / 3)
    assert critic.slope.grad is None


def test_gmpos_weights_stay_finite_for_any_advantage() -> None:
    loss = GMPO(beta=8.0).policy_loss(_batch([1e4, -1e4]), KnownLosses([1.0, 1.0]), KnownValues())
    assert float(loss.value.detach()) == pytest.approx(50.0)


def test_gmpo_without_temperature_is_bc() -> None:
    policy, batch = KnownLosses([1.0, 0.5]), _batch([3.0, -2.0])
    weighted = GMPO(beta=0.0).policy_loss(batch, policy, KnownValues()).value
    assert torch.equal(weighted.float(), BC().policy_loss(batch, policy).value)


def _gaussians(maker: GaussianMaker) -> tuple[Any, Any, KnownValues]:
    """Policy N(0.5, 0.6^2), behaviour N(0, 0.8^2) and Q = 1.5 a, all in closed form."""
    policy, behaviour = maker(LinearPath(0.0), [0.5], 0.6), maker(LinearPath(0.0), [0.0], 0.8)
    return policy, behaviour, KnownValues(1.5)


SOLVER = RK4(steps=30)


def test_gmpgs_loss_is_the_divergence_less_beta_times_the_value(
    gaussian_data: GaussianMaker,
) -> None:
    policy, behaviour, critic = _gaussians(gaussian_data)
    torch.manual_seed(0)
    with torch.no_grad():
        loss = GMPG(beta=2.0).policy_loss(_batch([0.0] * 20_000), policy, behaviour, critic, SOLVER)
    # KL(N(0.5, 0.6^2) || N(0, 0.8^2)) in nats, and E Q = 1.5 * 0.5
    divergence = math.log(0.8 / 0.6) + (0.6**2 + 0.5**2) / (2 * 0.8**2) - 0.5
    assert float(loss.metrics["kl"]) == pytest.approx(divergence, abs=0.02)
    assert float(loss.metrics["q"]) == pytest.approx(0.75, abs=0.02)
    assert float(loss.value) == pytest.approx(divergence - 2.0 * 0.75, abs=0.04)


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "probed"])
def test_gmpgs_loss_is_the_known_one_sample_by_sample(
    exact: bool, gaussian_data: GaussianMaker
) -> None:
    policy, behaviour, critic = _gaussians(gaussian_data)
    batch = _batch([0.0] * 6)
    torch.manual_seed(0)
    action = policy.carried(policy.draw_noise(batch.observation), batch.observation)
    known = policy.known_log_prob(action, batch.observation)
    known = known - behaviour.known_log_prob(action, batch.observation)
    known = (known - 2.0 * critic.q(batch.observation, action)).mean()
    torch.manual_seed(0)
    objective = GMPG(beta=2.0, exact_divergence=exact)
    loss = objective.policy_loss(batch, policy, behaviour, critic, SOLVER)
    torch.testing.assert_close(loss.value, known, rtol=0, atol=1e-5)


def test_gmpg_of_the_behaviour_itself_costs_nothing(gaussian_data: GaussianMaker) -> None:
    policy, _, critic = _gaussians(gaussian_data)
    loss = GMPG(beta=0.0).policy_loss(_batch([0.0] * 50), policy, policy, critic, SOLVER)
    assert float(loss.value.detach()) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "probed"])
def test_gmpgs_gradient_is_that_of_finite_differences(
    exact: bool, gaussian_data: GaussianMaker
) -> None:
    policy, behaviour, critic = _gaussians(gaussian_data)
    objective, batch = GMPG(beta=2.0, exact_divergence=exact), _batch([0.0] * 8)

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


def test_gmpgs_gradient_is_the_known_one_on_average(gaussian_data: GaussianMaker) -> None:
    policy, behaviour, critic = _gaussians(gaussian_data)
    torch.manual_seed(0)
    loss = GMPG(beta=2.0).policy_loss(
        _batch([0.0] * 20_000), policy, behaviour, critic, RK4(steps=10)
    )
    mean, log_std = torch.autograd.grad(loss.value, list(policy.parameters()))
    # d/dm [KL - beta E Q] = m / 0.8^2 - beta 1.5;  d/d(log s) KL = s^2 / 0.8^2 - 1
    assert float(mean) == pytest.approx(0.5 / 0.64 - 3.0, abs=0.05)
    assert float(log_std) == pytest.approx(0.36 / 0.64 - 1.0, abs=0.05)


def test_gmpg_leaves_frozen_behaviour_and_critic_alone(gaussian_data: GaussianMaker) -> None:
    policy, behaviour, critic = _gaussians(gaussian_data)
    behaviour.requires_grad_(False)
    critic.requires_grad_(False)
    loss = GMPG().policy_loss(_batch([0.0] * 4), policy, behaviour, critic, SOLVER)
    loss.value.backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is None for weight in (*behaviour.parameters(), *critic.parameters()))
    assert all(float(weight.grad.abs().sum()) > 0 for weight in policy.parameters())


def test_gmpg_clones_its_behaviour_first_and_starts_the_policy_from_it() -> None:
    stages = GMPG(behaviour_steps=1, critic_steps=2, policy_steps=3).stages()
    assert [(stage.name, stage.steps) for stage in stages] == [
        ("behaviour", 1),
        ("critic", 2),
        ("policy", 3),
    ]
    assert stages[2].copies == {"policy": "behaviour"}
    loss = GMPG().behaviour_loss(_batch([0.0, 0.0]), KnownLosses([1.0, 0.5]))
    assert float(loss.value.detach()) == pytest.approx(0.75)


def test_gmpo_trains_its_critic_to_the_end_before_its_policy() -> None:
    stages = GMPO(critic_steps=5, policy_steps=7).stages()
    assert [(stage.name, list(stage.learning_rates)) for stage in stages] == [
        ("critic", ["critic"]),
        ("policy", ["policy"]),
    ]


@pytest.mark.parametrize("objective", [BC(), GMPO(), GMPG()], ids=lambda o: type(o).__name__)
def test_metrics_are_detached_scalars(objective: Any, gaussian_data: GaussianMaker) -> None:
    policy, behaviour, critic = _gaussians(gaussian_data)
    given: dict[str, Any] = {"policy": policy, "behaviour": behaviour, "critic": critic}
    given |= {"solver": SOLVER}
    names = objective.policy_loss.__annotations__.keys() & given.keys()
    loss = objective.policy_loss(_batch([0.1, 0.2]), **{name: given[name] for name in names})
    assert loss.value.shape == ()
    assert all(value.shape == () and not value.requires_grad for value in loss.metrics.values())
