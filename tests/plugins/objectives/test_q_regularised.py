"""Objectives that imitate and climb Q: through a sampler, through one denoising, or directly."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from genpolicy_plugins.objectives.bidirectional_ql import BidirectionalQL
from genpolicy_plugins.objectives.consistency_ac import ConsistencyAC
from genpolicy_plugins.objectives.diffusion_ql import DiffusionQL
from genpolicy_plugins.objectives.edp import EDP
from genpolicy_plugins.objectives.mean_flow_ql import MeanFlowQL
from genpolicy_plugins.objectives.rebrac import ReBRAC
from genpolicy_plugins.objectives.shortcut_ql import ShortcutQL
from genpolicy_plugins.objectives.td3_bc import TD3BC
from genpolicy_plugins.solvers.jump import Jump

SAMPLED = [DiffusionQL, ConsistencyAC, MeanFlowQL, BidirectionalQL, ShortcutQL, TD3BC]
ALL = [*SAMPLED, EDP, ReBRAC]


def _given(objective: Any, known: SimpleNamespace, slope: float = 2.0) -> dict[str, Any]:
    """A policy that does s + (0.5, -1), in closed form, and Q = slope (a_1 + a_2)."""
    offset, critic = [0.5, -1.0], known.Values(slope)
    if objective is EDP:
        return {"policy": known.Point(offset), "critic": critic}
    return {"policy": known.Affine(offset), "critic": critic, "solver": Jump()}


def _two_rows(known: SimpleNamespace) -> Any:
    """Data at distances (1, 1) and (0, 2) from the policy's (0.5, -1) and (1.5, 0)."""
    return known.batch([[1.5, 0.0], [1.5, 2.0]], [[0.0, 0.0], [1.0, 1.0]])


@pytest.mark.parametrize("objective", [*SAMPLED, EDP])
def test_matching_less_scaled_value_is_the_loss_computed_by_hand(
    objective: Any, known: SimpleNamespace
) -> None:
    loss = objective(eta=0.5).policy_loss(_two_rows(known), **_given(objective, known))
    # mean squared errors (1 + 1) / 2 and (0 + 4) / 2; Q = 2 * -0.5 and 2 * 1.5, of mean size 2
    assert float(loss.value.detach()) == pytest.approx((1 + 2) / 2 - 0.5 * (-1 + 3) / 2 / 2)
    assert float(loss.metrics["matching_loss"]) == pytest.approx(1.5)
    assert float(loss.metrics["q"]) == pytest.approx(1.0)


def test_rebracs_loss_is_the_one_computed_by_hand(known: SimpleNamespace) -> None:
    loss = ReBRAC(actor_weight=0.25).policy_loss(_two_rows(known), **_given(ReBRAC, known))
    # squared distances 2 and 4, summed over dimensions as in its paper
    assert float(loss.value.detach()) == pytest.approx(0.25 * (2 + 4) / 2 - (-1 + 3) / 2 / 2)
    assert float(loss.metrics["distance"]) == pytest.approx(3.0)


@pytest.mark.parametrize("objective", ALL)
def test_the_gradient_is_that_of_the_formula_with_a_constant_scale(
    objective: Any, known: SimpleNamespace
) -> None:
    given = _given(objective, known)
    pull = {"actor_weight": 0.25} if objective is ReBRAC else {"eta": 0.5}
    loss = objective(**pull).policy_loss(_two_rows(known), **given)
    offset = torch.autograd.grad(loss.value, given["policy"].offset)[0]
    # d/d offset: the policy is (-1, -1) and (0, -2) from the data; Q's slope over its size is 2 / 2
    apart = torch.tensor([-0.5, -1.5], dtype=torch.float64)
    expected = 0.25 * 2 * apart - 1.0 if objective is ReBRAC else 2 * apart / 2 - 0.5 * 1.0
    torch.testing.assert_close(offset, expected)


@pytest.mark.parametrize("objective", ALL)
def test_the_unit_of_the_reward_does_not_matter(objective: Any, known: SimpleNamespace) -> None:
    def gradient(slope: float) -> Any:
        given = _given(objective, known, slope)
        torch.manual_seed(0)
        loss = objective().policy_loss(_two_rows(known), **given)
        return torch.autograd.grad(loss.value, given["policy"].offset)[0]

    torch.testing.assert_close(gradient(20.0), gradient(2.0))


@pytest.mark.parametrize("objective", ALL)
def test_a_critic_that_knows_nothing_leaves_imitation(
    objective: Any, known: SimpleNamespace
) -> None:
    given = _given(objective, known, slope=0.0)
    loss = objective().policy_loss(_two_rows(known), **given)
    assert torch.isfinite(loss.value)
    expected = ReBRAC().actor_weight * 3.0 if objective is ReBRAC else 1.5
    assert float(loss.value.detach()) == pytest.approx(expected)


def test_q_is_climbed_through_the_noise_of_the_sampler(known: SimpleNamespace) -> None:
    policy, critic = known.Affine([0.0], scale=0.5), known.Values(2.0)
    torch.manual_seed(0)
    noise = policy.draw_noise(torch.zeros(4, 1, dtype=torch.float64))
    torch.manual_seed(0)
    given = {"policy": policy, "critic": critic, "solver": Jump()}
    loss = DiffusionQL(eta=1.0).policy_loss(known.column([0.0] * 4), **given)
    scale = torch.autograd.grad(loss.value, policy.scale)[0]
    # d Q / d scale = 2 z, over mean |Q| = mean |2 * 0.5 z|
    torch.testing.assert_close(scale, -2.0 * noise.mean() / noise.abs().mean())


def test_edp_denoises_the_datas_action_in_its_own_state(known: SimpleNamespace) -> None:
    policy, critic = known.Point([1.0]), known.StateValues()
    # E[a | a_t] = s + 1 whatever the noise; Q = s (s + 1) = 2, 0 and 6
    loss = EDP().policy_loss(known.column([0.0] * 3, [1.0, -1.0, 2.0]), policy, critic)
    assert float(loss.metrics["q"]) == pytest.approx(8 / 3)


@pytest.mark.parametrize("objective", ALL)
def test_critic_and_policy_train_together(objective: Any) -> None:
    (stage,) = objective(steps=7, learning_rate=1e-3, critic_learning_rate=2e-3).stages()
    assert stage.steps == 7
    assert dict(stage.learning_rates) == {"critic": 2e-3, "policy": 1e-3}
