"""Objectives that imitate: bc, and those that clone a behaviour and choose among its samples."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from genpolicy_plugins.inference.best_of import BestOf
from genpolicy_plugins.objectives.bc import BC
from genpolicy_plugins.objectives.idql import IDQL
from genpolicy_plugins.objectives.ifql import IFQL
from genpolicy_plugins.objectives.sfbc import SfBC
from genpolicy_plugins.solvers.jump import Jump


def test_bc_minimises_the_mean_matching_loss(known: SimpleNamespace) -> None:
    loss = BC().policy_loss(known.column([0.0, 0.0, 0.0]), known.Losses([1.0, 0.5, 0.25]))
    assert float(loss.value.detach()) == pytest.approx(1.75 / 3)


def test_bc_weighs_by_exponentiated_reward(known: SimpleNamespace) -> None:
    # beta r = log 2, 0, 8: weights 2, 1 and exp(8), which is cut at 10
    policy = known.Losses([1.0, 0.5, 0.25])
    batch = known.batch([[0.0]] * 3, reward=[0.34657359, 0.0, 4.0])
    loss = BC(beta=2.0, max_weight=10.0).policy_loss(batch, policy)
    assert float(loss.value.detach()) == pytest.approx((2 + 0.5 + 10 * 0.25) / 3)
    assert float(loss.metrics["weight"]) == pytest.approx((2 + 1 + 10) / 3)
    (gradient,) = known.gradients(loss, policy)
    torch.testing.assert_close(gradient, torch.tensor([2.0, 1.0, 10.0]) / 3)


def test_bcs_weights_stay_finite_for_any_reward(known: SimpleNamespace) -> None:
    batch = known.batch([[0.0]] * 2, reward=[1e4, -1e4])
    loss = BC(beta=8.0).policy_loss(batch, known.Losses([1.0, 1.0]))
    assert float(loss.value.detach()) == pytest.approx(50.0)


@pytest.mark.parametrize("objective", [SfBC(), IDQL(), IFQL()], ids=lambda o: type(o).__name__)
def test_a_behaviour_minimises_its_mean_matching_loss(
    objective: Any, known: SimpleNamespace
) -> None:
    loss = objective.behaviour_loss(known.column([0.0, 0.0]), known.Losses([1.0, 0.5]))
    assert float(loss.value.detach()) == pytest.approx(0.75)


def test_sfbc_clones_before_its_critic_plans_and_idql_does_both_at_once() -> None:
    assert [list(stage.learning_rates) for stage in SfBC().stages()] == [["behaviour"], ["critic"]]
    assert [list(stage.learning_rates) for stage in IDQL().stages()] == [["critic", "behaviour"]]


def test_the_best_of_a_states_samples_is_best_in_that_state(known: SimpleNamespace) -> None:
    """Samples of s are s, s + 1, s + 2, worth s a: the last where s > 0, the first where s < 0."""
    states = torch.tensor([[2.0], [-1.0], [0.5], [-3.0]], dtype=torch.float64)
    act = BestOf(candidates=3, choose="argmax").act
    taken = act(states, None, known.Fan(3), Jump(), known.StateValues())
    assert taken.flatten().tolist() == [4.0, -1.0, 2.5, -3.0]
