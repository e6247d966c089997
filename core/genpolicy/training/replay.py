"""What an agent met online: transitions on the device, as one packed matrix that fills up."""

from collections.abc import Mapping

import torch
from torch import Tensor

from genpolicy.dataset import Batch, Dataset
from genpolicy.training.packing import shapes, unpacked


class Replay:
    """Transitions in the units of models, drawn uniformly and with replacement.

    Args:
        dataset: Transitions of the same shapes and in the same units.
        capacity: How many it can hold.
        device: Where they lie and batches are wanted.
    """

    def __init__(self, dataset: Dataset, capacity: int, device: torch.device) -> None:
        self.shapes = shapes(dataset)
        self.widths = [shape.numel() for shape in self.shapes.values()]
        self.packed = torch.zeros(capacity, sum(self.widths), device=device)
        self.units = dataset.units
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def add(self, values: Mapping[str, Tensor]) -> int:
        """Take in a transition, of which what comes next is not known yet.

        Args:
            values: Its numbers by the names of a batch, in the environment's units, on the CPU;
                without ``next_action``.

        Returns:
            Its row.
        """
        units = self.units
        seen = {
            **values,
            "observation": units.seen(values["observation"]),
            "action": units.aimed(values["action"]),
            "next_observation": units.seen(values["next_observation"]),
        }
        seen["next_action"] = seen["action"]
        row = torch.cat([seen[name].float().reshape(-1) for name in self.shapes])
        self.packed[self.count].copy_(row, non_blocking=True)
        self.count += 1
        return self.count - 1

    def follow(self, row: int, following: int) -> None:
        """Say which row's action came after that of ``row``."""
        names = [*self.shapes]
        fields = [torch.split(self.packed[each], self.widths) for each in (row, following)]
        fields[0][names.index("next_action")].copy_(fields[1][names.index("action")])

    def draw(self, size: int) -> Batch:
        """Return a batch of ``size`` transitions, by torch's global random numbers."""
        rows = torch.randint(max(1, self.count), (size,), device=self.packed.device)
        return unpacked(self.packed.index_select(0, rows), self.shapes)

    def rows(self) -> Tensor:
        """Return what it holds, for a checkpoint."""
        return self.packed[: self.count]

    def load(self, rows: Tensor) -> None:
        """Hold what a checkpoint had."""
        self.count = len(rows)
        self.packed[: self.count] = rows.to(self.packed.device)
