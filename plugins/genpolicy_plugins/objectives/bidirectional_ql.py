"""Bidirectional flow Q-learning (BFQ): two jumps that are one, climbing Q.

    L = semigroup and boundary(a | s) - eta Q(s, a_0) / mean |Q|,    a_0 by one jump

beside a double-Q critic that is backed up through the slow copy. BFQ 2026, arXiv 2606.10613. The
two losses and their shares are those of the backbone ``bidirectional``.

Differs from the paper: its alpha weighs Q as it is, and is tuned per task; here Q is scaled.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from genpolicy_plugins.objectives.matching_and_q import MatchingAndQ


@attrs.frozen(kw_only=True)
class BidirectionalQL(MatchingAndQ):
    """A bidirectional map and Q through one jump."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "bidirectional",
        "solver": "jump:1",
        "critic": "double-q",
    }
