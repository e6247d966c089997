"""What losses ask of models that do not train, computed once for every transition.

A loss that weighs the data's actions by a critic that is done training would ask it the same at
every step.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final

import attrs
import torch
from torch import Tensor

from genpolicy.dataset import Batch
from genpolicy.objective import Stage
from genpolicy.training.learner import Learner
from genpolicy.training.part import PartSampler
from genpolicy.training.precision import losing, multiplying
from genpolicy.training.sampler import Sampler

_ROWS: Final = 4096  # computed at once, and looked at again in batches of the stage's size
_ROUNDING: Final = {"full": 1e-3, "tf32": 3e-2, "bf16": 3e-2}  # relative, by precision
_SMALL: Final = 1e-5  # relative to the largest

Compute = Callable[..., Tensor]


class ConstantSampler:
    """Draws batches together with what is known of their transitions.

    Args:
        sampler: Draws them.
        constants: What is known of every transition, ``[transition, ...]``, by name.
    """

    def __init__(self, sampler: Sampler | PartSampler, constants: Mapping[str, Tensor]) -> None:
        self._sampler, self._constants = sampler, constants

    def draw(self, size: int) -> Batch:
        """Return a batch of ``size`` transitions, by torch's global random numbers."""
        places = self._sampler.places(size)
        known = {name: values.index_select(0, places) for name, values in self._constants.items()}
        return attrs.evolve(self._sampler.at(places), constants=known)


def with_constants(
    sampler: Sampler | PartSampler, learner: Learner, stage: Stage
) -> Sampler | PartSampler | ConstantSampler:
    """Return what draws the batches of a stage that is entered, with all that stays as it is in it.

    Where the stage sees fewer transitions than there are, that is left to its losses, and so is
    what is not each transition's own, because it draws random numbers or depends on the rest of a
    batch, and what is larger than the transitions themselves.
    """
    whole = sampler.whole if isinstance(sampler, PartSampler) else sampler
    if stage.steps * stage.batch_size < len(whole):
        return sampler
    precision, device = learner.recipe.train.precision, whole.device
    with torch.no_grad(), multiplying(precision, device), losing(precision, device):
        known = {
            name: found
            for name, compute in learner.constants(stage).items()
            if (found := _computed(compute, whole, stage.batch_size, _ROUNDING[precision]))
            is not None
        }
    return ConstantSampler(sampler, known) if known else sampler


def _computed(compute: Compute, sampler: Sampler, size: int, rounding: float) -> Tensor | None:
    """Return a constant of all transitions; ``None`` if it is not each one's own."""
    if not _fits_and_draws_nothing(compute, sampler, min(size, len(sampler))):
        return None
    found = _of(compute, sampler, torch.arange(len(sampler), device=sampler.device), _ROWS)
    random = torch.Generator().manual_seed(0)
    rows = torch.randperm(len(sampler), generator=random)[:_ROWS].to(sampler.device)
    again = _of(compute, sampler, rows, max(1, min(size, len(rows) // 2))).double()
    known = found.index_select(0, rows).double()
    most = float(known.abs().max())
    same = torch.allclose(again, known, rtol=rounding, atol=_SMALL * most)
    return found if same and math.isfinite(most) else None


def _of(compute: Compute, sampler: Sampler, rows: Tensor, size: int) -> Tensor:
    parts = torch.tensor_split(rows, -(-len(rows) // size))
    return torch.cat([compute(batch=sampler.at(part)) for part in parts])


def _fits_and_draws_nothing(compute: Compute, sampler: Sampler, rows: int) -> bool:
    """Whether a transition has no more numbers of it than of itself, and none is random."""
    device = sampler.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        before = _random_state(device)
        found = compute(batch=sampler.at(torch.arange(rows, device=device)))
        draws = not torch.equal(before, _random_state(device))
    return not draws and 0 < found.numel() <= rows * sampler.packed.shape[1]


def _random_state(device: torch.device) -> Tensor:
    state = torch.get_rng_state()
    return torch.cat([state, torch.cuda.get_rng_state(device)]) if device.type == "cuda" else state
