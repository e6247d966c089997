"""Gradients in places where none are being computed."""

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_at(function: Callable[[Tensor], Tensor], point: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient and the value of a function of rows, both constants.

    Args:
        function: From ``[batch, …]`` to ``[batch]``, each row of which depends on its own alone.
        point: ``[batch, …]``; where it comes from does not matter.

    Returns:
        ``[batch, …]`` and ``[batch]``.
    """

    def total(at: Tensor) -> tuple[Tensor, Tensor]:
        value = function(at)
        return value.sum(), value

    with torch.no_grad():  # torch.func.grad differentiates all the same, for this result alone
        gradient, value = torch.func.grad(total, has_aux=True)(point.detach())
    return gradient, value
