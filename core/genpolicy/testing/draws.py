"""Noise that is not random: its rows in another order, or the same numbers at every draw."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor

_GOLDEN = (5**0.5 - 1) / 2

_DRAWS = ("rand", "randn", "rand_like", "randn_like", "randint", "randint_like")
"""Torch's sources of noise that losses draw from."""


@contextmanager
def rows_of_noise_in_order(order: Tensor) -> Iterator[None]:
    """Let every draw for the rows of a batch come in another order of its rows.

    Args:
        order: A permutation of the rows, ``[batch]``; draws of several rows for each keep them
            together.
    """
    ordered: dict[str, Any] = {name: _ordered(getattr(torch, name), order) for name in _DRAWS}
    with mock.patch.multiple(torch, **ordered):
        yield


@contextmanager
def the_same_noise() -> Iterator[None]:
    """Let every draw of a shape give the same numbers, whatever was or was not drawn before."""
    even: dict[str, Any] = {name: _even(getattr(torch, name), name) for name in _DRAWS}
    with mock.patch.multiple(torch, **even):
        yield


def _even(draw: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    def drawn(*args: Any, **kwargs: Any) -> Tensor:
        noise = draw(*args, **kwargs)
        if not noise.is_floating_point():
            return torch.zeros_like(noise)
        place = torch.arange(1, noise.numel() + 1, dtype=noise.dtype, device=noise.device)
        share = (place * _GOLDEN).frac().reshape(noise.shape)
        return torch.special.ndtri(share) if name.startswith("randn") else share

    return drawn


def _ordered(draw: Callable[..., Tensor], order: Tensor) -> Callable[..., Tensor]:
    def drawn(*args: Any, **kwargs: Any) -> Tensor:
        noise = draw(*args, **kwargs)
        if noise.ndim == 0 or len(noise) % len(order):
            return noise
        groups = noise.reshape(len(order), -1, *noise.shape[1:])
        return groups[order].reshape(noise.shape)

    return drawn
