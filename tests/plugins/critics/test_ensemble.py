import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from genpolicy.critic import CriticSpec
from genpolicy.dataset import Batch
from genpolicy_plugins.critics.ensemble import Ensemble

SPEC = CriticSpec(observation_dim=1, action_shape=(1,))
ONLINE = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 2.0)]
"""Q = s, a and 2."""
SLOW = [(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (2.0, 0.0, 4.0)]
"""Qbar = 1, a and 2 s + 4."""

Linear = Callable[..., Any]
BatchMaker = Callable[..., Batch]


def _critic(set_linear: Linear, **options: Any) -> Any:
    critic = Ensemble(discount=0.9, hidden=(), members=3, **options).build(SPEC)
    return set_linear(critic, ONLINE, SLOW)


def test_the_value_is_the_mean_less_a_share_of_the_spread(set_linear: Linear) -> None:
    critic, rows = _critic(set_linear, rho=0.5), (torch.tensor([[6.0]]), torch.tensor([[4.0]]))
    # members 6, 4 and 2: mean 4, and 8 / 3 their variance
    assert float(critic.q(*rows).detach()) == pytest.approx(4.0 - 0.5 * math.sqrt(8 / 3))
    assert float(_critic(set_linear, rho=0.0).q(*rows).detach()) == 4.0


def test_the_loss_is_the_one_computed_by_hand(
    set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    loss = _critic(set_linear, rho=0.5).loss(make_batch(), policy, listed([3.0], [0.0]))
    # row 1: Qbar = 1, 3 and 8 at s' = 2: mean 4, variance (9 + 1 + 16) / 3
    backup = 1.0 + 0.9 * (4.0 - 0.5 * math.sqrt(26 / 3))
    #        Q = 1, 1 and 2 at s = 1, a = 1
    first = 2 * (1 - backup) ** 2 + (2 - backup) ** 2
    # row 2 ends: backup -1, Q = 8, 0 and 2: 81 + 1 + 9
    assert float(loss.value.detach()) == pytest.approx((first + 91.0) / 2)
    assert float(loss.metrics["backup"]) == pytest.approx((backup - 1.0) / 2)


def test_the_best_of_several_next_actions_is_each_members_own(
    set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    solver = listed([3.0, -5.0], [1.0, 2.0])
    values = _critic(set_linear, rho=1.0, candidates=2).next_value(make_batch(), policy, solver)
    # Qbar = 1, 3 and 8, then 1, 2 and 12: means 4 and 5, variances 26 / 3 and (16 + 9 + 49) / 3
    expected = [4.0 - math.sqrt(26 / 3), 5.0 - math.sqrt(74 / 3)]
    torch.testing.assert_close(values, torch.tensor(expected))


def test_members_that_agree_keep_a_finite_gradient() -> None:
    critic = Ensemble(hidden=(), members=3).build(SPEC)
    with torch.no_grad():
        critic.online.weights[0].fill_(2.0)
        critic.online.biases[0].zero_()
    action = torch.ones(4, 1, requires_grad=True)
    critic.q(torch.zeros(4, 1), action).sum().backward()  # type: ignore[no-untyped-call]
    assert action.grad is not None
    torch.testing.assert_close(action.grad, torch.full((4, 1), 2.0))


def test_there_are_as_many_members_as_asked_for_and_each_is_its_own() -> None:
    torch.manual_seed(0)
    critic = Ensemble(members=7, hidden=(8,)).build(SPEC)
    values = critic.online(torch.randn(3, 2)).detach()
    assert values.shape == (7, 3)
    assert float(values.std(0).min()) > 0.0
