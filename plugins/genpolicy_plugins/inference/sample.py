"""Take the policy's first sample."""

import attrs
import torch
from torch import Tensor

from genpolicy import Backbone, Inference, Solver, option


@attrs.frozen(kw_only=True)
class SampleOnce(Inference):
    """One sample per observation."""

    temperature: float = option(
        1.0, help="what the noise is multiplied with; 0: a gaussian's mean", ge=0
    )

    def act(
        self,
        condition: Tensor,
        generator: torch.Generator | None,
        policy: Backbone,
        solver: Solver,
    ) -> Tensor:
        """Return one sample per row of ``condition``, ``[batch, *sample]``."""
        noise = self.temperature * policy.draw_noise(condition, generator)
        return solver.sample(policy, condition, noise, generator)
