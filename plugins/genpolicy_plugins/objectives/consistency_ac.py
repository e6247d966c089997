"""Consistency actor-critic: a consistency policy that climbs Q through its two jumps.

    L = consistency loss(a | s) - eta Q(s, a_0) / mean |Q|,    a_0 by 2 jumps

beside a double-Q critic that is backed up through the slow copy; it acts by one of 50 samples,
drawn by the softmax of their values. Ding & Jin 2023, eq. 7-9, arXiv 2309.16984; released code.

Differs from the paper: the policy climbs the smaller of the two values, scaled by its own mean
size, where the code draws one of the two and scales it by the other's; eta weighs it against the
loss of the backbone ``consistency``, by default a Huber distance over the length of the step, where
the paper has a squared distance; jumps lie on that backbone's grid, and nothing is moved into the
box on the way; it chooses by online values, where the code asks their slow copies.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from genpolicy_plugins.objectives.matching_and_q import MatchingAndQ


@attrs.frozen(kw_only=True)
class ConsistencyAC(MatchingAndQ):
    """Consistency training and Q through the jumps."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "consistency",
        "solver": "jump:2",
        "critic": "double-q",
        "inference": "best-of:50",
        "inference.choose": "softmax",
    }
