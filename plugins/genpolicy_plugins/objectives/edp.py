"""Efficient diffusion policies: Q through one denoising of a noised action of the data.

    a_t = alpha_t a_D + sigma_t eps,    a_0 = E[a | a_t]
    L   = matching(a_D | s) - eta Q(s, a_0) / mean |Q|

in place of a whole chain of samples; the critic's backup still draws one. Kang et al. 2023,
eq. 9-10, arXiv 2305.20081, the variant with TD3.

Differs from the paper: the denoised action has a time and noise of its own; the policy climbs the
smaller of the two values, scaled by its own mean size; the backup samples by DPM-Solver++ of 5
steps, where the paper takes 15.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import torch
from torch import Tensor

from genpolicy import Batch, Critic, DenoiserBackbone, Loss, option
from genpolicy_plugins.objectives.stages import Joint
from genpolicy_plugins.objectives.value_terms import matching_per_dimension, scaled


@attrs.frozen(kw_only=True)
class EDP(Joint):
    """Imitation and Q through one denoising."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "diffusion",
        "solver": "dpm-solver++:5",
        "critic": "double-q",
        "inference": "best-of:50",
        "inference.choose": "softmax",
    }

    eta: float = option(1.0, help="weight of Q / mean |Q| against imitation", ge=0)

    def policy_loss(self, batch: Batch, policy: DenoiserBackbone, critic: Critic) -> Loss:
        """Return the mean matching loss less eta times the scaled value."""
        matching = matching_per_dimension(batch, policy)
        q = critic.q(batch.observation, _denoised(batch, policy))
        metrics = {"matching_loss": matching.mean().detach(), "q": q.mean().detach()}
        return Loss((matching - self.eta * scaled(q)).mean(), metrics)


def _denoised(batch: Batch, policy: DenoiserBackbone) -> Tensor:
    """Return what the policy makes of the data's actions with noise, ``[batch, *sample]``."""
    t, noise = policy.path.sample_time(batch.action), torch.randn_like(batch.action)
    a_t = policy.path.interpolate(batch.action, noise, t)
    return policy.denoiser(a_t, t, batch.observation)
