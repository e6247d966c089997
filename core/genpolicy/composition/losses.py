"""What an objective's losses ask for, themselves and through their constants.

A constant is a tensor that a loss asks for by name: the objective's method of that name computes it
of a batch, and asks for what it needs in turn.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from torch import Tensor

from genpolicy.composition.contract import (
    ACT,
    LOSS,
    Need,
    annotations_of,
    loss_methods,
    method_of,
    needs_of,
    trains_critic,
)
from genpolicy.errors import BrokenPartError
from genpolicy.inference import Inference
from genpolicy.objective import Objective


@attrs.frozen(eq=False)
class Asking:
    """A method of an objective, and what it asks for beside the batch.

    Args:
        method: The method.
        own: The parts that it asks for.
        constants: The methods that compute the tensors it asks for, by name.
    """

    method: Callable[..., Any]
    own: list[Need]
    constants: Mapping[str, "Asking"]

    @property
    def needs(self) -> list[Need]:
        """The parts that it and its constants ask for."""
        return self.own + [need for each in self.constants.values() for need in each.needs]


def losses_of(objective: Objective, who: str) -> dict[str, Asking]:
    """Return an objective's losses by the role that they train.

    Raises:
        BrokenPartError: One is missing, or nobody knows what one asks for.
    """
    return {
        role: _asking(objective, loss, who) for role, loss in loss_methods(objective, who).items()
    }


def loss_needs(objective: Objective, who: str) -> list[Need]:
    """Return all parts that an objective's losses ask for."""
    return [need for loss in losses_of(objective, who).values() for need in loss.needs]


def asks_for_critic(objective: Objective, inference: Inference) -> bool:
    """Return whether an agent of these parts has a critic."""
    act = method_of(inference, "act", type(inference).__name__)
    needs = [*loss_needs(objective, "objective"), *needs_of(act, "inference", ACT)]
    return trains_critic(objective) or any(need.kind == "critic" for need in needs)


def roles_of(objective: Objective, who: str) -> tuple[str, ...]:
    """Return the roles of an objective: those that train, act or are asked for."""
    losses = losses_of(objective, who)
    asked = {
        need.role for loss in losses.values() for need in loss.needs if need.kind == "backbone"
    }
    return tuple(sorted(asked | losses.keys() | {objective.acting_role}))


def _asking(
    objective: Objective, method: Callable[..., Any], who: str, asked: tuple[str, ...] = ()
) -> Asking:
    """Read a method's signature; ``asked`` are the constants on whose way it is."""
    kinds = annotations_of(method, who)
    names = [name for name in inspect.signature(method).parameters if kinds.get(name) is Tensor]
    own = needs_of(method, who, LOSS.union(names))
    constants = {}
    for name in names:
        if name in asked:
            way = " → ".join((*asked[asked.index(name) :], name))
            raise BrokenPartError(f"{who}: the tensor {name!r} asks for itself: {way}")
        constant = getattr(objective, name, None)
        if not callable(constant) or "batch" not in inspect.signature(constant).parameters:
            raise BrokenPartError(
                f"{who}: {method.__qualname__} asks for a tensor {name!r}, and there is no method "
                f"'{name}(self, batch, …)' that computes it"
            )
        constants[name] = _asking(objective, constant, who, (*asked, name))
    return Asking(method, own, constants)
