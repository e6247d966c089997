"""What tests of objectives share: models, values and batches in closed form."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from genpolicy.backbone import Backbone, Field, GaussianPathBackbone, OneStepBackbone
from genpolicy.critic import ValueCritic
from genpolicy.dataset import Batch
from genpolicy.guide import Guide
from genpolicy.objective import Loss
from genpolicy.path import GaussianPath, LinearPath
from genpolicy.shapes import sum_rows


class KnownLosses(Backbone):
    """A backbone whose matching losses are weights of its own."""

    def __init__(self, losses: list[float]) -> None:
        super().__init__((1,))
        self.losses = nn.Parameter(torch.tensor(losses))

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        return self.losses


class KnownValues(ValueCritic):
    """Q = slope · action and V = 0, both through weights that could train."""

    def __init__(self, slope: float = 1.0) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope, dtype=torch.float64))

    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        return (self.slope * action).sum(1)

    def value(self, observation: Tensor) -> Tensor:
        return self.slope * 0.0 * observation.sum(1)

    def loss(self, batch: Batch) -> Loss:
        raise NotImplementedError


class StateValues(KnownValues):
    """Q = slope · observation · action: which action is good depends on the state."""

    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        return self.slope * (observation * action).sum(1)


class Hill(KnownValues):
    """Q = -slope |action - top|^2 / 2."""

    def __init__(self, top: float, slope: float = 1.0) -> None:
        super().__init__(slope)
        self.top = top

    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        return -0.5 * self.slope * sum_rows((action - self.top) ** 2)


class Affine(OneStepBackbone):
    """Samples condition + offset + scale · noise; its loss is half the squared distance from there.

    Args:
        offset: Where samples lie, ``[action]``.
        scale: How much of the noise they keep.
        prior_std: The standard deviation of that noise.
    """

    def __init__(self, offset: Sequence[float], scale: float = 0.0, prior_std: float = 1.0) -> None:
        super().__init__((len(offset),))
        self.offset = nn.Parameter(torch.tensor(offset, dtype=torch.float64))
        self.scale = nn.Parameter(torch.tensor(scale, dtype=torch.float64))
        self._prior_std = prior_std

    @property
    def prior_std(self) -> float:
        return self._prior_std

    def transport(self, noise: Tensor, condition: Tensor) -> Tensor:
        return condition + self.offset + self.scale * noise

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        return 0.5 * sum_rows((sample - condition - self.offset) ** 2)


class Fan(Affine):
    """Its samples of a state are the state, the state + 1, … in turn: ``count`` of them."""

    def __init__(self, count: int, path: GaussianPath | None = None) -> None:
        super().__init__([0.0], scale=1.0)
        self.count, self.path = count, path

    def draw_noise(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return (torch.arange(len(condition)) % self.count).to(condition)[:, None]


class Point(GaussianPathBackbone):
    """The exact velocity, on the straight path, of data that are condition + offset."""

    def __init__(self, offset: Sequence[float]) -> None:
        super().__init__((len(offset),), LinearPath(0.0))
        self.offset = nn.Parameter(torch.tensor(offset, dtype=torch.float64))

    def field(self, condition: Tensor) -> Field:
        return lambda x_t, t: self.path.velocity_from_data(x_t, condition + self.offset, t)

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        return 0.5 * sum_rows((sample - condition - self.offset) ** 2)


class Still(GaussianPath):
    """A path without noise: x_t is the data."""

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def d_alpha(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def time_at(self, half_log_snr: Tensor) -> Tensor:
        raise NotImplementedError


class StateEnergy(Guide):
    """f(u, t, s) = slope · s · u."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope, dtype=torch.float64))

    def read(self, u: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        return self.slope * (condition * u).sum(1)


def make_batch(
    action: Sequence[Sequence[float]],
    observation: Sequence[Sequence[float]] | None = None,
    reward: Sequence[float] | None = None,
) -> Batch:
    """Transitions with these actions, by default in the state 0 and without reward."""
    actions = torch.tensor(action, dtype=torch.float64)
    states = torch.zeros_like(actions)
    if observation is not None:
        states = torch.tensor(observation, dtype=torch.float64)
    zero = torch.zeros(len(actions), dtype=torch.float64)
    return Batch(
        observation=states,
        action=actions,
        reward=zero if reward is None else torch.tensor(reward, dtype=torch.float64),
        next_observation=states,
        terminal=zero,
        next_action=actions,
    )


def make_column(actions: Sequence[float], states: Sequence[float] | None = None) -> Batch:
    """Transitions with one-dimensional actions, by default in the state 0."""
    return make_batch([[a] for a in actions], states and [[s] for s in states])


def gradients_of(loss: Loss, model: nn.Module) -> list[Tensor]:
    """The gradient of a loss at every weight of a model."""
    return list(torch.autograd.grad(loss.value, list(model.parameters()), allow_unused=True))


@pytest.fixture(scope="session")
def known() -> SimpleNamespace:
    return SimpleNamespace(
        Losses=KnownLosses,
        Values=KnownValues,
        StateValues=StateValues,
        Hill=Hill,
        Affine=Affine,
        Fan=Fan,
        Point=Point,
        Still=Still,
        StateEnergy=StateEnergy,
        batch=make_batch,
        column=make_column,
        gradients=gradients_of,
    )
