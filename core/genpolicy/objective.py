"""Objectives: what a policy minimises, in which stages, and who acts in the end.

An objective asks for what it needs by naming and annotating the arguments of its losses, as pytest
fixtures do: ``batch``, ``critic``, ``solver``, and any role of a policy, such as ``policy``,
``behaviour`` or ``student``; ``target_policy`` is a slow copy of ``policy``. Whether a combination
of parts fits is read from those annotations. A ``Tensor`` it asks for is a constant, computed by
the objective's own method of that name, which asks for what it needs in turn.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import attrs
from torch import Tensor

from genpolicy.recipe import Recipe

ONLINE: Final = "online"
"""The name of the stage in which the agent acts."""


@dataclass(frozen=True, eq=False)  # torch.compile cannot trace the making of a frozen attrs class
class Loss:
    """What a training step minimises.

    Args:
        value: A scalar with its graph.
        metrics: Detached scalars that describe it, with stable names.
    """

    value: Tensor
    metrics: Mapping[str, Tensor] = field(default_factory=dict)


@attrs.frozen(kw_only=True)
class Stage:
    """A stretch of training in which the same losses train together.

    Args:
        name: Its name in logs.
        steps: How many optimiser steps it takes; 0 leaves it out.
        batch_size: Transitions per step.
        learning_rates: The roles that train, each with its Adam learning rate, in the order in
            which they take their steps. The role ``critic`` trains by the critic's own loss, any
            other role ``x`` by the objective's method ``x_loss``.
        copies: Roles that start from another role's weights, as ``{"policy": "behaviour"}``.
        settled: Whether what runs its course over a stage inside a model, such as a grid that grows
            finer, has done so before: the models are told that all of training is behind them.
    """

    name: str
    steps: int
    batch_size: int
    learning_rates: Mapping[str, float]
    copies: Mapping[str, str] = attrs.field(factory=dict)
    settled: bool = False


@attrs.frozen(kw_only=True)
class Objective(Recipe, ABC):
    """What a policy minimises.

    Every role that trains has a loss method named after it: ``policy_loss``, ``behaviour_loss``, …,
    whose arguments say what it needs and which returns a :class:`Loss`. A role is a backbone,
    unless the objective builds it itself: ``build_<role>(self, spec, network) -> YourModel``.

    ``acting_role`` names the role whose samples the agent takes. ``defaults`` are the settings that
    hold where neither the user nor a named recipe says otherwise, as
    ``{"critic": "double-q", "student.backbone": "one-step"}``: the parts that the method is known
    with.
    """

    acting_role: ClassVar[str] = "policy"
    defaults: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """Return the stages in order."""

    def online_stage(self, steps: int) -> Stage | None:
        """Return the stage in which the agent acts and learns from what it did.

        Everything that was trained trains on, all of it in every step: roles in the order of the
        stages, each at the learning rate that it had last, on batches of the smallest stage's size.
        An objective overrides this where another stage serves it better.

        Args:
            steps: How many optimiser steps it takes.

        Returns:
            The stage; ``None`` if acting teaches an agent of this objective nothing.
        """
        stages = [stage for stage in self.stages() if stage.steps]
        rates = {role: rate for stage in stages for role, rate in stage.learning_rates.items()}
        return Stage(
            name=ONLINE,
            steps=steps,
            batch_size=min(stage.batch_size for stage in stages),
            learning_rates=rates,
            settled=True,
        )
