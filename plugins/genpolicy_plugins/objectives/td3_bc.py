"""TD3+BC: a deterministic policy that climbs Q and stays near the data.

    L = |pi(s) - a_D|^2 - alpha Q(s, pi(s)) / mean |Q|

beside TD3's critic. Fujimoto & Gu 2021, eq. 5, arXiv 2106.06860; ``eta`` is its alpha.

Differs from the paper: the policy climbs the smaller of the two values, not the first, and trains
at every step, not at every second; observations are taken as they are; nothing squashes actions,
for the critic values one outside the box as the nearest inside.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from genpolicy import option
from genpolicy_plugins.objectives.matching_and_q import MatchingAndQ


@attrs.frozen(kw_only=True)
class TD3BC(MatchingAndQ):
    """Regression and Q."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "deterministic",
        "network": "mlp",
        "network.hidden": (256, 256),
        "critic": "double-q",
        "critic.noise": 0.2,
        "train.online_noise": 0.1,
    }

    eta: float = option(2.5, help="weight of Q / mean |Q| against imitation", ge=0)
