"""The courses of training that objectives share: all at once, or one stage after the other."""

from collections.abc import Mapping
from typing import ClassVar

import attrs

from genpolicy import Backbone, Batch, Loss, Objective, Stage, option
from genpolicy_plugins.objectives.value_terms import imitation


@attrs.frozen(kw_only=True)
class Joint(Objective):
    """One stage that trains the critic and then, in every step, the ``roles``."""

    roles: ClassVar[tuple[str, ...]] = ("policy",)

    steps: int = option(1_000_000, help="optimiser steps", ge=1)
    learning_rate: float = option(3e-4, help="Adam's learning rate for the policies", gt=0)
    critic_learning_rate: float = option(3e-4, help="Adam's learning rate for the critic", gt=0)
    batch_size: int = option(256, help="transitions per step", ge=1)

    def stages(self) -> tuple[Stage, ...]:
        """Return the one stage."""
        rates = {"critic": self.critic_learning_rate}
        rates |= dict.fromkeys(self.roles, self.learning_rate)
        return (
            Stage(name="joint", steps=self.steps, batch_size=self.batch_size, learning_rates=rates),
        )


@attrs.frozen(kw_only=True)
class BehaviourFirst(Objective):
    """What there is to say of a stage that clones the behaviour, and of one for the critic."""

    behaviour_steps: int = option(500_000, help="optimiser steps of the behaviour", ge=0)
    behaviour_learning_rate: float = option(
        1e-4, help="Adam's learning rate for the behaviour", gt=0
    )
    critic_steps: int = option(1_000_000, help="optimiser steps of the critic", ge=0)
    critic_learning_rate: float = option(3e-4, help="Adam's learning rate for the critic", gt=0)
    batch_size: int = option(4096, help="transitions per behaviour and critic step", ge=1)

    def behaviour_stage(self) -> Stage:
        """Return the stage that clones the behaviour."""
        return Stage(
            name="behaviour",
            steps=self.behaviour_steps,
            batch_size=self.batch_size,
            learning_rates={"behaviour": self.behaviour_learning_rate},
        )

    def critic_stage(self) -> Stage:
        """Return the critic's stage."""
        return Stage(
            name="critic",
            steps=self.critic_steps,
            batch_size=self.batch_size,
            learning_rates={"critic": self.critic_learning_rate},
        )

    def behaviour_loss(self, batch: Batch, behaviour: Backbone) -> Loss:
        """Return the mean matching loss of the data's actions."""
        return imitation(batch, behaviour)


@attrs.frozen(kw_only=True)
class PolicyLast(BehaviourFirst):
    """And of one for the role that acts."""

    policy_steps: int = option(10_000, help="optimiser steps of the policy", ge=0)
    policy_learning_rate: float = option(3e-5, help="Adam's learning rate for the policy", gt=0)
    policy_batch_size: int = option(4096, help="transitions per policy step", ge=1)

    def acting_stage(self, copies: Mapping[str, str] | None = None) -> Stage:
        """Return the stage of the role that acts, which may start as a copy of another."""
        return Stage(
            name=self.acting_role,
            steps=self.policy_steps,
            batch_size=self.policy_batch_size,
            learning_rates={self.acting_role: self.policy_learning_rate},
            copies=copies or {},
        )
