"""Advantage-weighted matching: gmpo, gmpo-softmax and iql."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from genpolicy import Loss
from genpolicy_plugins.objectives.bc import BC
from genpolicy_plugins.objectives.gmpo import GMPO
from genpolicy_plugins.objectives.gmpo_softmax import GMPOSoftmax
from genpolicy_plugins.objectives.iql import IQL
from genpolicy_plugins.solvers.jump import Jump

WEIGHTED = pytest.mark.parametrize("objective", [GMPO, IQL])


def _loss(objective: Any, batch: Any, policy: Any, critic: Any) -> Loss:
    return objective.policy_loss(batch, policy, objective.weight(batch, critic))


@WEIGHTED
def test_the_weighted_loss_is_the_one_computed_by_hand(
    objective: Any, known: SimpleNamespace
) -> None:
    policy, critic = known.Losses([1.0, 0.5, 0.25]), known.Values()
    # advantages 0, log 2 and 5, beta 2: weights 1, 4 and exp(10), which is cut at 100
    batch = known.column([0.0, math.log(2.0), 5.0])
    loss = _loss(objective(beta=2.0, max_weight=100.0), batch, policy, critic)
    assert float(loss.value.detach()) == pytest.approx((1 + 4 * 0.5 + 100 * 0.25) / 3)
    assert float(loss.metrics["weight"]) == pytest.approx((1 + 4 + 100) / 3)
    assert float(loss.metrics["clipped"]) == pytest.approx(1 / 3)
    assert float(loss.metrics["matching_loss"]) == pytest.approx(1.75 / 3)


@WEIGHTED
def test_weights_scale_gradients_and_are_no_part_of_them(
    objective: Any, known: SimpleNamespace
) -> None:
    policy, critic = known.Losses([1.0, 0.5, 0.25]), known.Values()
    batch = known.column([0.0, math.log(2.0), 5.0])
    _loss(objective(beta=2.0), batch, policy, critic).value.backward()
    torch.testing.assert_close(policy.losses.grad, torch.tensor([1.0, 4.0, 100.0]) / 3)
    assert critic.slope.grad is None


def test_gmpos_weights_stay_finite_for_any_advantage(known: SimpleNamespace) -> None:
    batch = known.column([1e4, -1e4])
    loss = _loss(GMPO(beta=8.0), batch, known.Losses([1.0, 1.0]), known.Values())
    assert float(loss.value.detach()) == pytest.approx(50.0)


def test_gmpo_without_temperature_is_bc(known: SimpleNamespace) -> None:
    policy, batch = known.Losses([1.0, 0.5]), known.column([3.0, -2.0])
    weighted = _loss(GMPO(beta=0.0), batch, policy, known.Values()).value
    assert torch.equal(weighted.float(), BC().policy_loss(batch, policy).value)


def test_gmpo_trains_its_critic_to_the_end_before_its_policy() -> None:
    stages = GMPO(critic_steps=5, policy_steps=7).stages()
    assert [(stage.name, list(stage.learning_rates)) for stage in stages] == [
        ("critic", ["critic"]),
        ("policy", ["policy"]),
    ]


def _softmax_parts(known: SimpleNamespace) -> tuple[Any, ...]:
    """Policy that aims at the state, behaviour with the samples s and s + 1, and Q = s a."""
    return known.Affine([0.0]), known.Fan(2), known.StateValues()


def test_gmpo_softmaxs_loss_is_the_one_computed_by_hand(known: SimpleNamespace) -> None:
    policy, behaviour, critic = _softmax_parts(known)
    # Q(s, s + 1) - Q(s, s) = s; beta s = 0, log 3, -log 3: the second sample weighs 1/2, 3/4, 1/4,
    # and its matching loss is 1/2, that of the first 0
    batch = known.column([9.0, 9.0, 9.0], [0.0, math.log(3.0) / 2, -math.log(3.0) / 2])
    objective = GMPOSoftmax(beta=2.0, candidates=2)
    loss = objective.policy_loss(batch, policy, behaviour, critic, Jump())
    assert float(loss.value.detach()) == pytest.approx(0.5 * (1 / 2 + 3 / 4 + 1 / 4) / 3)
    # effective candidates 1 / (w^2 + (1 - w)^2): 2, 1.6 and 1.6
    assert float(loss.metrics["effective_candidates"]) == pytest.approx((2 + 1.6 + 1.6) / 3)


def test_gmpo_softmaxs_weights_and_samples_are_no_part_of_its_gradient(
    known: SimpleNamespace,
) -> None:
    policy, behaviour, critic = _softmax_parts(known)
    batch = known.column([9.0, 9.0], [0.0, math.log(3.0)])
    loss = GMPOSoftmax(candidates=2).policy_loss(batch, policy, behaviour, critic, Jump())
    loss.value.backward()
    # the policy is drawn to the second sample, 1 away, by its weights 1/2 and 3/4
    torch.testing.assert_close(policy.offset.grad, -torch.tensor([0.625], dtype=torch.float64))
    assert behaviour.scale.grad is None
    assert critic.slope.grad is None


def test_gmpo_softmax_without_temperature_imitates_the_behaviours_samples(
    known: SimpleNamespace,
) -> None:
    policy, behaviour, critic = _softmax_parts(known)
    batch = known.column([9.0, 9.0], [5.0, -7.0])
    objective = GMPOSoftmax(beta=0.0, candidates=2)
    loss = objective.policy_loss(batch, policy, behaviour, critic, Jump())
    assert float(loss.value.detach()) == pytest.approx(0.25)


def test_gmpo_softmax_trains_behaviour_critic_and_policy_in_turn_and_copies_nothing() -> None:
    stages = GMPOSoftmax(behaviour_steps=1, critic_steps=2, policy_steps=3).stages()
    assert [(stage.name, stage.steps) for stage in stages] == [
        ("behaviour", 1),
        ("critic", 2),
        ("policy", 3),
    ]
    assert [dict(stage.copies) for stage in stages] == [{}, {}, {}]
