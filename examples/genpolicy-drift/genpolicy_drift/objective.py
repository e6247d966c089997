"""Drift Q-learning: one network that drifts towards the data's actions and climbs Q.

    L = alpha |x - stop_gradient(x + V)|^2 / d - Q(s, mu(s, z)),    z ~ N(0, I)

with the drift V of :mod:`genpolicy_drift.backbone`, averaged over the candidates of an observation
and the d dimensions of an action, and Q at one more sample. The policy itself is asked for next
actions; both values' mean is climbed, and the smaller is backed up. Houssaini et al. 2026, "Drift
Q-Learning", arXiv 2606.00350; released code, whose sizes and rates are the defaults here.

Differs from the released code: samples are not clipped before they drift; the critic takes an
action outside the box for the nearest inside. Any backbone of one step may stand in for ``drift``.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from genpolicy import Batch, Critic, Loss, Objective, OneStepBackbone, Stage, option


@attrs.frozen(kw_only=True)
class DriftQL(Objective):
    """A drifting policy that climbs Q."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "genpolicy-drift/drift",
        "backbone.attraction": "whole",
        "backbone.candidates": 32,
        "network": "mlp",
        "network.hidden": (512, 512, 512, 512),
        "network.activation": "gelu",
        "critic": "double-q",
        "critic.climbs": "mean",
        "critic.hidden": (512, 512, 512, 512),
        "critic.activation": "gelu",
        "critic.layer_norm": True,
        "train.target_rate": 1.0,
    }

    alpha: float = option(10.0, help="weight of the drift against Q", ge=0)
    normalise_q: bool = option(False, help="divide Q by its mean size; alpha is then scale-free")
    steps: int = option(1_000_000, help="optimiser steps", ge=1)
    learning_rate: float = option(3e-4, help="Adam's learning rate, policy and critic", gt=0)
    batch_size: int = option(256, help="transitions per step", ge=1)

    def stages(self) -> tuple[Stage, ...]:
        """Return the one stage, in which critic and policy train together."""
        rates = dict.fromkeys(("critic", "policy"), self.learning_rate)
        return (
            Stage(name="joint", steps=self.steps, batch_size=self.batch_size, learning_rates=rates),
        )

    def policy_loss(self, batch: Batch, policy: OneStepBackbone, critic: Critic) -> Loss:
        """Return the weighted drift less the value of one action per observation."""
        drift = policy.matching_loss(batch.action, batch.observation) / batch.action[0].numel()
        noise = policy.draw_noise(batch.observation)
        q = critic.q(batch.observation, policy.transport(noise, batch.observation))
        scale = q.detach().abs().mean().clamp(min=1e-6) if self.normalise_q else 1.0
        metrics = {"drift": drift.mean().detach(), "q": q.mean().detach()}
        return Loss((self.alpha * drift - q / scale).mean(), metrics)
