"""In which precision matrix products are taken in training.

Weights, optimisers, averages and acting stay in full precision whatever is chosen.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

import torch

Precision = Literal["full", "tf32", "bf16"]


def losing(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a loss is computed: in ``bf16`` torch's autocast, else none.

    Args:
        precision: What was chosen.
        device: Where the models live.
    """
    if precision != "bf16":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


@contextmanager
def multiplying(precision: Precision, device: torch.device) -> Iterator[None]:
    """Round the factors of matrix products to 10 bits, if ``tf32`` was chosen and on CUDA.

    A gradient is taken inside this as well, where it is taken outside of :func:`losing`.

    Args:
        precision: What was chosen.
        device: Where the models live.
    """
    if precision != "tf32" or device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
