import pytest
import torch
from torch import Tensor

from genpolicy.critic import CriticSpec
from genpolicy.dataset import Batch
from genpolicy_plugins.critics.iql import IQL, IQLCritic

SPEC = CriticSpec(observation_dim=1, action_shape=(1,))


def _critic() -> IQLCritic:
    """Linear values written out: Q1 = s + a, Q2 = 2 s; Qbar1 = s + a + 1, Qbar2 = 3; V = s / 2."""
    critic = IQL(discount=0.9, expectile=0.7, tau=0.25, hidden=()).build(SPEC)
    with torch.no_grad():
        critic.online.weights[0].copy_(torch.tensor([[[1.0], [1.0]], [[2.0], [0.0]]]))
        critic.online.biases[0].zero_()
        critic.target.weights[0].copy_(torch.tensor([[[1.0], [1.0]], [[0.0], [0.0]]]))
        critic.target.biases[0].copy_(torch.tensor([[[1.0]], [[3.0]]]))
        critic.state_value.weights[0].fill_(0.5)
        critic.state_value.biases[0].zero_()
    return critic


def _batch(reward: tuple[float, float] = (1.0, -1.0), terminal: float = 1.0) -> Batch:
    return Batch(
        observation=torch.tensor([[1.0], [8.0]]),
        action=torch.tensor([[1.0], [0.0]]),
        reward=torch.tensor(reward),
        next_observation=torch.tensor([[2.0], [4.0]]),
        terminal=torch.tensor([0.0, terminal]),
        next_action=torch.zeros(2, 1),
    )


def _gradients(critic: IQLCritic, batch: Batch) -> dict[str, Tensor]:
    critic.zero_grad()
    critic.loss(batch).value.backward()  # type: ignore[no-untyped-call]
    return {k: p.grad.clone() for k, p in critic.named_parameters() if p.grad is not None}


def test_the_loss_is_the_one_computed_by_hand() -> None:
    loss = _critic().loss(_batch())
    # row 1: Qbar = min(1 + 1 + 1, 3) = 3, V = 0.5, u = 2.5 > 0:  L_V = 0.7 * 6.25 = 4.375
    #        backup = 1 + 0.9 V(2) = 1.9, Q = 2 and 2:             L_Q = (0.01 + 0.01) / 2 = 0.01
    # row 2: Qbar = min(8 + 0 + 1, 3) = 3, V = 4, u = -1 < 0:      L_V = 0.3 * 1 = 0.3
    #        terminal, so backup = -1, Q = 8 and 16:               L_Q = (81 + 289) / 2 = 185
    assert float(loss.metrics["value_loss"]) == pytest.approx((4.375 + 0.3) / 2)
    assert float(loss.metrics["q_loss"]) == pytest.approx((0.01 + 185.0) / 2)
    assert float(loss.value.detach()) == pytest.approx((4.385 + 185.3) / 2)
    assert float(loss.metrics["q"]) == pytest.approx((2 + 2 + 8 + 16) / 4)
    assert float(loss.metrics["value"]) == pytest.approx((0.5 + 4.0) / 2)


def test_a_terminal_stops_the_bootstrap_and_a_plain_step_does_not() -> None:
    open_ended = _critic().loss(_batch(terminal=0.0))
    # row 2 now: backup = -1 + 0.9 V(4) = 0.8, Q = 8 and 16: L_Q = (7.2^2 + 15.2^2) / 2 = 141.44
    assert float(open_ended.metrics["q_loss"]) == pytest.approx((0.01 + 141.44) / 2)


def test_the_policy_sees_the_smaller_online_value() -> None:
    batch = _batch()
    assert _critic().q(batch.observation, batch.action).tolist() == [2.0, 8.0]
    assert _critic().value(batch.observation).tolist() == [0.5, 4.0]


def test_the_values_loss_moves_no_action_value() -> None:
    before, changed = _critic(), _critic()
    with torch.no_grad():
        changed.target.biases[0].add_(5.0)  # enters the value's loss alone
    one, other = _gradients(before, _batch()), _gradients(changed, _batch())
    assert not torch.equal(one["state_value.weights.0"], other["state_value.weights.0"])
    for key in ("online.weights.0", "online.biases.0"):
        assert torch.equal(one[key], other[key])


def test_the_action_values_loss_moves_no_value() -> None:
    one = _gradients(_critic(), _batch())
    other = _gradients(_critic(), _batch(reward=(50.0, 20.0)))
    assert not torch.equal(one["online.weights.0"], other["online.weights.0"])
    for key in ("state_value.weights.0", "state_value.biases.0"):
        assert torch.equal(one[key], other[key])


def test_the_network_has_as_many_weights_as_the_papers() -> None:
    critic = IQL().build(CriticSpec(observation_dim=17, action_shape=(6,)))
    assert sum(p.numel() for p in critic.online.parameters()) == 144_386
    assert sum(p.numel() for p in critic.state_value.parameters()) == 70_657
