"""Critics: value estimates, and the loss that trains them.

::

    Critic                   estimates how good an action is
    └── ValueCritic          and how good an observation is
        └── ExpectileCritic  as an expectile of what its actions are worth
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import attrs
from torch import Tensor

from genpolicy.backbone import Model
from genpolicy.dataset import Floats
from genpolicy.objective import Loss
from genpolicy.recipe import Recipe


class Critic(Model, ABC):
    """An estimate of the discounted return after an action.

    A subclass defines ``loss(self, batch, …)``, annotated with what it needs, as an objective's
    losses are; its targets move in ``after_step``.
    """

    ability: ClassVar[str] = "estimates the value of an action"

    loss: ClassVar[Callable[..., Loss]]

    @abstractmethod
    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        """Return the (pessimistic) value of each action.

        An action outside the box of those allowed is worth what the nearest inside is, which is the
        one that is taken in its stead.

        Args:
            observation: ``[batch, observation]``.
            action: ``[batch, *sample]``.

        Returns:
            ``[batch]``.
        """


class ValueCritic(Critic):
    """A critic that also estimates the value of an observation under the data's better actions."""

    ability: ClassVar[str] = "estimates the value of an observation"

    @abstractmethod
    def value(self, observation: Tensor) -> Tensor:
        """Return the value of each observation, ``[batch, observation]`` to ``[batch]``."""


class ExpectileCritic(ValueCritic):
    """A critic whose value of an observation is an expectile of Q over the data's actions."""

    ability: ClassVar[str] = "knows an expectile of the values of an observation's actions"

    expectile: float
    """Which expectile, between 0 and 1; 0.5 is the mean."""


@attrs.frozen(eq=False, kw_only=True)
class CriticSpec:
    """What a critic is built for.

    Args:
        observation_dim: The length of an observation.
        action_shape: The shape of an action.
        action_low: The smallest action allowed, ``[*action]`` or its last dimension alone; ``None``
            where actions have no bounds.
        action_high: The largest action allowed, likewise.
    """

    observation_dim: int
    action_shape: tuple[int, ...]
    action_low: Floats | None = None
    action_high: Floats | None = None


class CriticRecipe(Recipe, ABC):
    """A named critic; the class that ``build`` is annotated to return says what it can do."""

    @abstractmethod
    def build(self, spec: CriticSpec) -> Critic:
        """Return a critic with fresh weights."""
