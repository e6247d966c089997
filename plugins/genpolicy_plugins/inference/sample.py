"""Take the policy's first sample."""

import attrs
import torch
from torch import Tensor

from genpolicy import Backbone, Inference, Solver


@attrs.frozen(kw_only=True)
class SampleOnce(Inference):
    """One sample per observation."""

    def act(
        self,
        condition: Tensor,
        generator: torch.Generator | None,
        policy: Backbone,
        solver: Solver,
    ) -> Tensor:
        """Return one sample per row of ``condition``, ``[batch, *sample]``."""
        noise = policy.draw_noise(condition, generator)
        return solver.sample(policy, condition, noise, generator)
