"""The adaptive fifth-order solver of Dormand and Prince.

Dormand & Prince 1980, "A family of embedded Runge-Kutta formulae"; step control after Hairer,
Norsett & Wanner 1993, section II.4. Steps are chosen without gradients and the accepted steps carry
exact ones. One step size serves the whole batch, so a sample depends, within the tolerance, on its
neighbours.
"""

import math
from collections.abc import Mapping
from typing import Final

import attrs
import torch
from torch import Tensor

from genpolicy import OdeSolver, option
from genpolicy.backbone import Field
from genpolicy.errors import RunError

_C: Final = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_A: Final = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR: Final = (
    71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40,
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Dopri5(OdeSolver):
    """Adaptive steps with an error estimate; fifth order."""

    rtol: float = option(1e-4, help="error allowed per step, relative to the state", gt=0)
    atol: float = option(1e-4, help="error allowed per step, absolute", gt=0)
    max_steps: int = option(1000, help="give up after this many steps", ge=1)

    def expected_failures(self) -> Mapping[str, str]:
        """Return what choosing the steps by an error excludes."""
        reason = "whether a step is small enough is decided on the host"
        return {
            "it_compiles_as_one_graph": reason,
            "it_runs_for_several_seeds_at_once": reason,
            "it_reads_no_value_on_the_host": reason,
            "a_sample_is_its_own_rows": "one step size serves the whole batch",
        }

    def integrate(self, field: Field, state: Tensor, times: Tensor) -> Tensor:
        """Step from the first time to the last within the tolerance.

        Raises:
            RunError: It takes more than ``max_steps`` steps, or the field is not finite.
        """
        start, end = float(times[0]), float(times[-1])
        t, slope = start, field(state, times[0])
        step = (end - start) / 20
        for taken in range(self.max_steps + 1):
            if abs(end - t) <= 1e-7 * abs(end - start):
                return state
            if taken == self.max_steps:
                break
            step = math.copysign(min(abs(step), abs(end - t)), end - start)
            proposal, slopes = self._propose(field, state, slope, t, step)
            error = self._error(state, proposal, slopes, step)
            if error <= 1.0:
                t, state, slope = t + step, proposal, slopes[-1]
            step *= min(5.0, max(0.2, 0.9 * (error + 1e-10) ** -0.2))
        raise RunError(
            f"dopri5 did not get from t = {start} to {end} in {self.max_steps} steps (stopped at "
            f"{t:.6g}); raise solver.max_steps, or loosen solver.rtol and solver.atol"
        )

    def _propose(
        self, field: Field, x: Tensor, slope: Tensor, t: float, step: float
    ) -> tuple[Tensor, list[Tensor]]:
        slopes = [slope]
        point = x
        for row, c in zip(_A[1:], _C[1:], strict=True):
            point = x
            for weight, earlier in zip(row, slopes, strict=True):
                if weight:
                    point = point.add(earlier, alpha=weight * step)
            slopes.append(field(point, x.new_tensor(t + c * step)))
        return point, slopes

    @torch.no_grad()
    def _error(self, x: Tensor, proposal: Tensor, slopes: list[Tensor], step: float) -> float:
        error = torch.zeros_like(x)
        for weight, slope in zip(_ERROR, slopes, strict=True):
            error.add_(slope, alpha=weight * step)
        scale = self.atol + self.rtol * torch.maximum(x.abs(), proposal.abs())
        ratio = float((error / scale).square().mean().sqrt())
        if not math.isfinite(ratio):
            raise RunError("dopri5 met a velocity that is not finite")
        return ratio
