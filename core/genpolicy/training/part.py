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
        drawn = torch.randint(len(self.rows), (size,), device=self.rows.device)
        return self.whole.at(self.rows[drawn])
