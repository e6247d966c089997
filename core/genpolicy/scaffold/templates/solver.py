"""Ralston's method: of all with two evaluations per step, that with the least bound on its error.

    k_1 = f(x, t),    k_2 = f(x + 2/3 h k_1, t + 2/3 h),    x <- x + h (k_1 / 4 + 3/4 k_2)

Ralston 1962, Mathematics of Computation 16 (80).
"""

from typing import ClassVar

import attrs
from torch import Tensor

from genpolicy import OdeSolver, VelocityBackbone, option
from genpolicy.backbone import Field
from genpolicy.shapes import evenly


@attrs.frozen(kw_only=True)
class Example(OdeSolver):
    """Ralston's method with equal steps."""

    argument: ClassVar[str] = "steps"

    steps: int = option(10, help="equal steps, two evaluations each", ge=1)

    def convergence(self) -> float:
        """Return the method's order."""
        return 2.0

    def times(self, policy: VelocityBackbone, like: Tensor) -> Tensor:
        """Return the ends of all steps, ``[steps + 1]``."""
        return evenly(*policy.time_span, self.steps + 1, like)

    def integrate(self, field: Field, state: Tensor, times: Tensor) -> Tensor:
        """Return the state at the last time."""
        for t, h in zip(times[:-1], times.diff(), strict=True):
            first = field(state, t)
            second = field(state + 2 / 3 * h * first, t + 2 / 3 * h)
            state = state + h * (first / 4 + 3 / 4 * second)
        return state
