"""What training a small agent does, update by update, and what each of them moves."""

from collections.abc import Iterator

import attrs
import torch
from torch import Tensor, nn

from genpolicy.dataset import Batch
from genpolicy.objective import Stage
from genpolicy.training.learner import Learner, stages_of
from genpolicy.training.update import Update


def stages_entered(learner: Learner) -> Iterator[tuple[Stage, list[Update]]]:
    """Yield every stage while it is the current one, and its updates."""
    for number, stage in enumerate(stages_of(learner.recipe.objective)):
        learner.means.clear()
        yield stage, list(learner.enter(number, stage))


def updates(learner: Learner) -> Iterator[Update]:
    """Yield every role's update while its stage is the current one."""
    for _, found in stages_entered(learner):
        yield from found


def weights(learner: Learner) -> dict[str, Tensor]:
    """Return a copy of every tensor of every model, by ``model/NAME/KEY``."""
    tensors = learner.state().tensors.items()
    return {key: value.clone() for key, value in tensors if key.startswith("model/")}


def followers(learner: Learner, role: str) -> set[str]:
    """Return the slow copies that move with a role."""
    own = {f"target_{role}"} & learner.models.all().keys()
    return own | ({"averaged"} if role == learner.recipe.objective.acting_role else set())


def gradients(update: Update, batch: Batch, others: list[nn.Parameter], ask: bool) -> list[Tensor]:
    """Return the gradient of a loss, with others' weights asking for theirs or not."""
    for weight in others:
        weight.requires_grad_(ask)
    torch.manual_seed(1)
    return list(torch.autograd.grad(update.loss(batch=batch).value, update.parameters))


def seeded_loss(update: Update, batch: Batch) -> Tensor:
    """Return the value of a loss, always with the same noise."""
    torch.manual_seed(2)
    return update.loss(batch=batch).value.detach()


def sees_observations_alone(update: Update, batch: Batch) -> bool:
    """Return whether a loss depends on nothing that an observation could be paired with."""
    other = attrs.evolve(batch, action=-batch.action, reward=-batch.reward)
    same = torch.equal(seeded_loss(update, batch), seeded_loss(update, other))
    torch.manual_seed(2)
    untouched = torch.get_rng_state()
    update.loss(batch=batch)
    return same and torch.equal(torch.get_rng_state(), untouched)
