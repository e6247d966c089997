"""What the tests of inferences share: exact policies, known values, listed candidates."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from genpolicy.backbone import Backbone, OneStepBackbone
from genpolicy.critic import Critic, ExpectileCritic
from genpolicy.dataset import Batch
from genpolicy.objective import Loss


class Spread(OneStepBackbone):
    """The Gaussian N(condition, std^2)."""

    def __init__(self, std: float) -> None:
        super().__init__((1,))
        self.std = std

    def transport(self, noise: Tensor, condition: Tensor) -> Tensor:
        return condition[:, :1] + self.std * noise

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        raise NotImplementedError


class Listed:
    """A solver whose samples are the same listed ones for every condition."""

    def __init__(self, *actions: float) -> None:
        self.actions = torch.tensor(actions)

    def sample(
        self, policy: Backbone, condition: Tensor, noise: Tensor, generator: object = None
    ) -> Tensor:
        return self.actions.repeat(len(condition) // len(self.actions))[:, None]


class Seen:
    """A solver that keeps the policy it is given, and takes no step."""

    def __init__(self) -> None:
        self.policy: Any = None

    def sample(
        self, policy: Backbone, condition: Tensor, noise: Tensor, generator: object = None
    ) -> Tensor:
        self.policy = policy
        return noise


class Valued(Critic):
    """Q by a function of observation and action."""

    def __init__(self, q: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = q

    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        return self.function(observation, action)

    def loss(self, batch: Batch) -> Loss:
        raise NotImplementedError


class StateValued(Valued, ExpectileCritic):
    """V is the observation's first number."""

    expectile = 0.8

    def value(self, observation: Tensor) -> Tensor:
        return observation[:, 0]


@pytest.fixture(scope="session")
def spread() -> type[Spread]:
    return Spread


@pytest.fixture(scope="session")
def listed() -> type[Listed]:
    return Listed


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture(scope="session")
def valued() -> type[Valued]:
    return Valued


@pytest.fixture(scope="session")
def state_valued() -> type[StateValued]:
    return StateValued


@pytest.fixture(scope="session")
def chi_square() -> Callable[[Tensor, Sequence[float]], float]:
    """How many standard deviations counts lie from what probabilities expect."""

    def measure(counts: Tensor, probabilities: Sequence[float]) -> float:
        expected = counts.sum() * torch.tensor(probabilities)
        freedom = len(probabilities) - 1
        return float(((counts - expected) ** 2 / expected).sum() - freedom) / (2 * freedom) ** 0.5

    return measure
