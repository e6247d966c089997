"""Adjoint matching: its loss against closed forms, and where it rests."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from genpolicy.backbone import Field, GaussianPathBackbone
from genpolicy.memoryless import memoryless_chain
from genpolicy.path import GVPPath, LinearPath, VPPath
from genpolicy.transitions import Transition
from genpolicy_plugins.objectives.qam import QAM

GaussianMaker = Callable[..., Any]

SPREAD = [0.8, -0.8]
"""Actions whose mean square is 0.8^2."""


def test_qams_loss_of_one_step_is_the_one_computed_by_hand(
    gaussian_data: GaussianMaker, known: SimpleNamespace
) -> None:
    """From pure noise a chain expects the mean, and its one step has the spread of the data."""
    policy = gaussian_data(LinearPath(0.0), [0.03], 0.8)
    behaviour = gaussian_data(LinearPath(0.0), [0.0], 0.8)
    objective, batch = QAM(beta=2.0, chain_steps=1), known.column(SPREAD, [0.0] * 2)
    loss = objective.policy_loss(batch, policy, behaviour, known.Values(1.5))
    # means apart by 0.03, noise of 0.8, adjoint -2 * 1.5
    assert float(loss.value.detach()) == pytest.approx(0.5 * (0.03 / 0.8 - 0.8 * 3.0) ** 2)
    assert float(loss.metrics["ascent"]) == pytest.approx(1.5)


def test_qam_without_temperature_is_drawn_to_the_behaviour(
    gaussian_data: GaussianMaker, known: SimpleNamespace
) -> None:
    behaviour = gaussian_data(LinearPath(0.0), [0.3], 0.8)
    batch = known.column([9.0] * 5, [0.0] * 5)
    loss = QAM(beta=0.0).policy_loss(batch, behaviour, behaviour, known.Values())
    assert float(loss.value.detach()) == pytest.approx(0.0, abs=1e-20)


class Tilted(GaussianPathBackbone):
    """A behaviour whose every step's mean is moved by -S_t^2 g_s, for a Q that is linear.

    Args:
        behaviour: Gaussian data in closed form: its steps are affine, so g_s is a constant.
        steps: Those of the chain.
        adjoint: That at the chain's end.
    """

    def __init__(self, behaviour: Any, steps: list[Transition], adjoint: float) -> None:
        super().__init__(behaviour.sample_shape, behaviour.path)
        self.behaviour, self.moves = behaviour, {}
        for step in reversed(steps):
            self.moves[float(step.t)] = -(step.std**2) * adjoint / step.from_velocity
            adjoint = adjoint * self.slope(step)

    def slope(self, step: Transition) -> float:
        """By how much the mean of x_s moves with x_t."""
        x = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
        velocity = self.behaviour.velocity(x, step.t, torch.zeros_like(x))
        return float(step.mean(x, velocity).diff(dim=0).detach())

    def field(self, condition: Tensor) -> Field:
        velocity = self.behaviour.field(condition)
        return lambda x, t: velocity(x, t) + self.moved(t)

    def moved(self, t: Tensor) -> Tensor:
        return torch.stack([self.moves[time] for time in t.reshape(-1).tolist()])[:, None]

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        raise NotImplementedError


@pytest.mark.parametrize(
    "path", [LinearPath(0.0), VPPath(), GVPPath()], ids=lambda path: type(path).__name__
)
def test_qams_loss_is_nothing_where_every_step_is_moved_by_its_adjoint(
    path: Any, gaussian_data: GaussianMaker, known: SimpleNamespace
) -> None:
    behaviour = gaussian_data(path, [0.3], 0.8)
    objective, batch = QAM(beta=2.0, chain_steps=5), known.column([0.8, -0.5, 0.4], [0.0] * 3)
    torch.manual_seed(0)
    behaviour.draw_noise(batch.observation)  # as the loss does before it measures the spread
    steps = memoryless_chain(behaviour, batch.action, batch.observation, 5)

    def loss(adjoint: float) -> float:
        policy = Tilted(behaviour, steps, adjoint)
        torch.manual_seed(0)
        value = objective.policy_loss(batch, policy, behaviour, known.Values(1.5)).value
        return float(value.detach())

    assert loss(-2.0 * 1.5) == pytest.approx(0.0, abs=1e-15)
    assert loss(-1.8 * 1.5) > 1e-3
    assert loss(2.0 * 1.5) > 1e-3


# pi* ~ N(0.3, 0.8^2) exp(beta Q): of Q = 1.5 a with beta 2 it is N(0.3 + 2 * 0.64 * 1.5, 0.8^2);
# of Q = -(a - 1)^2 / 2 with beta 4, adding precisions, N((0.3 / 0.64 + 4) / p, 1 / p)
PRECISION = 1 / 0.64 + 4.0
LINEAR = (2.0, lambda known: known.Values(1.5), 0.3 + 2.0 * 0.64 * 1.5, 0.8)
HILL = (4.0, lambda known: known.Hill(1.0), (0.3 / 0.64 + 4.0) / PRECISION, PRECISION**-0.5)


@pytest.mark.slow
@pytest.mark.parametrize(("beta", "critic", "mean", "std"), [LINEAR, HILL], ids=["linear", "hill"])
def test_qam_rests_at_the_best_policy_and_nowhere_near(
    beta: float,
    critic: Any,
    mean: float,
    std: float,
    gaussian_data: GaussianMaker,
    known: SimpleNamespace,
) -> None:
    behaviour = gaussian_data(LinearPath(0.0), [0.3], 0.8)
    torch.manual_seed(1)
    actions = 0.3 + 0.8 * torch.randn(4000, dtype=torch.float64)
    batch = known.column(actions.tolist(), [0.0] * 4000)

    def gradient(mean: float, std: float) -> list[float]:
        policy = gaussian_data(LinearPath(0.0), [mean], std)
        torch.manual_seed(0)
        loss = QAM(beta=beta).policy_loss(batch, policy, behaviour, critic(known))
        return [float(weight) for weight in known.gradients(loss, policy)]

    below, above = gradient(mean - 0.3, std)[0], gradient(mean + 0.3, std)[0]
    assert below < 0.0 < above
    rest = mean + 0.3 - 0.6 * above / (above - below)  # the loss is a parabola in the mean
    assert rest - 0.3 == pytest.approx(mean - 0.3, rel=0.06)
    narrow, wide = gradient(mean, 0.6 * std)[1], gradient(mean, 1.4 * std)[1]
    assert narrow < 0.0 < wide
    assert abs(gradient(mean, std)[1]) < 0.1 * min(-narrow, wide)


def test_qam_moves_neither_behaviour_nor_critic(
    gaussian_data: GaussianMaker, known: SimpleNamespace
) -> None:
    policy = gaussian_data(LinearPath(0.0), [0.0], 0.8)
    behaviour, critic = gaussian_data(LinearPath(0.0), [0.3], 0.8), known.Values(1.5)
    batch = known.column([9.0] * 5, [0.0] * 5)
    QAM(chain_steps=3).policy_loss(batch, policy, behaviour, critic).value.backward()
    assert all(weight.grad is None for weight in (*behaviour.parameters(), *critic.parameters()))
    assert all(float(weight.grad.abs().sum()) > 0 for weight in policy.parameters())


def test_qam_asks_each_states_own_values_and_behaviour(
    gaussian_data: GaussianMaker, known: SimpleNamespace
) -> None:
    """With Q = s a one step is tilted by beta s in the state s, whose data are N(s, 0.8^2)."""
    behaviour = gaussian_data(LinearPath(0.0), [0.0], 0.8)
    batch = known.column([1.0 + 0.8, -3.0 - 0.8], [1.0, -3.0])
    objective = QAM(beta=2.0, chain_steps=1)
    loss = objective.policy_loss(batch, behaviour, behaviour, known.StateValues())
    expected = 0.5 * 0.8**2 * ((2.0 * 1.0) ** 2 + (2.0 * 3.0) ** 2) / 2
    assert float(loss.value.detach()) == pytest.approx(expected)


def test_qam_clones_the_behaviour_beside_its_policy(known: SimpleNamespace) -> None:
    (stage,) = QAM().stages()
    assert list(stage.learning_rates) == ["critic", "behaviour", "policy"]
    assert not stage.copies
    loss = QAM().behaviour_loss(known.column([0.0, 0.0]), known.Losses([1.0, 0.5]))
    assert float(loss.value.detach()) == pytest.approx(0.75)
