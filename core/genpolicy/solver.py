"""Solvers: transport of noise to a sample.

A solver says what it needs of a backbone by the annotation of ``sample``'s first argument.

::

    Solver                       turns noise into samples
    └── DifferentiableSolver     and its samples carry exact gradients
        └── VelocitySolver       by following a velocity, so that it can be guided
            └── OdeSolver        and it integrates any field, of any state
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import attrs
import torch
from torch import Tensor

from genpolicy.backbone import Field, VelocityBackbone
from genpolicy.recipe import Recipe
from genpolicy.shapes import evenly


@attrs.frozen(kw_only=True)
class Solver(Recipe, ABC):
    """Transport of noise to a sample.

    A subclass defines ``sample(self, policy, condition, noise, generator)``: ``policy`` annotated
    with the ability it needs, ``condition`` ``[batch, condition]``, ``noise`` and result
    ``[batch, *sample]``. Further noise on the way, if it needs any, comes from ``generator``, or
    from torch's global random numbers if that is ``None``, as in training.
    """

    ability: ClassVar[str] = "turns noise into samples"

    sample: ClassVar[Callable[..., Tensor]]

    def convergence(self) -> float:
        """Return the power of its steps with which it claims that its error falls."""
        return 1.0


@attrs.frozen(kw_only=True)
class DifferentiableSolver(Solver):
    """A solver whose samples carry the exact gradient of what it computed.

    With respect to the backbone's weights, the noise and the condition.
    """

    ability: ClassVar[str] = "gives samples with exact gradients"


@attrs.frozen(kw_only=True)
class VelocitySolver(DifferentiableSolver):
    """A solver that asks a backbone on the way for nothing but its velocity and its path.

    Whoever changes the velocity changes where its samples go.
    """

    ability: ClassVar[str] = "follows a velocity"


@attrs.frozen(kw_only=True)
class OdeSolver(VelocitySolver):
    """A solver of dx/dt = field(x, t)."""

    ability: ClassVar[str] = "integrates a velocity"

    @abstractmethod
    def integrate(self, field: Field, state: Tensor, times: Tensor) -> Tensor:
        """Return the state at the last time of the ODE that passes through ``state`` at the first.

        Args:
            field: The derivative, of a state ``[batch, …]`` and a scalar time.
            state: ``[batch, …]``.
            times: Two or more, rising or falling, ``[times]``. A solver of fixed steps goes from
                each to the next; an adaptive one chooses its own between the first and the last.
        """

    def times(self, policy: VelocityBackbone, like: Tensor) -> Tensor:
        """Return the times at which a backbone is solved, from its noise to its samples.

        Args:
            policy: The backbone.
            like: Any tensor of the type and on the device that they are wanted in.

        Returns:
            ``[times]``; here the first and the last alone.
        """
        return evenly(*policy.time_span, 2, like)

    def sample(
        self,
        policy: VelocityBackbone,
        condition: Tensor,
        noise: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Carry noise to samples along a backbone's velocity.

        Args:
            policy: The backbone.
            condition: ``[batch, condition]``.
            noise: What the backbone's ``draw_noise`` drew, ``[batch, *sample]``.
            generator: Not used: an ODE takes no further noise.

        Returns:
            Samples, ``[batch, *sample]``.
        """
        return self.integrate(policy.field(condition), noise, self.times(policy, noise))
