"""What the tests of critics share: linear values, a policy of known actions, a batch by hand."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genpolicy.backbone import Backbone
from genpolicy.dataset import Batch

Line = tuple[float, float, float]
"""The weights of a one-dimensional observation and action, and the bias."""


class Anchored(Backbone):
    """A policy that gives what its solver lists, moved by a weight of its own."""

    def __init__(self) -> None:
        super().__init__((1,))
        self.shift = nn.Parameter(torch.zeros(()))

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        raise NotImplementedError


class Listed:
    """A solver whose samples are listed: one row of them per condition."""

    def __init__(self, *rows: Sequence[float]) -> None:
        self.actions = torch.tensor(rows).reshape(-1, 1)

    def sample(
        self, policy: Anchored, condition: Tensor, noise: Tensor, generator: object = None
    ) -> Tensor:
        assert len(condition) == len(noise) == len(self.actions)
        return policy.shift + self.actions


@pytest.fixture
def policy() -> Anchored:
    return Anchored()


@pytest.fixture(scope="session")
def listed() -> type[Listed]:
    return Listed


@pytest.fixture(scope="session")
def set_linear() -> Callable[..., Any]:
    """Write the values of a critic without hidden layers out, online and slow."""

    def write(critic: Any, online: Sequence[Line], target: Sequence[Line]) -> Any:
        with torch.no_grad():
            for values, lines in ((critic.online, online), (critic.target, target)):
                table = torch.tensor(lines)
                values.weights[0].copy_(table[:, :2, None])
                values.biases[0].copy_(table[:, None, 2:])
        return critic

    return write


@pytest.fixture(scope="session")
def make_batch() -> Callable[..., Batch]:
    """Two transitions, s = 1 and 8, a = 1 and 0, r = 1 and -1, s' = 2 and 4; the second ends."""

    def make(terminal: float = 1.0, next_action: Sequence[float] = (0.0, 0.0)) -> Batch:
        return Batch(
            observation=torch.tensor([[1.0], [8.0]]),
            action=torch.tensor([[1.0], [0.0]]),
            reward=torch.tensor([1.0, -1.0]),
            next_observation=torch.tensor([[2.0], [4.0]]),
            terminal=torch.tensor([0.0, terminal]),
            next_action=torch.tensor(next_action)[:, None],
        )

    return make
