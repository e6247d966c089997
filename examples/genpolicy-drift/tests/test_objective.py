"""Drift Q-learning: the conformance suite, and the loss written out."""

import pytest
import torch
from genpolicy_drift.objective import DriftQL

from genpolicy import Batch, Critic, OneStepBackbone
from genpolicy.testing import ObjectiveSuite


class TestDriftQL(ObjectiveSuite):
    @pytest.fixture
    def part(self):
        return DriftQL()


class Steady(OneStepBackbone):
    """Whose matching loss is 6 and whose samples are one number."""

    def __init__(self):
        super().__init__((2,))
        self.where = torch.nn.Parameter(torch.tensor(0.5))

    def transport(self, noise, condition):
        return self.where.expand(len(condition), 2)

    def matching_loss(self, sample, condition):
        return 6.0 * sample.new_ones(len(sample))


class Slope(Critic):
    """Which values an action at -4 times the sum of its coordinates."""

    def loss(self, batch): ...

    def q(self, observation, action):
        return -4.0 * action.sum(1)


def batch_of(rows):
    zeros = torch.zeros(rows)
    return Batch(
        observation=torch.zeros(rows, 3),
        action=torch.zeros(rows, 2),
        reward=zeros,
        next_observation=torch.zeros(rows, 3),
        next_action=torch.zeros(rows, 2),
        terminal=zeros,
    )


def test_the_loss_is_the_drift_per_dimension_less_the_value():
    policy = Steady()
    loss = DriftQL(alpha=2.0).policy_loss(batch_of(4), policy, Slope())
    assert loss.value.item() == pytest.approx(2.0 * 6.0 / 2 + 4.0)
    assert {key: value.item() for key, value in loss.metrics.items()} == {"drift": 3.0, "q": -4.0}
    loss.value.backward()
    assert policy.where.grad.item() == pytest.approx(8.0)


def test_a_normalised_value_has_size_one_and_its_gradient_is_scaled_alike():
    policy = Steady()
    loss = DriftQL(alpha=2.0, normalise_q=True).policy_loss(batch_of(4), policy, Slope())
    assert loss.value.item() == pytest.approx(6.0 + 1.0)
    loss.value.backward()
    assert policy.where.grad.item() == pytest.approx(8.0 / 4.0)
