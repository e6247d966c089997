"""One-step flow Q-learning (OFQL): an average velocity that climbs Q in its one jump.

    L = mean-flow identity(a | s) - eta Q(s, a_0) / mean |Q|,    a_0 = z + u(z, 0, 1)

beside a double-Q critic that is backed up through the slow copy. Nguyen & Yoo 2025,
arXiv 2508.13904. The identity and the share of the batch with no jump, 0.5 as there, are the
backbone's, ``mean-flow``.

Differs from the paper: times are uniform; its own are ``backbone.times=logit-normal``.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from genpolicy import option
from genpolicy_plugins.objectives.matching_and_q import MatchingAndQ


@attrs.frozen(kw_only=True)
class MeanFlowQL(MatchingAndQ):
    """Mean flows and Q through one jump."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "mean-flow",
        "solver": "jump:1",
        "critic": "double-q",
    }

    eta: float = option(0.5, help="weight of Q / mean |Q|; the paper's: 0.001 to 0.5", ge=0)
