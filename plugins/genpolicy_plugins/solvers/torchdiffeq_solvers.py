"""The solvers of torchdiffeq, an optional dependency, as one part.

Chen 2018, https://github.com/rtqichen/torchdiffeq. Its adaptive methods choose one step size for
the whole batch, so a sample depends, within the tolerance, on its neighbours; all of them read the
times, and the adaptive ones the error, on the host.

Left out: its Adams methods, which are right for even steps alone; SciPy's, which carries no
gradient; and fehlberg2, whose error is hundreds of times the tolerance on the VP path.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, ClassVar, Final, Literal

import attrs
from torch import Tensor

from genpolicy import OdeSolver, PathBackbone, VelocityBackbone, option
from genpolicy.backbone import Field
from genpolicy.errors import RunError
from genpolicy.path import Grid
from genpolicy.shapes import evenly

Method = Literal[
    "dopri5", "dopri8", "bosh3", "adaptive_heun",
    "euler", "midpoint", "heun2", "heun3", "rk4",
]  # fmt: skip

_ADAPTIVE: Final = ("dopri5", "dopri8", "bosh3", "adaptive_heun")


@attrs.frozen(kw_only=True)
class TorchDiffEq(OdeSolver):
    """A method of ``torchdiffeq.odeint``."""

    argument: ClassVar[str] = "method"
    method: Method = option("dopri5", help="the name that torchdiffeq gives it")
    rtol: float = option(1e-4, help="error allowed per adaptive step, relative to the state", gt=0)
    atol: float = option(1e-4, help="error allowed per adaptive step, absolute", gt=0)
    max_steps: int = option(1000, help="give up after this many adaptive steps", ge=1)
    steps: int = option(10, help="steps of a method that is not adaptive", ge=1)
    grid: Grid | None = option(None, help="where those lie; none: as the path's own grid says")

    def __attrs_post_init__(self) -> None:
        if find_spec("torchdiffeq") is None:
            raise ValueError(
                "it needs the package torchdiffeq, which is not installed: "
                "pip install 'genpolicy[torchdiffeq]'"
            )

    def further_needs(self) -> Mapping[str, Any]:
        """Ask for a path if fixed steps are to lie on a grid of its noise levels."""
        by_noise = self.grid not in (None, "uniform") and self.method not in _ADAPTIVE
        return {"policy": PathBackbone} if by_noise else {}

    def expected_failures(self) -> Mapping[str, str]:
        """Return what torchdiffeq excludes."""
        reason = "torchdiffeq reads the times, and an adaptive method the error, on the host"
        shared = {"a_sample_is_its_own_rows": "one step size serves the whole batch"}
        return {
            "it_compiles_as_one_graph": reason,
            "it_runs_for_several_seeds_at_once": reason,
            "it_reads_no_value_on_the_host": reason,
            **(shared if self.method in _ADAPTIVE else {}),
        }

    def times(self, policy: VelocityBackbone, like: Tensor) -> Tensor:
        """Return the ends of the solve, and for a method of fixed steps the times between."""
        if self.method in _ADAPTIVE:
            return evenly(*policy.time_span, 2, like)
        if isinstance(policy, PathBackbone):
            return policy.path.times(self.steps, like, self.grid)
        return evenly(*policy.time_span, self.steps + 1, like)

    def integrate(self, field: Field, state: Tensor, times: Tensor) -> Tensor:
        """Solve by the named method, from the first time to the last.

        Raises:
            RunError: An adaptive method gives up.
        """
        from torchdiffeq import odeint

        adaptive = self.method in _ADAPTIVE
        # without step_t an adaptive method steps over the end, where a path may not be defined
        options = {"max_num_steps": self.max_steps, "step_t": times[-1:]} if adaptive else None
        try:
            states = odeint(
                lambda t, x: field(x, t),
                state,
                times[[0, -1]] if adaptive else times,
                rtol=self.rtol,
                atol=self.atol,
                method=self.method,
                options=options,
            )
        except AssertionError as error:  # how torchdiffeq says so
            raise RunError(f"torchdiffeq's {self.method} gave up: {error}") from error
        solved: Tensor = states[-1]
        return solved
