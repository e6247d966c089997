"""Random batches of a part of the transitions."""

import torch
from torch import Tensor

from genpolicy.dataset import Batch
from genpolicy.training.sampler import Sampler


class PartSampler:
    """Draws some of the transitions uniformly, with replacement.

    Args:
        whole: All transitions.
        rows: Those that are drawn, ``[transition]``.
    """

    def __init__(self, whole: Sampler, rows: Tensor) -> None:
        self.whole, self.rows = whole, rows.to(whole.device)

    def draw(self, size: int) -> Batch:
        """Return a batch of ``size`` transitions, by torch's global random numbers."""
        return self.at(self.places(size))

    def at(self, rows: Tensor) -> Batch:
        """Return the batch of these transitions of all, ``[batch]``."""
        return self.whole.at(rows)

    def places(self, size: int) -> Tensor:
        """Return which of all transitions a random batch is of, ``[batch]``."""
        return self.rows[torch.randint(len(self.rows), (size,), device=self.rows.device)]
