"""Implicit diffusion Q-learning: clone the behaviour, judge it by IQL's critic, choose when acting.

    behaviour: L = matching loss(a_D | s),    critic: iql
    acting:    a_1 … a_N ~ behaviour(s), one of them by weights |expectile - 1(Q(s, a) < V(s))|
               or the best by Q

The critic never asks for an action that is not in the data. Hansen-Estruch et al. 2023, algorithm
1-2 and eq. 8, arXiv 2304.10573; the best by Q, its choice for scores, is the default.
``inference.choose=expectile`` draws by the weights.

Differs from the paper: it chooses by the critic's online values, not by their slow copies; five
denoising steps of a network that predicts the velocity, with nothing moved into the box; the
behaviour acts as it is last, unless ``train.ema`` averages it, as the paper's code does.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from genpolicy import Backbone, Batch, Loss
from genpolicy_plugins.objectives.stages import Joint
from genpolicy_plugins.objectives.value_terms import imitation


@attrs.frozen(kw_only=True)
class IDQL(Joint):
    """A cloned behaviour beside a critic that ranks its samples."""

    acting_role: ClassVar[str] = "behaviour"
    roles: ClassVar[tuple[str, ...]] = ("behaviour",)
    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "diffusion",
        "network": "residual-mlp",
        "solver": "ddpm:5",
        "critic": "iql",
        "inference": "best-of:64",
    }

    def behaviour_loss(self, batch: Batch, behaviour: Backbone) -> Loss:
        """Return the mean matching loss of the data's actions."""
        return imitation(batch, behaviour)
