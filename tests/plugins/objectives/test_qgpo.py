"""Q-guided policy optimisation: the guide's loss is least at the true energies."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genpolicy.guide import Guide
from genpolicy.path import GaussianPath, GVPPath, LinearPath, VEPath, VPPath
from genpolicy_plugins.objectives.qgpo import QGPO
from genpolicy_plugins.solvers.jump import Jump


def _loss(known: SimpleNamespace, slope: float, **parts: Any) -> Any:
    """Two samples s and s + 1 without noise, Q = s a and f = slope s u."""
    given = {
        "guide": known.StateEnergy(slope),
        "behaviour": known.Fan(2, known.Still()),
        "behaviour_solver": Jump(),
        "critic": known.StateValues(),
    } | parts
    batch = known.column([9.0, 9.0], [math.log(3.0) / 2, -math.log(3.0) / 2])
    return QGPO(beta=2.0, candidates=2).guide_loss(batch, **given)


def test_the_guides_loss_is_the_cross_entropy_computed_by_hand(known: SimpleNamespace) -> None:
    # beta (Q(s, s + 1) - Q(s, s)) = beta s = log 3 and -log 3: weights (1/4, 3/4) and (3/4, 1/4)
    # energies half as far apart: softmax (1, sqrt 3) / (1 + sqrt 3), and the other way round
    likely, unlikely = (x / (1 + math.sqrt(3.0)) for x in (math.sqrt(3.0), 1.0))
    expected = -(0.75 * math.log(likely) + 0.25 * math.log(unlikely))
    loss = _loss(known, slope=1.0)
    assert float(loss.value.detach()) == pytest.approx(expected)
    # 1 / (w^2 + (1 - w)^2) = 1 / (9 / 16 + 1 / 16)
    assert float(loss.metrics["effective_candidates"]) == pytest.approx(1.6)


def test_an_energy_of_nothing_costs_the_log_of_the_candidates(known: SimpleNamespace) -> None:
    assert float(_loss(known, slope=0.0).value.detach()) == pytest.approx(math.log(2.0))


def test_the_guides_loss_is_least_at_beta_q_and_is_the_weights_entropy_there(
    known: SimpleNamespace,
) -> None:
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert float(_loss(known, slope=2.0).value.detach()) == pytest.approx(entropy)
    for slope, sign in ((1.9, -1), (2.0, 0), (2.1, 1)):
        guide = known.StateEnergy(slope)
        (gradient,) = known.gradients(_loss(known, slope, guide=guide), guide)
        assert torch.sign(gradient.round(decimals=9)) == sign


def test_the_guides_loss_moves_neither_behaviour_nor_critic(known: SimpleNamespace) -> None:
    behaviour, critic = known.Fan(2, known.Still()), known.StateValues()
    guide = known.StateEnergy(1.0)
    _loss(known, 1.0, guide=guide, behaviour=behaviour, critic=critic).value.backward()
    assert guide.slope.grad is not None
    assert behaviour.scale.grad is None
    assert critic.slope.grad is None


class Listening(Guide):
    """Says nothing, and keeps the times that it is asked at."""

    def read(self, u: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        self.times = t
        return 0.0 * u.squeeze(1)


def test_a_states_candidates_are_told_apart_at_one_time(known: SimpleNamespace) -> None:
    guide = Listening()
    _loss(known, 0.0, guide=guide)
    one, other = guide.times.reshape(2, 2)
    assert one[0] == one[1] != other[0] == other[1]


class PosteriorMean(Guide):
    """f = share · E[a | x_t] for data N(0, 1), which is what a guide reads."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor(share, dtype=torch.float64))

    def read(self, u: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        return self.share * u.squeeze(1)


@pytest.mark.parametrize(
    "path", [LinearPath(0.0), VPPath(), GVPPath(), VEPath()], ids=lambda p: type(p).__name__
)
def test_the_best_guide_on_noisy_samples_is_the_log_mean_of_exponentiated_values(
    path: GaussianPath, known: SimpleNamespace, gaussian_data: Any
) -> None:
    """For mu = N(0, 1) and beta Q = a / 2, log E[exp(beta Q) | x_t] = E[a | x_t] / 2 + constant."""
    behaviour = gaussian_data(path, [0.0], 1.0)
    behaviour.transport = lambda noise, condition: noise / behaviour.prior_std
    batch = known.column([9.0] * 400)

    def gradient(share: float) -> float:
        guide, objective = PosteriorMean(share), QGPO(beta=1.0, candidates=64)
        torch.manual_seed(0)
        loss = objective.guide_loss(batch, guide, behaviour, Jump(), known.Values(0.5))
        return float(known.gradients(loss, guide)[0])

    assert gradient(0.5) == pytest.approx(0.0, abs=0.1 * abs(gradient(0.0)))
    assert gradient(0.0) < 0.0 < gradient(1.0)


def test_qgpo_trains_behaviour_critic_and_guide_in_turn() -> None:
    stages = QGPO(behaviour_steps=1, critic_steps=2, guide_steps=3, guide_batch_size=5).stages()
    assert [(stage.name, stage.steps) for stage in stages] == [
        ("behaviour", 1),
        ("critic", 2),
        ("guide", 3),
    ]
    assert dict(stages[2].learning_rates) == {"guide": 1e-4}
    assert stages[2].batch_size == 5
