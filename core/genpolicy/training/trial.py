"""Whether the losses of several learners can be taken at once, found by doing it.

With the same noise for all, the losses of a few rows and their gradients must be those that each
learner comes to alone, but for rounding. That shows what no declaration could: a loss that looks at
a value on its way, or that reads a number which its parts do not hold.
"""

import operator
from collections.abc import Iterator, Sequence
from typing import Final

import torch
from torch import Tensor

from genpolicy.dataset import Batch
from genpolicy.errors import UsageError
from genpolicy.objective import Stage
from genpolicy.training.members import Members, StackedUpdate
from genpolicy.training.python_state import moments

_ROUNDING: Final = 1e-3  # of a loss, relative to it
_OF_GRADIENTS: Final = 1e-2  # of a weight's gradient, relative to its norm: a small difference of
# large numbers rounds worse than they
_BRANCHES: Final = "data-dependent control flow"  # what vmap says of an ``if``
_SMALL: Final = 1e-5  # what is below it is rounding, whatever it is relative to


def refusal(members: Members, stages: Sequence[Stage], batch: Batch) -> str | None:
    """Return why a loss cannot be taken of all at once, if one cannot.

    The weights may not be the same afterwards.

    Args:
        members: The learners, at their beginning.
        stages: The stages to be trained.
        batch: A few rows for every member.
    """
    for stage in stages:
        role = next(iter(stage.learning_rates))
        try:
            for update in members.tried(stage):
                role = update.role
                why = _compared(update, members.shared(batch)) or _later(update)
                if why is not None:
                    return f"the loss that trains {role!r} {why}"
        except UsageError as error:
            return str(error)
        except Exception as error:
            return f"the loss that trains {role!r} {_in_words(error)}"
    return None


def _compared(update: StackedUpdate, batch: Batch) -> str | None:
    """Compare what all come to at once with what each comes to alone."""
    update.losses(batch, "different")
    torch.manual_seed(0)
    values, _ = update.losses(batch, "same", "full")
    found = list(_gradients(values.sum(), update.parameters))
    for number, each in enumerate(update.updates):
        rows = batch.map(operator.itemgetter(number))
        torch.manual_seed(0)
        alone = each.loss(batch=rows).value
        theirs = _gradients(alone, each.parameters)
        same = all(_agree(one[number], other) for one, other in zip(found, theirs, strict=True))
        if not (same and _agree(values[number], alone, _ROUNDING)):
            return "comes out otherwise than for each alone"
    return None


def _later(update: StackedUpdate) -> str | None:
    """Say whether the numbers that differ are others on the way than at the beginning."""
    for moment in moments(update.updates[0].settled):
        for each in update.updates:
            each.model.after_step(moment)
        if update.own_numbers().names != update.own.names:
            return "reads numbers that change as training goes on"
    return None


def _gradients(loss: Tensor, weights: Sequence[Tensor]) -> Iterator[Tensor]:
    found = torch.autograd.grad(loss, weights, allow_unused=True)
    for weight, gradient in zip(weights, found, strict=True):
        yield torch.zeros_like(weight) if gradient is None else gradient


def _agree(one: Tensor, other: Tensor, share: float = _OF_GRADIENTS) -> bool:
    return bool((one - other).norm() <= _SMALL + share * other.norm())


def _in_words(error: Exception) -> str:
    said = (str(error) or type(error).__name__).strip().splitlines()[0]
    return "branches on a value that differs" if _BRANCHES in said else f"cannot: {said}"
