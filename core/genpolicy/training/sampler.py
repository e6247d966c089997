"""Random batches of transitions that lie as one packed matrix, on the device or in a file."""

import torch
from torch import Tensor

from genpolicy.dataset import Batch, Dataset
from genpolicy.training.packing import Resident, packed, shapes, unpacked


class Sampler:
    """Draws transitions uniformly, with replacement.

    Args:
        dataset: The transitions.
        device: Where batches are wanted.
        resident: Whether the transitions all lie there; ``"auto"`` sees whether there is room.

    Raises:
        DataError: There is room for them neither there nor in a file.
    """

    def __init__(self, dataset: Dataset, device: torch.device, resident: Resident = "auto") -> None:
        self.device = device
        self.shapes = shapes(dataset)
        self.packed = packed(dataset, device, resident)

    def draw(self, size: int) -> Batch:
        """Return a batch of ``size`` transitions, by torch's global random numbers."""
        return self.at(self.places(size))

    def places(self, size: int) -> Tensor:
        """Return which transitions a random batch is of, ``[batch]``."""
        return torch.randint(len(self), (size,), device=self.device)

    def __len__(self) -> int:
        return len(self.packed)

    def at(self, rows: Tensor) -> Batch:
        """Return the batch of these transitions, ``[batch]``."""
        there = self.packed.index_select(0, rows.to(self.packed.device))
        return unpacked(there.to(self.device), self.shapes)
