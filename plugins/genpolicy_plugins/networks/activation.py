"""The functions between layers, by name."""

from typing import Final, Literal

from torch import nn

Activation = Literal["silu", "gelu", "mish", "tanh", "relu"]

ACTIVATIONS: Final[dict[str, type[nn.Module]]] = {
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "mish": nn.Mish,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}
