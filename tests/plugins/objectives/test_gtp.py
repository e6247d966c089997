"""Generative trajectory policies: imitation weighted by normalised positive advantage."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from genpolicy.errors import FitError
from genpolicy_plugins.objectives.gtp import GTP
from genpolicy_plugins.solvers.jump import Jump

DOUBLE = math.sqrt(2.0) * math.log(2.0) / 2.0
"""The exponent at which an advantage of 2, sqrt 2 times the std of those below, weighs 2."""


def _given(known: SimpleNamespace, slow: Any = None) -> dict[str, Any]:
    """Losses 1, 1/2, 1/4 and 1/4, and V = Q(s, s) = 0 in the state 0."""
    slow = known.Affine([0.0]) if slow is None else slow
    policy = known.Losses([1.0, 0.5, 0.25, 0.25])
    critic, solver = known.Values(), Jump()
    return {"policy": policy, "target_policy": slow, "critic": critic, "solver": solver}


def test_gtps_loss_is_the_one_computed_by_hand(known: SimpleNamespace) -> None:
    # advantages 2, -2, 0, 0 of std sqrt(8 / 4): only the first weighs more than 1
    batch = known.column([2.0, -2.0, 0.0, 0.0])
    loss = GTP(eta=DOUBLE).policy_loss(batch, **_given(known))
    assert float(loss.value.detach()) == pytest.approx((2 * 1.0 + 0.5 + 0.25 + 0.25) / 4)
    assert float(loss.metrics["weight"]) == pytest.approx(5 / 4)
    assert float(loss.metrics["better"]) == pytest.approx(1 / 4)


def test_gtps_weights_are_cut(known: SimpleNamespace) -> None:
    batch = known.column([2.0, -2.0, 0.0, 0.0])
    loss = GTP(eta=DOUBLE, max_weight=1.5).policy_loss(batch, **_given(known))
    assert float(loss.value.detach()) == pytest.approx((1.5 * 1.0 + 0.5 + 0.25 + 0.25) / 4)


def test_gtps_weights_know_no_unit_of_reward(known: SimpleNamespace) -> None:
    given, batch = _given(known), known.column([2.0, -2.0, 1.0, 0.5])
    tenfold = {**given, "critic": known.Values(10.0)}
    one, other = (GTP().policy_loss(batch, **parts).value for parts in (given, tenfold))
    torch.testing.assert_close(one, other, rtol=1e-5, atol=0.0)


def test_gtp_without_exponent_is_bc_and_equal_advantages_weigh_something_finite(
    known: SimpleNamespace,
) -> None:
    batch = known.column([2.0, -2.0, 0.0, 0.0])
    plain = GTP(eta=0.0).policy_loss(batch, **_given(known))
    assert float(plain.value.detach()) == pytest.approx(2.0 / 4)
    level = GTP().policy_loss(known.column([1.0] * 4), **_given(known))
    assert float(level.value.detach()) == pytest.approx(100.0 * 2.0 / 4)


def test_gtps_value_is_the_mean_over_the_slow_copys_samples_of_the_same_state(
    known: SimpleNamespace,
) -> None:
    """Samples of s are s and s + 1, and Q = s a, so V = s (s + 1/2)."""
    given = {**_given(known, known.Fan(2)), "critic": known.StateValues()}
    # Q - V = s (a - s - 1/2): 2 * 1, -1 * 2, 1 * 0, 4 * 0: advantages 2, -2, 0 and 0 again
    batch = known.column([3.5, 1.5, 1.5, 4.5], [2.0, -1.0, 1.0, 4.0])
    loss = GTP(eta=DOUBLE, candidates=2).policy_loss(batch, **given)
    assert float(loss.value.detach()) == pytest.approx((2 * 1.0 + 0.5 + 0.25 + 0.25) / 4)


def test_gtp_asks_a_value_critic_where_it_is_told_to(known: SimpleNamespace) -> None:
    # the critic says V = 0, the slow copy's samples at 5 would say V = 5
    given, batch = _given(known, known.Affine([5.0])), known.column([2.0, -2.0, 0.0, 0.0])
    loss = GTP(eta=DOUBLE, value="critic").policy_loss(batch, **given)
    assert float(loss.metrics["better"]) == pytest.approx(1 / 4)
    loss = GTP(eta=DOUBLE, value="policy").policy_loss(batch, **given)
    assert float(loss.metrics["better"]) == 0.0


def test_gtp_refuses_a_critic_without_values_if_it_needs_them(small_recipe: Any) -> None:
    options = ("objective.value=critic", "backbone=flow", "solver=euler:2")
    with pytest.raises(FitError, match="gtp needs a critic that estimates the value of an obs"):
        small_recipe("gtp", *options)
    small_recipe("gtp", *options, "critic=iql")


def test_gtps_weights_are_no_part_of_its_gradient(known: SimpleNamespace) -> None:
    given = _given(known)
    batch = known.column([2.0, -2.0, 0.0, 0.0])
    GTP(eta=DOUBLE).policy_loss(batch, **given).value.backward()
    torch.testing.assert_close(given["policy"].losses.grad, torch.tensor([2.0, 1.0, 1.0, 1.0]) / 4)
    assert given["critic"].slope.grad is None
    assert given["target_policy"].offset.grad is None
