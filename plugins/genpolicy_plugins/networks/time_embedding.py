"""Vectors that stand for a time: sines and cosines of its phase at several frequencies."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

Frequencies = Literal["sinusoidal", "fourier"]
"""Fixed frequencies, even in their logarithm, or random ones."""


class TimeEmbedding(nn.Module):
    """Sines and cosines of frequencies that do not train.

    Args:
        frequencies: In radians per unit of time, ``[dim / 2]``.
    """

    frequencies: Tensor

    def __init__(self, frequencies: Tensor) -> None:
        super().__init__()
        self.register_buffer("frequencies", frequencies)

    @property
    def dim(self) -> int:
        """The length of the vector."""
        return 2 * len(self.frequencies)

    def forward(self, t: Tensor) -> Tensor:
        """Return ``[…, dim]`` for times of any shape ``[…]``."""
        angle = t[..., None] * self.frequencies
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


class FourierEmbedding(TimeEmbedding):
    """Frequencies drawn at random.

    Tancik et al. 2020, arXiv 2006.10739; Song et al. 2021, appendix, arXiv 2011.13456.

    Args:
        dim: The length of the vector, even.
        scale: The standard deviation of the frequencies, in turns per unit of time.
    """

    def __init__(self, dim: int, scale: float) -> None:
        super().__init__(torch.randn(dim // 2) * scale * 2.0 * math.pi)


class SinusoidalEmbedding(TimeEmbedding):
    """Frequencies from half a turn up to ``highest`` turns per unit of time.

    Vaswani et al. 2017, section 3.5, arXiv 1706.03762, with frequencies for times in [0, 1].

    Args:
        dim: The length of the vector, even.
        highest: The highest frequency, in turns per unit of time.
    """

    def __init__(self, dim: int, highest: float = 8.0) -> None:
        turns = torch.logspace(math.log2(0.5), math.log2(highest), dim // 2, base=2.0)
        super().__init__(2.0 * math.pi * turns)


def make_time_embedding(
    kind: Frequencies, dim: int, scale: float, turns: float | None
) -> TimeEmbedding:
    """Return a time embedding by its name.

    Args:
        kind: Its name; ``fourier`` draws from torch's global random numbers.
        dim: The length of the vector, even.
        scale: The spread of the frequencies of ``fourier``, in turns per unit of time.
        turns: The highest frequency allowed, likewise; above it all shrink by one factor.
    """
    made = FourierEmbedding(dim, scale) if kind == "fourier" else SinusoidalEmbedding(dim)
    if turns is not None:
        fastest = made.frequencies.abs().max() / (2.0 * math.pi)
        made.frequencies *= (turns / fastest).clamp(max=1.0)
    return made


def check_even(name: str, dim: int) -> None:
    """Refuse a length that sines and cosines cannot share.

    Args:
        name: What the option is called.
        dim: Its value.

    Raises:
        ValueError: It is odd.
    """
    if dim % 2:
        raise ValueError(f"{name} is an even number; got {dim}")
