import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from genpolicy.critic import CriticSpec
from genpolicy.dataset import Batch
from genpolicy_plugins.critics.in_sample_softmax import InSampleSoftmax

SPEC = CriticSpec(observation_dim=1, action_shape=(1,))
ONLINE = [(1.0, 1.0, 0.0), (2.0, 0.0, 0.0)]
"""Q1 = s + a, Q2 = 2 s."""
SLOW = [(1.0, 1.0, 0.0), (0.0, 0.0, 5.0)]
"""Qbar1 = s + a, Qbar2 = 5."""
CANDIDATES = ([0.0, 1.0, 9.0], [-4.0, 1.0, -2.0])
"""At s' = 2 and 4: Qbar = 2, 3 and 5, then 0, 5 and 2."""

Linear = Callable[..., Any]
BatchMaker = Callable[..., Batch]


def _critic(set_linear: Linear, **options: Any) -> Any:
    critic = InSampleSoftmax(discount=0.9, hidden=(), candidates=3, **options).build(SPEC)
    return set_linear(critic, ONLINE, SLOW)


def _softmax_mean(beta: float, *values: float) -> float:
    weights = [math.exp(beta * value) for value in values]
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)


@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
def test_the_backup_is_the_softmax_of_each_rows_own_candidates(
    beta: float, set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    critic = _critic(set_linear, beta=beta)
    values = critic.next_value(make_batch(), policy, listed(*CANDIDATES))
    expected = [_softmax_mean(beta, 2, 3, 5), _softmax_mean(beta, 0, 5, 2)]
    torch.testing.assert_close(values, torch.tensor(expected))


def test_without_temperature_the_backup_is_the_mean_and_with_much_the_best(
    set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    solver, batch = listed(*CANDIDATES), make_batch()
    mean = _critic(set_linear, beta=0.0).next_value(batch, policy, solver)
    torch.testing.assert_close(mean, torch.tensor([10 / 3, 7 / 3]))
    best = _critic(set_linear, beta=1e4).next_value(batch, policy, solver)
    torch.testing.assert_close(best, torch.tensor([5.0, 5.0]))


def test_the_loss_is_the_one_computed_by_hand(
    set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    loss = _critic(set_linear, beta=1.0).loss(make_batch(), policy, listed(*CANDIDATES))
    backup = 1.0 + 0.9 * _softmax_mean(1.0, 2, 3, 5)
    # row 1: Q = 2 and 2; row 2 ends: backup -1, Q = 8 and 16: 81 + 289
    assert float(loss.value.detach()) == pytest.approx((2 * (2 - backup) ** 2 + 370.0) / 2)
    assert float(loss.metrics["backup"]) == pytest.approx((backup - 1.0) / 2)
    assert float(loss.metrics["q"]) == pytest.approx(7.0)


def test_a_terminal_stops_the_bootstrap_and_a_plain_step_does_not(
    set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    batch = make_batch(terminal=0.0)
    loss = _critic(set_linear, beta=1.0).loss(batch, policy, listed(*CANDIDATES))
    backups = (1 + 0.9 * _softmax_mean(1, 2, 3, 5), -1 + 0.9 * _softmax_mean(1, 0, 5, 2))
    assert float(loss.metrics["backup"]) == pytest.approx(sum(backups) / 2)


def test_planning_takes_the_datas_next_action_where_it_is_better(
    set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    batch = make_batch(next_action=(2.5, -1.0))  # Qbar = min(4.5, 5) and min(3, 5)
    plain = _critic(set_linear, beta=0.0).next_value(batch, policy, listed(*CANDIDATES))
    planned = _critic(set_linear, beta=0.0, planning=True)
    values = planned.next_value(batch, policy, listed(*CANDIDATES))
    torch.testing.assert_close(values, torch.tensor([4.5, 3.0]))
    assert bool((values > plain).all())
    worse = make_batch(next_action=(-3.0, -9.0))
    torch.testing.assert_close(planned.next_value(worse, policy, listed(*CANDIDATES)), plain)


def test_the_policy_sees_the_smaller_online_value(
    set_linear: Linear, make_batch: BatchMaker
) -> None:
    batch = make_batch()
    assert _critic(set_linear).q(batch.observation, batch.action).tolist() == [2.0, 8.0]
