"""Generative model policy optimisation on samples of the behaviour, weighted by a softmax.

    a_k ~ mu(.|s),    L = E_s sum_k softmax_k(beta Q(s, a_k)) matching_loss(a_k | s)

mu is the behaviour, cloned first; the policy learns from nothing. For many candidates the optimum
is pi* ~ mu exp(beta Q). Zhang et al. 2024, arXiv 2412.01245; released code, ``gmpo.py``.

Differs from the released code: it pairs candidates with the wrong states and cannot run; here they
are drawn anew at every step, its ``sample`` variant.
"""

import attrs
import torch

from genpolicy import Backbone, Batch, Critic, Loss, Solver, Stage, option
from genpolicy.candidates import draw_candidates, value_candidates
from genpolicy.shapes import group_rows, repeat_rows
from genpolicy_plugins.objectives.stages import PolicyLast
from genpolicy_plugins.objectives.value_terms import effective_count


@attrs.frozen(kw_only=True)
class GMPOSoftmax(PolicyLast):
    """Matching of the behaviour's samples, weighted by a softmax of their values."""

    beta: float = option(1.0, help="inverse temperature of the weights", ge=0)
    candidates: int = option(16, help="samples of the behaviour per state", ge=1)
    policy_steps: int = option(2_000_000, help="optimiser steps of the policy", ge=0)
    policy_learning_rate: float = option(1e-4, help="Adam's learning rate for the policy", gt=0)
    policy_batch_size: int = option(256, help="states per policy step", ge=1)

    def stages(self) -> tuple[Stage, ...]:
        """Return the behaviour's stage, the critic's, and the policy's from nothing."""
        return self.behaviour_stage(), self.critic_stage(), self.acting_stage()

    def policy_loss(
        self,
        batch: Batch,
        policy: Backbone,
        behaviour: Backbone,
        critic: Critic,
        behaviour_solver: Solver,
    ) -> Loss:
        """Return the weighted matching loss of the behaviour's samples."""
        observation = batch.observation
        with torch.no_grad():
            drawn = draw_candidates(behaviour, behaviour_solver, observation, self.candidates)
            q = value_candidates(critic, observation, drawn)
            weight = torch.softmax(self.beta * q, dim=1)
        rows = repeat_rows(observation, self.candidates)
        matching = group_rows(policy.matching_loss(drawn.flatten(0, 1), rows), self.candidates)
        metrics = {"effective_candidates": effective_count(weight)}
        return Loss((weight * matching).sum(1).mean(), metrics)
