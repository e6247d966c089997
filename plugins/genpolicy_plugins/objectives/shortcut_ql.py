"""Scalable offline RL (SORL): a shortcut policy that climbs Q through its jumps.

    L = flow and self-consistency(a | s) - eta Q(s, a_0) / mean |Q|,    a_0 by 4 jumps

beside a double-Q critic that is backed up through the slow copy. Espinosa-Dice et al. 2025,
arXiv 2505.22866. The first two terms are those of the backbone ``shortcut``.

Differs from the paper: it climbs Q through 1, 2, 4 or 8 jumps at random and tells the critic how
many; here the number is the solver's, in training and acting. Its loss weighs the first two terms
by 10 and Q as it is by 10 to 500; here Q is scaled, and eta is against the first two.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from genpolicy_plugins.objectives.matching_and_q import MatchingAndQ


@attrs.frozen(kw_only=True)
class ShortcutQL(MatchingAndQ):
    """Shortcuts and Q through the jumps."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "shortcut",
        "solver": "jump:4",
        "critic": "double-q",
        "critic.aggregate": "mean",
    }
