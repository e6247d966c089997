"""Random batches of transitions that lie on the device as one packed matrix."""

import attrs
import torch
from torch import Tensor

from genpolicy.dataset import Batch, Dataset
from genpolicy.transforms import Units


class Sampler:
    """Draws transitions uniformly, with replacement.

    Args:
        dataset: The transitions.
        device: Where they lie and batches are wanted.
    """

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        whole = _seen(dataset.to_batch(device), dataset.units.to(device))
        fields: dict[str, Tensor] = {
            field.name: getattr(whole, field.name) for field in attrs.fields(Batch)
        }
        self.shapes = {name: values.shape[1:] for name, values in fields.items()}
        self.widths = [shape.numel() for shape in self.shapes.values()]
        self.packed = torch.cat([values.reshape(len(whole), -1) for values in fields.values()], 1)

    def draw(self, size: int) -> Batch:
        """Return a batch of ``size`` transitions, by torch's global random numbers."""
        rows = torch.randint(len(self.packed), (size,), device=self.packed.device)
        return self._unpack(self.packed.index_select(0, rows))

    def _unpack(self, packed: Tensor) -> Batch:
        columns = torch.split(packed, self.widths, dim=1)
        return Batch(
            **{
                name: values.reshape(len(packed), *shape)
                for (name, shape), values in zip(self.shapes.items(), columns, strict=True)
            }
        )


def _seen(batch: Batch, units: Units) -> Batch:
    return attrs.evolve(
        batch,
        observation=units.seen(batch.observation),
        action=units.aimed(batch.action),
        next_observation=units.seen(batch.next_observation),
        next_action=units.aimed(batch.next_action),
    )
