"""The functions between layers, by name."""

from typing import Final, Literal

import torch
from torch import Tensor, nn

Activation = Literal["silu", "gelu", "mish", "tanh", "relu"]


class Mish(nn.Module):
    """x tanh(log(1 + e^x)), by one sigmoid: torch's own takes four times as long as its SiLU.

        x (1 - q) / (1 + q),    q = sigmoid(-x)^2

    Misra 2019, arXiv 1908.08681.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x``."""
        q = torch.sigmoid(-x).square()
        return x * ((1.0 - q) / (1.0 + q))


ACTIVATIONS: Final[dict[str, type[nn.Module]]] = {
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "mish": Mish,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}
