"""Derivatives by finite differences."""

from collections.abc import Callable

import torch
from torch import Tensor

_STEP = 1e-5


@torch.no_grad()
def slope_along(function: Callable[[], Tensor], tensor: Tensor, way: Tensor) -> float:
    """Return the derivative of a function along a direction of a tensor that it reads.

    Args:
        function: Returns one number, the same whenever it is called.
        tensor: What it reads, in double precision; it is moved in place and moved back.
        way: The direction, of the same shape.
    """
    kept = tensor.clone()
    ends = []
    for step in (_STEP, -_STEP):
        tensor.copy_(kept + step * way)
        ends.append(float(function()))
    tensor.copy_(kept)
    return (ends[0] - ends[1]) / (2.0 * _STEP)
