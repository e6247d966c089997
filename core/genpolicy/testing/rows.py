"""Rows of a batch that must mean the same whatever stands beside them."""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

SHAPES: Final = ((2,), (4, 2))
"""The shapes of a sample that parts are tried with: an action, and a chunk of four."""

ORDER: Final = (3, 0, 4, 1, 2)
"""Another order of the first five rows."""


def check_rows(computed: Callable[..., Tensor], *inputs: Tensor, what: str) -> Tensor:
    """Check that a row of the output is of its own row of the inputs alone.

    Args:
        computed: The computation, of as many tensors as there are inputs.
        inputs: Tensors of as many rows, five or more.
        what: What a row of the output is, for the error.

    Returns:
        The output for all rows.

    Raises:
        AssertionError: The output has other rows, or a row another output in another order or by
            itself.
    """
    whole, count = computed(*inputs), len(inputs[0])
    assert whole.shape[:1] == (count,), f"{count} rows have a {what} of shape {tuple(whole.shape)}"
    for rows in (torch.tensor(ORDER), torch.tensor([1])):
        found = computed(*(values[rows] for values in inputs))
        apart = float((found - whole[rows]).detach().abs().max())
        assert apart < 1e-9, f"with other rows beside it a row's {what} moves by {apart:.2g}"
    return whole
