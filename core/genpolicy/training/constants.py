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
from genpolicy.training.sampler import Sampler

_ROWS: Final = 4096  # computed at once
_TRIED: Final = 64  # of which it is seen whether they can be,
_PARTS: Final = 2  # together and in as many parts
_ROUNDING: Final = 1e-3  # relative to the largest


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
    what is not each transition's own: what draws random numbers or depends on the rest of a batch.
    """
    whole = sampler.whole if isinstance(sampler, PartSampler) else sampler
    if stage.steps * stage.batch_size < len(whole):
        return sampler
    with torch.no_grad():
        found = {
            name: _of_all(compute, whole)
            for name, compute in learner.constants(stage).items()
            if _is_own(compute, whole)
        }
    return ConstantSampler(sampler, found) if found else sampler


def _of_all(compute: Callable[..., Tensor], sampler: Sampler) -> Tensor:
    return _in_parts(compute, sampler, len(sampler), math.ceil(len(sampler) / _ROWS))


def _in_parts(compute: Callable[..., Tensor], sampler: Sampler, rows: int, parts: int) -> Tensor:
    """Return what the first transitions come to, computed in about equal parts."""
    places = torch.arange(rows, device=sampler.device)
    return torch.cat(
        [compute(batch=sampler.at(part)) for part in torch.tensor_split(places, parts)]
    )


def _is_own(compute: Callable[..., Tensor], sampler: Sampler) -> bool:
    """Whether a transition comes to the same in any batch."""
    device, rows = sampler.device, min(_TRIED, len(sampler))
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        before = _random_state(device)
        whole = compute(batch=sampler.at(torch.arange(rows, device=device)))
        if whole.shape[:1] != (rows,) or rows < 2 * _PARTS:
            return False
        parted = _in_parts(compute, sampler, rows, _PARTS)
        draws = not torch.equal(before, _random_state(device))
    return not draws and bool((whole - parted).abs().max() <= _ROUNDING * whole.abs().max())


def _random_state(device: torch.device) -> Tensor:
    state = torch.get_rng_state()
    return torch.cat([state, torch.cuda.get_rng_state(device)]) if device.type == "cuda" else state
