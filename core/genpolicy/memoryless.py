"""The memoryless chain of a Gaussian path: sampling whose end has forgotten where it began.

Ancestral sampling (:mod:`genpolicy.transitions`) is, in the limit of small steps, the SDE with the
memoryless noise schedule: x_1 does not depend on x_0. So the chain that is best for a reward r(x_1)
less its divergence from this one ends in exp(r) times this one's end: Domingo-Enrich et al. 2024,
"Adjoint Matching", section 4, arXiv 2409.08861. Two chains of the same noise S, and of means m_1
and m_2, have the divergence

    KL = 1/2 sum_t E |m_1(x_t) - m_2(x_t)|^2 / S_t^2,

which bounds that of their ends. A chain of few steps that takes the expected data for the data ends
too narrow, and tilts as much too little; so each step adds the variance of the data around what is
expected of them, averaged over a batch, with which a chain of any number of steps has the right
spread: Bao et al. 2022, "Analytic-DPM", theorem 1, arXiv 2201.06503.
"""

from typing import Final

import torch
from torch import Tensor

from genpolicy.backbone import GaussianPathBackbone
from genpolicy.shapes import repeat_rows
from genpolicy.transitions import Transition, transitions

_LEAST: Final = 1e-6
"""Less variance than this is none, and divergences of chains without noise have no value."""


def memoryless_chain(
    behaviour: GaussianPathBackbone, sample: Tensor, condition: Tensor, steps: int
) -> list[Transition]:
    """Return the steps of a memoryless chain, each with noise of its own.

    Args:
        behaviour: The model whose chain it is.
        sample: Data, ``[batch, *sample]``, from which its spread is measured.
        condition: ``[batch, condition]``.
        steps: How many steps; their times lie as the path's own grid says.
    """
    times = behaviour.path.times(steps, sample)
    variance = data_variance(behaviour, sample, condition, times[:-1]).clamp(min=_LEAST)
    return list(transitions(behaviour.path, times, variance=variance))


@torch.no_grad()
def data_variance(
    behaviour: GaussianPathBackbone, sample: Tensor, condition: Tensor, times: Tensor
) -> Tensor:
    """Return the mean squared distance, per dimension, of data from those expected, ``[times]``.

    Args:
        behaviour: Expects them.
        sample: Data, ``[batch, *sample]``.
        condition: ``[batch, condition]``.
        times: At which noise levels, ``[times]``.
    """
    count, path = len(times), behaviour.path
    t = repeat_rows(times, len(sample))
    rows, noise = (x.repeat(count, *[1] * (x.ndim - 1)) for x in (sample, torch.randn_like(sample)))
    x_t = path.interpolate(rows, noise, t)
    expected = behaviour.denoiser(x_t, t, condition.repeat(count, 1))
    return ((expected - rows) ** 2).reshape(count, -1).mean(1)
