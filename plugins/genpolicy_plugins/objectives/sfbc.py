"""Selecting from behaviour candidates: clone the behaviour, then choose among its samples.

    a_1 … a_N ~ mu(.|s),    acting by a_k with probability softmax_k(beta Q(s, a_k))

For many candidates it acts by pi* ~ mu exp(beta Q) with no policy trained at all. The critic plans
in the data: ``in-sample-softmax`` with ``planning``. Chen et al. 2023, arXiv 2209.14548.
``inference.beta`` is the inverse temperature of acting, ``critic.beta`` that of planning.

Differs from the paper: its Q is scaled per dataset before the temperature; here it is not, and
neither 1.0, the default of both, nor any other number is the paper's.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from genpolicy import Stage
from genpolicy_plugins.objectives.stages import BehaviourFirst


@attrs.frozen(kw_only=True)
class SfBC(BehaviourFirst):
    """A cloned behaviour, and a critic that plans with its samples."""

    acting_role: ClassVar[str] = "behaviour"
    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "diffusion",
        "solver": "dpm-solver++:15",
        "critic": "in-sample-softmax",
        "critic.planning": True,
        "inference": "best-of:32",
        "inference.choose": "softmax",
    }

    def stages(self) -> tuple[Stage, ...]:
        """Return the behaviour's stage, then the critic's."""
        return self.behaviour_stage(), self.critic_stage()
