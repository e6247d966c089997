"""Generative trajectory policies: imitation in which good actions count more, never less.

    w = exp(eta max(0, A(s, a)) / (std A + 1e-6)),    A(s, a) = Q(s, a) - V(s)
    L = E_{(s,a)~D}[ min(w, max_weight) matching_loss(a | s) ]

beside a double-Q critic that is backed up through the slow copy's samples of K jumps. An action
that is no better than the policy's weighs 1. Feng et al. 2025, "Offline Reinforcement Learning with
Generative Trajectory Policies", eq. 14-19, arXiv 2510.11499. The two terms of its loss, and their
relative weight, are those of the backbone ``trajectory``; any other backbone will do.

The paper does not say what V is, over what std A runs, nor where weights are cut: V is here the
mean value of a few samples of the slow copy (``value=policy``) or a critic's own
(``value=critic``), the std that of the batch. With few samples V is noisy, and max and exp turn
noise into weight: the target is then greedier than the formula.

Differs from the paper: it has one slow copy, which teaches the long jumps and acts in the backup;
here the backbone's teacher (``backbone.ema``) and the critic's ``target_policy``
(``train.target_rate``) are two, because what teaches must follow fast and what acts slowly.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import attrs
import torch
from torch import Tensor

from genpolicy import Backbone, Batch, Critic, Loss, Solver, ValueCritic, option
from genpolicy.candidates import draw_candidates, value_candidates
from genpolicy_plugins.objectives.stages import Joint


@attrs.frozen(kw_only=True)
class GTP(Joint):
    """Imitation weighted by normalised positive advantage."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "trajectory",
        "solver": "jump:5",
        "critic": "double-q",
    }

    eta: float = option(1.0, help="weight's exponent per standard deviation of advantage", ge=0)
    max_weight: float = option(100.0, help="where weights are cut", gt=0)
    value: Literal["policy", "critic"] = option(
        "policy", help="what V is: the mean value of the slow copy's samples, or the critic's own"
    )
    candidates: int = option(4, help="samples of the slow copy whose values make V", ge=1)

    def further_needs(self) -> Mapping[str, Any]:
        """Return what ``value=critic`` asks for."""
        return {} if self.value == "policy" else {"critic": ValueCritic}

    def policy_loss(
        self,
        batch: Batch,
        policy: Backbone,
        target_policy: Backbone,
        critic: Critic,
        solver: Solver,
    ) -> Loss:
        """Return the weighted matching loss of the data's actions."""
        with torch.no_grad():
            q = critic.q(batch.observation, batch.action)
            advantage = q - self._value(batch.observation, target_policy, critic, solver)
            scale = advantage.std(correction=0) + 1e-6
            weight = torch.exp(self.eta * advantage.clamp(min=0.0) / scale)
            weight = weight.clamp(max=self.max_weight)
        matching = policy.matching_loss(batch.action, batch.observation)
        metrics = {
            "matching_loss": matching.mean().detach(),
            "weight": weight.mean(),
            "better": (advantage > 0.0).float().mean(),
        }
        return Loss((weight * matching).mean(), metrics)

    def _value(
        self, observation: Tensor, target_policy: Backbone, critic: Critic, solver: Solver
    ) -> Tensor:
        """Return V of each observation, ``[batch]``."""
        if isinstance(critic, ValueCritic) and self.value == "critic":
            return critic.value(observation)
        drawn = draw_candidates(target_policy, solver, observation, self.candidates)
        return value_candidates(critic, observation, drawn).mean(1)
