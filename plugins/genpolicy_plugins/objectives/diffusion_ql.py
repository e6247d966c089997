"""Diffusion Q-learning: a diffusion policy that climbs Q through its few denoising steps.

    L = matching(a_D | s) - eta Q(s, a_0) / mean |Q|,    a_0 by 5 steps of ancestral sampling

beside a double-Q critic that is backed up through the slow copy; it acts by one of 50 samples,
drawn by the softmax of their values. Wang et al. 2022, eq. 3, arXiv 2208.06193; released code.

Differs from the paper: the policy climbs the smaller of the two values, scaled by its own mean
size, where the code draws one of the two and scales it by the other's; the five steps lie on the
path of the ``diffusion`` backbone, whose network predicts the velocity, where the code has a noise
schedule of its own, predicts the noise, and moves the expected action into the box at every step,
which a noise of few steps needs and a velocity does not (the recipes predict the noise too, with
``solver.clip``); the slow copy moves at every step; and it chooses by the critic's online values,
where the code asks their slow copies.
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
