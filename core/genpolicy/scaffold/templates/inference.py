"""Draw several samples and take the one that the critic values most."""

from typing import ClassVar

import attrs
import torch
from torch import Tensor

from genpolicy import Backbone, Critic, Inference, Solver, option
from genpolicy.candidates import draw_candidates, value_candidates


@attrs.frozen(kw_only=True)
class Example(Inference):
    """The best of several samples."""

    argument: ClassVar[str] = "samples"

    samples: int = option(8, help="candidates per observation", ge=1)

    def act(
        self,
        condition: Tensor,
        generator: torch.Generator | None,
        policy: Backbone,
        solver: Solver,
        critic: Critic,
    ) -> Tensor:
        """Return one sample per row of ``condition``, ``[batch, *sample]``."""
        drawn = draw_candidates(policy, solver, condition, self.samples, generator)
        best = value_candidates(critic, condition, drawn).argmax(1)
        return drawn[torch.arange(len(drawn), device=drawn.device), best]
