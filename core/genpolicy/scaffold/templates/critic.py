"""What the data's own policy is worth, by TD(0).

    y = r + discount (1 - terminal) Vbar(s'),    L = (Q(s, a) - y)^2 + (V(s) - y)^2

Vbar is a slow copy of V. Sutton & Barto 2018, "Reinforcement Learning", eq. 6.2.
"""

import copy
import math

import attrs
import torch
from torch import Tensor, nn

from genpolicy import Batch, CriticRecipe, CriticSpec, Loss, ValueCritic, option
from genpolicy.averaging import move_towards


class ExampleCritic(ValueCritic):
    """The value of actions and of observations."""

    low: Tensor
    high: Tensor

    def __init__(self, spec: CriticSpec, width: int, discount: float, tau: float) -> None:
        super().__init__()
        self.action = _perceptron(spec.observation_dim + math.prod(spec.action_shape), width)
        self.online = _perceptron(spec.observation_dim, width)
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        self.discount, self.tau = discount, tau
        low = -math.inf if spec.action_low is None else spec.action_low
        high = math.inf if spec.action_high is None else spec.action_high
        self.register_buffer("low", torch.as_tensor(low), persistent=False)
        self.register_buffer("high", torch.as_tensor(high), persistent=False)

    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        """Return the value of each action, ``[batch]``."""
        inside = action.clamp(self.low, self.high)  # what the environment is given
        q: Tensor = self.action(torch.cat([observation, inside.flatten(1)], dim=1))
        return q.squeeze(1)

    def value(self, observation: Tensor) -> Tensor:
        """Return the value of each observation, ``[batch]``."""
        value: Tensor = self.online(observation)
        return value.squeeze(1)

    def loss(self, batch: Batch) -> Loss:
        """Return the squared errors of both against one backup."""
        with torch.no_grad():
            following = self.target(batch.next_observation).squeeze(1)
            backup = batch.reward + self.discount * (1.0 - batch.terminal) * following
        q, value = self.q(batch.observation, batch.action), self.value(batch.observation)
        loss = (q - backup) ** 2 + (value - backup) ** 2
        return Loss(loss.mean(), {"q": q.mean().detach(), "value": value.mean().detach()})

    def after_step(self, progress: float) -> None:
        """Move the slow copy towards the value by ``tau``."""
        move_towards(self.target, self.online, self.tau)


@attrs.frozen(kw_only=True)
class Example(CriticRecipe):
    """The value of the data's own policy."""

    discount: float = option(0.99, help="weight of the next step's value", ge=0, lt=1)
    tau: float = option(0.005, help="share by which the target moves per step", gt=0, le=1)
    width: int = option(256, help="width of the two hidden layers", ge=1)

    def build(self, spec: CriticSpec) -> ExampleCritic:
        """Return a critic with fresh weights."""
        return ExampleCritic(spec, self.width, self.discount, self.tau)


def _perceptron(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1)
    )
