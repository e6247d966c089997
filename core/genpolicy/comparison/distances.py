"""Distances between two distributions, each known by samples.

    energy^2 = 2 E|x - y| - E|x - x'| - E|y - y'|
    sliced-W2^2 = E_theta integral_0^1 (F_theta·x^-1(u) - F_theta·y^-1(u))^2 du

Székely & Rizzo 2013, "Energy statistics", doi 10.1016/j.jspi.2013.03.018. Bonneel et al. 2015,
"Sliced and Radon Wasserstein barycenters of measures", doi 10.1007/s10851-014-0506-3.
"""

from typing import Final

import torch
from torch import Tensor

from genpolicy.errors import UsageError
from genpolicy.shapes import randn

_ROWS: Final = 2048  # of a matrix of distances at a time, so that memory does not grow squared


def energy_distance(x: Tensor, y: Tensor) -> float:
    """Return the squared energy distance, in the unit of the samples.

    The estimate is unbiased, pairs of a sample with itself left out: it is 0 on average where both
    come from the same distribution, and so sometimes negative.

    Args:
        x: Samples of one distribution, ``[n, *sample]``, two or more.
        y: Samples of the other, ``[m, *sample]``, two or more.

    Raises:
        UsageError: The samples differ in shape, or are too few.
    """
    x, y = _rows(x, y)
    within = _total(x, x) / (len(x) * (len(x) - 1)) + _total(y, y) / (len(y) * (len(y) - 1))
    return float(2.0 * _total(x, y) / (len(x) * len(y)) - within)


def sliced_wasserstein(
    x: Tensor, y: Tensor, generator: torch.Generator, *, directions: int = 256
) -> float:
    """Return the sliced 2-Wasserstein distance, in the unit of the samples.

    The mean is over random directions, and the root is taken of the mean. Samples of the same
    distribution are a little above 0 apart, the less the more they are.

    Args:
        x: Samples of one distribution, ``[n, *sample]``, two or more.
        y: As many samples of the other.
        generator: Draws the directions.
        directions: How many.

    Raises:
        UsageError: The samples differ in shape or number, or are too few.
    """
    x, y = _rows(x, y)
    if len(x) != len(y):
        raise UsageError(f"sliced_wasserstein compares as many samples; got {len(x)} and {len(y)}")
    theta = randn((x.shape[1], directions), x, generator)
    theta = theta / theta.norm(dim=0)
    gap = (x @ theta).sort(dim=0).values - (y @ theta).sort(dim=0).values
    return float((gap**2).mean().sqrt())


def _total(x: Tensor, y: Tensor) -> Tensor:
    """Return the sum of all distances between rows of ``x`` and rows of ``y``."""
    exact = "donot_use_mm_for_euclid_dist"  # the other way loses half the digits
    parts = [torch.cdist(rows, y, compute_mode=exact).sum() for rows in torch.split(x, _ROWS)]
    return torch.stack(parts).sum()


def _rows(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if x.shape[1:] != y.shape[1:] or min(len(x), len(y)) < 2:
        raise UsageError(
            "a distance needs two or more samples of either distribution, of one shape; got "
            f"{tuple(x.shape)} and {tuple(y.shape)}"
        )
    return x.detach().flatten(1).double(), y.detach().flatten(1).double()
