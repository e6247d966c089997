"""Diffusion Q-learning: a diffusion policy that climbs Q through its few denoising steps.

    L = |eps(a_t, t, s) - eps|^2 - eta Q(s, a_0) / mean |Q|,    a_0 by 5 steps of ancestral sampling

beside a double-Q critic that is backed up through the slow copy; it acts by one of 50 samples,
drawn by the softmax of their values. Wang et al. 2022, eq. 3, arXiv 2208.06193; released code.

Differs from the paper: the policy climbs the smaller of the two values, scaled by its own mean
size, where the code draws one of the two and scales it by the other's; the five steps lie on the
path of the ``diffusion`` backbone, not on the code's own noise schedule; the slow copy moves at
every step.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from genpolicy_plugins.objectives.matching_and_q import MatchingAndQ


@attrs.frozen(kw_only=True)
class DiffusionQL(MatchingAndQ):
    """Imitation by diffusion and Q through the sampler."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "diffusion",
        "solver": "ddpm:5",
        "critic": "double-q",
        "inference": "best-of:50",
        "inference.choose": "softmax",
    }
