"""Random batches of transitions that lie as one packed matrix, on the device or in a file."""

import torch
from torch import Tensor

from genpolicy.dataset import Batch, Dataset
from genpolicy.training.packing import Resident, packed, shapes


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
        self.widths = [shape.numel() for shape in self.shapes.values()]
        self.packed = packed(dataset, device, resident)

    def draw(self, size: int) -> Batch:
        """Return a batch of ``size`` transitions, by torch's global random numbers."""
        return self.at(torch.randint(len(self.packed), (size,), device=self.device))

    def at(self, rows: Tensor) -> Batch:
        """Return the batch of these transitions, ``[batch]``."""
        there = self.packed.index_select(0, rows.to(self.packed.device))
        return self._unpack(there.to(self.device))

    def _unpack(self, rows: Tensor) -> Batch:
        columns = torch.split(rows, self.widths, dim=1)
        return Batch(
            **{
                name: values.reshape(len(rows), *shape)
                for (name, shape), values in zip(self.shapes.items(), columns, strict=True)
            }
        )
