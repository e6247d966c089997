"""All fields of all transitions as one matrix of 32-bit floats, in memory or in a file.

A row is a transition as models see it, in the order of the fields of ``Batch``, so that a batch is
gathered by one call.
"""

import mmap
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import attrs
import numpy as np
import torch
from torch import Tensor

from genpolicy.columns import blocks
from genpolicy.dataset import Batch, Dataset
from genpolicy.errors import DataError
from genpolicy.storage import cache_directory
from genpolicy.training.room import free_memory
from genpolicy.transforms import Units

Resident = Literal["auto", "yes", "no"]

_SHARE: Final = 0.5  # of the free memory; the rest is left to models, batches and the environment


def packed(data: Dataset, device: torch.device, resident: Resident) -> Tensor:
    """Return the matrix, ``[transition, number]``.

    Args:
        data: The transitions.
        device: Where batches are wanted.
        resident: Whether it lies there as a whole, or in a file of which parts are in memory as
            they are needed; ``"auto"`` sees whether there is room.

    Raises:
        DataError: There is no room for it.
    """
    if resident == "yes" or (resident == "auto" and _fits(data, device)):
        return _on_device(data, device)
    return _in_file(data)


def shapes(data: Dataset) -> dict[str, torch.Size]:
    """Return the shape that each field of a batch has beyond its first dimension, in order."""
    first = data.to_batch(torch.device("cpu"), slice(0, 1))
    return {name: values.shape[1:] for name, values in first.columns().items()}


def unpacked(rows: Tensor, shapes: Mapping[str, torch.Size]) -> Batch:
    """Return rows of the matrix as a batch.

    Args:
        rows: The rows, ``[batch, number]``.
        shapes: The shapes of its fields, in their order.
    """
    columns = torch.split(rows, [shape.numel() for shape in shapes.values()], dim=1)
    fields: dict[str, Any] = {
        name: values.reshape(len(rows), *shape)
        for (name, shape), values in zip(shapes.items(), columns, strict=True)
    }
    return Batch(**fields)


def _size(data: Dataset) -> tuple[int, int]:
    return len(data), sum(shape.numel() for shape in shapes(data).values())


def _fits(data: Dataset, device: torch.device) -> bool:
    rows, width = _size(data)
    return 4 * rows * width <= _SHARE * free_memory(device)


def _on_device(data: Dataset, device: torch.device) -> Tensor:
    rows, width = _size(data)
    try:
        whole = torch.empty(rows, width, device=device)
    except RuntimeError as error:  # also that of a GPU
        raise DataError(
            f"dataset {data.name!r} needs {4 * rows * width / 1e9:.1f} GB of memory on {device}, "
            "and there is not as much; set train.resident=no"
        ) from error
    for place, block in _pieces(data, device):
        whole[place] = block
    return whole


def _in_file(data: Dataset) -> Tensor:
    """Return the matrix in a file that has no name, so that it goes when the process does."""
    folder, (rows, width) = cache_directory(), _size(data)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            for _, block in _pieces(data, torch.device("cpu")):
                file.write(block.numpy().data)
            file.flush()
            mapped = mmap.mmap(file.fileno(), 4 * rows * width)
    except OSError as error:
        raise DataError(
            f"dataset {data.name!r} needs {4 * rows * width / 1e9:.1f} GB of {str(folder)!r} to "
            f"train from, beside memory, and that cannot be written ({error.strerror}); set "
            "AGENT_CACHE to a folder with room, or train.resident=yes if memory has"
        ) from error
    mapped.madvise(mmap.MADV_RANDOM)  # else every drawn row would bring its neighbours along
    return torch.from_numpy(np.frombuffer(mapped, np.float32).reshape(rows, width))


def _pieces(data: Dataset, device: torch.device) -> Iterator[tuple[slice, Tensor]]:
    units = data.units.to(device)
    for rows in blocks(*data.columns.arrays().values()):
        batch = _seen(data.to_batch(device, rows), units)
        fields = [values.reshape(len(batch), -1) for values in batch.columns().values()]
        yield rows, torch.cat(fields, 1)


def _seen(batch: Batch, units: Units) -> Batch:
    return attrs.evolve(
        batch,
        observation=units.seen(batch.observation),
        action=units.aimed(batch.action),
        next_observation=units.seen(batch.next_observation),
        next_action=units.aimed(batch.next_action),
    )
