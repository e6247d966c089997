"""Draw several samples and take one of them by its value.

    argmax:    the best by Q
    softmax:   a_k with probability softmax_k(beta Q(s, a_k))
    expectile: a_k with probability ~ |expectile - 1(Q(s, a_k) < V(s))|

Of the behaviour's samples, softmax acts by pi* ~ mu exp(beta Q) for many of them (Chen et al. 2023,
SfBC, eq. 7, arXiv 2209.14548), and expectile by the policy that an expectile critic implies
(Hansen-Estruch et al. 2023, IDQL, eq. 8, arXiv 2304.10573).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import attrs
import torch
from torch import Tensor

from genpolicy import Backbone, Critic, ExpectileCritic, Inference, Solver, option
from genpolicy.candidates import draw_candidates, value_candidates


@attrs.frozen(kw_only=True)
class BestOf(Inference):
    """One of several samples, chosen by the critic."""

    argument: ClassVar[str] = "candidates"

    candidates: int = option(32, help="samples per observation", ge=1)
    choose: Literal["argmax", "softmax", "expectile"] = option(
        "argmax", help="take the best, or draw by value"
    )
    beta: float = option(1.0, help="inverse temperature of softmax", ge=0)
    temperature: float = option(1.0, help="what the samples' noise is multiplied with", ge=0)

    def further_needs(self) -> Mapping[str, Any]:
        """Return what ``choose=expectile`` asks for."""
        return {"critic": ExpectileCritic} if self.choose == "expectile" else {}

    def act(
        self,
        condition: Tensor,
        generator: torch.Generator | None,
        policy: Backbone,
        solver: Solver,
        critic: Critic,
    ) -> Tensor:
        """Return one sample per row of ``condition``, ``[batch, *sample]``."""
        drawn = draw_candidates(
            policy, solver, condition, self.candidates, generator, temperature=self.temperature
        )
        q = value_candidates(critic, condition, drawn)
        chosen = self._choose(q, condition, critic, generator)
        rows = torch.arange(drawn.shape[0], device=drawn.device)
        return drawn[rows, chosen]

    def _choose(
        self, q: Tensor, condition: Tensor, critic: Critic, generator: torch.Generator | None
    ) -> Tensor:
        """Return which candidate of each row is taken, ``[batch]``."""
        if self.choose == "argmax":
            return q.argmax(1)
        if self.choose == "softmax":
            return _draw(torch.softmax(self.beta * q, dim=1), generator)
        assert isinstance(critic, ExpectileCritic)
        better = (q >= critic.value(condition)[:, None]).to(q.dtype)
        weight = (1.0 - critic.expectile) + (2.0 * critic.expectile - 1.0) * better
        return _draw(weight, generator)


def _draw(weight: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw an index per row with probability in proportion to its weight, ``[batch]``."""
    device = weight.device if generator is None else generator.device
    uniform = torch.rand(weight.shape[0], 1, generator=generator, device=device, dtype=weight.dtype)
    reached = weight.cumsum(1)
    passed = reached <= uniform.to(weight.device) * reached[:, -1:]
    return passed.sum(1).clamp(max=weight.shape[1] - 1)
