"""Implicit flow Q-learning: IDQL with a flow, acting by the best of 32 samples.

Park et al. 2025, section 5 and appendix C, arXiv 2502.02538.

Differs from the paper: it chooses by the critic's online values, not by their slow copies.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from genpolicy_plugins.objectives.idql import IDQL


@attrs.frozen(kw_only=True)
class IFQL(IDQL):
    """A cloned flow beside a critic that ranks its samples."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "flow",
        "backbone.sigma": 0.0,
        "solver": "euler:10",
        "network": "mlp",
        "network.hidden": (512, 512, 512, 512),
        "network.activation": "gelu",
        "critic": "iql",
        "critic.expectile": 0.9,
        "critic.hidden": (512, 512, 512, 512),
        "critic.activation": "gelu",
        "critic.layer_norm": True,
        "inference": "best-of:32",
    }
