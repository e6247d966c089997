"""Small helpers for tensors whose rows are samples."""

from collections.abc import Sequence

import torch
from torch import Tensor


def randn(shape: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw standard normal noise of the type and on the device of ``like``.

    Args:
        shape: The shape of the noise.
        like: Any tensor.
        generator: Its source; ``None`` for torch's global random numbers. It may be of another
            device: one on the CPU gives the same noise whatever device it is for.
    """
    device = like.device if generator is None else generator.device
    noise = torch.randn(tuple(shape), generator=generator, dtype=like.dtype, device=device)
    return noise.to(like.device)


def evenly(start: float, end: float, count: int, like: Tensor) -> Tensor:
    """Return ``count`` even numbers from ``start`` to ``end``, typed and placed like ``like``."""
    return torch.linspace(start, end, count, dtype=like.dtype, device=like.device)


def expand(per_row: Tensor, like: Tensor) -> Tensor:
    """Reshape ``[batch]`` so that it broadcasts over ``like``, ``[batch, …]``; scalars pass."""
    return per_row if per_row.ndim == 0 else per_row.reshape(-1, *[1] * (like.ndim - 1))


def sum_rows(values: Tensor) -> Tensor:
    """Sum ``[batch, …]`` over everything but the rows, giving ``[batch]``."""
    return values.flatten(1).sum(1)


def repeat_rows(values: Tensor, count: int) -> Tensor:
    """Repeat every row ``count`` times in place: ``[batch, …]`` to ``[batch · count, …]``.

    Row ``i`` becomes rows ``i·count … i·count + count - 1``; :func:`group_rows` undoes it.
    """
    return values.repeat_interleave(count, dim=0)


def group_rows(values: Tensor, count: int) -> Tensor:
    """Gather what :func:`repeat_rows` spread: ``[batch · count, …]`` to ``[batch, count, …]``."""
    return values.reshape(-1, count, *values.shape[1:])
