"""Q-guided policy optimisation: a behaviour that is led by a trained energy while it samples.

    a_1 … a_K ~ mu(.|s),    a_k^t = alpha_t a_k + sigma_t eps_k,    one t for all K
    guide: L = -sum_k softmax_k(beta Q(s, a_k)) log softmax_k f(s, a_k^t, t)

whose best f is log E[exp(beta Q(s, a)) | a^t] but for a constant, so that the behaviour's score
plus grad f is the score of pi* ~ mu exp(beta Q): contrastive energy prediction. The behaviour
itself never changes; ``inference=energy-guidance`` adds the gradient. Lu et al. 2023, eq. 12-16,
arXiv 2304.12824.

Differs from the paper: what the guide reads vanishes with alpha_t (:mod:`genpolicy.guide`), so that
its pull on the expected action stays finite, and any Gaussian path will do; candidates are drawn
anew at every step, not once for the whole dataset; behaviour, critic and guide train one after the
other.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import torch
from torch import Tensor
from torch.nn import functional

from genpolicy import (
    Batch,
    Critic,
    GaussianPathBackbone,
    Guide,
    Loss,
    Network,
    NetworkRecipe,
    NetworkSpec,
    SampleSpec,
    Solver,
    Stage,
    option,
)
from genpolicy.candidates import draw_candidates, value_candidates
from genpolicy.shapes import group_rows, repeat_rows
from genpolicy_plugins.objectives.stages import BehaviourFirst
from genpolicy_plugins.objectives.value_terms import effective_count


class EnergyGuide(Guide):
    """A network that reads a noisy action and its time and returns one number.

    Args:
        network: A network of one time whose output is ``[batch, 1]``.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def read(self, u: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return f at u, ``[batch]``."""
        energy: Tensor = self.network(u, self.network.encode(condition), t)
        return energy.squeeze(-1)


@attrs.frozen(kw_only=True)
class QGPO(BehaviourFirst):
    """A cloned behaviour, a critic, and an energy that leads the one where the other is high."""

    acting_role: ClassVar[str] = "behaviour"
    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "diffusion",
        "solver": "dpm-solver++:15",
        "critic": "in-sample-softmax",
        "inference": "energy-guidance",
    }

    beta: float = option(3.0, help="inverse temperature of the values", ge=0)
    candidates: int = option(16, help="samples of the behaviour that are told apart", ge=2)
    guide_steps: int = option(500_000, help="optimiser steps of the guide", ge=0)
    guide_learning_rate: float = option(1e-4, help="Adam's learning rate for the guide", gt=0)
    guide_batch_size: int = option(256, help="states per step of the guide", ge=1)

    def stages(self) -> tuple[Stage, ...]:
        """Return the behaviour's stage, the critic's and the guide's."""
        guide = Stage(
            name="guide",
            steps=self.guide_steps,
            batch_size=self.guide_batch_size,
            learning_rates={"guide": self.guide_learning_rate},
        )
        return self.behaviour_stage(), self.critic_stage(), guide

    def build_guide(self, spec: SampleSpec, network: NetworkRecipe) -> EnergyGuide:
        """Return a guide with fresh weights around the network of its slot."""
        return EnergyGuide(
            network.build(
                NetworkSpec(
                    sample_shape=spec.sample_shape,
                    condition_dim=spec.condition_dim,
                    output_shape=(1,),
                )
            )
        )

    def guide_loss(
        self,
        batch: Batch,
        guide: EnergyGuide,
        behaviour: GaussianPathBackbone,
        behaviour_solver: Solver,
        critic: Critic,
    ) -> Loss:
        """Return the cross-entropy between the candidates' values and their energies."""
        observation, count, path = batch.observation, self.candidates, behaviour.path
        with torch.no_grad():
            drawn = draw_candidates(behaviour, behaviour_solver, observation, count)
            weight = torch.softmax(self.beta * value_candidates(critic, observation, drawn), dim=1)
        sample = drawn.flatten(0, 1)
        t = repeat_rows(path.sample_time(observation), count)
        x_t = path.interpolate(sample, torch.randn_like(sample), t)
        energy = group_rows(guide.energy(path, x_t, t, repeat_rows(observation, count)), count)
        loss = -(weight * functional.log_softmax(energy, dim=1)).sum(1).mean()
        return Loss(loss, {"effective_candidates": effective_count(weight)})
