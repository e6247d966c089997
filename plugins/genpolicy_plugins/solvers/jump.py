"""Jumps of a learned map, with or without fresh noise at the stops between.

    x_s' = jump(x_t, t, s'),    x_s = (alpha_s / alpha_s') x_s' + alpha_s sqrt(l_s^2 - l_s'^2) eps

with l = sigma / alpha, and s' the time at which l_s' = sqrt(1 - gamma^2) l_s. At gamma = 0 every
jump goes from stop to stop; at gamma = 1 it goes to the data and all noise is drawn anew, as in the
multistep sampling of consistency models. Kim et al. 2023, algorithm 3, arXiv 2310.02279; Song et
al. 2023, algorithm 1, arXiv 2303.01469; here on any Gaussian path.
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import attrs
import torch
from torch import Tensor

from genpolicy import (
    ConsistencyBackbone,
    DifferentiableSolver,
    FlowMapBackbone,
    GaussianPath,
    OneStepBackbone,
    option,
)
from genpolicy.errors import FitError
from genpolicy.path import Grid
from genpolicy.shapes import randn


@attrs.frozen(kw_only=True)
class Jump(DifferentiableSolver):
    """One evaluation per jump.

    Gradients are those of the samples with the fresh noise held fixed.
    """

    argument: ClassVar[str] = "steps"
    steps: int = option(1, help="jumps, one evaluation each", ge=1)
    renoise: float | None = option(
        None,
        help="share of the noise drawn anew at each stop, the gamma of CTM; "
        "none: 0 for a map to any later time, 1 for one to the data alone",
        ge=0,
        le=1,
    )
    grid: Grid | None = option(None, help="where the stops lie; none: as the path's own grid says")

    def further_needs(self) -> Mapping[str, Any]:
        """Ask for what can start from a stop, and for what can end at one."""
        if self.steps == 1:
            return {}
        between = self.renoise is not None and self.renoise < 1.0
        return {"policy": FlowMapBackbone if between else ConsistencyBackbone}

    def sample(
        self,
        policy: OneStepBackbone,
        condition: Tensor,
        noise: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Send noise to samples by as many jumps as there are steps.

        Args:
            policy: The backbone.
            condition: ``[batch, condition]``.
            noise: What the backbone's ``draw_noise`` drew, ``[batch, *sample]``.
            generator: Where fresh noise comes from; ``None`` for torch's global random numbers.

        Returns:
            Samples, ``[batch, *sample]``.
        """
        if self.steps == 1:
            return policy.transport(noise, condition)
        if not isinstance(policy, ConsistencyBackbone):
            raise _cannot("stop on the way", policy)
        times, x = policy.path.times(self.steps, noise, self.grid).unbind(), noise
        for t, s in pairwise(times[:-1]):
            x = self._stop(policy, x, t, s, condition, generator)
        return policy.endpoint(x, times[-2], condition)

    def _stop(
        self,
        policy: ConsistencyBackbone,
        x: Tensor,
        t: Tensor,
        s: Tensor,
        condition: Tensor,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Return x_s from x_t, with as much of its noise drawn anew as is asked for."""
        learned = isinstance(policy, FlowMapBackbone)
        gamma = float(not learned) if self.renoise is None else self.renoise
        if gamma == 1.0:
            landed, landing = policy.endpoint(x, t, condition), x.new_full((), policy.path.end)
        else:
            if not isinstance(policy, FlowMapBackbone):
                raise _cannot("land on the way", policy)
            landing = _calmer(policy.path, s, math.sqrt(1.0 - gamma**2)) if gamma else s
            landed = policy.jump(x, t, landing, condition)
        return landed if gamma == 0.0 else _roughen(policy.path, landed, landing, s, generator)


def _cannot(what: str, policy: OneStepBackbone) -> FitError:
    return FitError(
        [
            f"jump cannot {what} with a {type(policy).__name__}, which only {policy.ability}; "
            "take one step, or solver.renoise=1 for a model that jumps to its samples alone"
        ]
    )


def _calmer(path: GaussianPath, s: Tensor, share: float) -> Tensor:
    """Return the time at which the noise level is this share of that at s, or the path's end."""
    end = s.new_full((), path.end)
    wanted = path.half_log_snr(s) - math.log(share)
    return path.time_at(torch.minimum(wanted, path.half_log_snr(end)))


def _roughen(
    path: GaussianPath, x: Tensor, t: Tensor, s: Tensor, generator: torch.Generator | None
) -> Tensor:
    """Return x_s from x_t, s at or before t, by adding the noise that is missing."""
    scale = path.alpha(s) / path.alpha(t)
    variance = (path.sigma(s) ** 2 - (scale * path.sigma(t)) ** 2).clamp(min=0.0)
    return scale * x + torch.sqrt(variance) * randn(x.shape, x, generator)
