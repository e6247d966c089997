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
    with torch.enable_grad():
        at = point.detach().requires_grad_()
        value = function(at)
        (gradient,) = torch.autograd.grad(value.sum(), at)
    return gradient, value.detach()
