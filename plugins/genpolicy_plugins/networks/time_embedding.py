"""Vectors that stand for a time."""

import math

import torch
from torch import Tensor, nn


class FourierEmbedding(nn.Module):
    """Sines and cosines of random, fixed frequencies.

    Tancik et al. 2020, arXiv 2006.10739; Song et al. 2021, appendix, arXiv 2011.13456.

    Args:
        dim: The length of the vector, even.
        scale: The standard deviation of the frequencies, in turns per unit of time.
    """

    frequencies: Tensor

    def __init__(self, dim: int, scale: float) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.randn(dim // 2) * scale * 2.0 * math.pi)

    def forward(self, t: Tensor) -> Tensor:
        """Return ``[…, dim]`` for times of any shape ``[…]``."""
        angle = t[..., None] * self.frequencies
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


class SinusoidalEmbedding(nn.Module):
    """Sines and cosines of frequencies from half a turn up to ``highest`` turns per unit of time.

    Vaswani et al. 2017, section 3.5, arXiv 1706.03762, with frequencies for times in [0, 1].

    Args:
        dim: The length of the vector, even.
        highest: The highest frequency, in turns per unit of time.
    """

    frequencies: Tensor

    def __init__(self, dim: int, highest: float = 8.0) -> None:
        super().__init__()
        turns = torch.logspace(math.log2(0.5), math.log2(highest), dim // 2, base=2.0)
        self.register_buffer("frequencies", 2.0 * math.pi * turns)

    def forward(self, t: Tensor) -> Tensor:
        """Return ``[…, dim]`` for times of any shape ``[…]``."""
        angle = t[..., None] * self.frequencies
        return torch.cat([angle.sin(), angle.cos()], dim=-1)
