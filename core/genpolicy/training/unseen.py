"""Scores from data alone, for data without an environment to score a policy in.

A share of the episodes is kept from training. In the end every loss is taken on their transitions,
and the value of the agent at their first observations is estimated by fitted-Q evaluation on the
transitions that it was trained on, beside what the recorded episodes came to.
"""

from collections.abc import Callable
from typing import Final

import attrs
import numpy as np
import torch
from torch import Tensor

from genpolicy.agent import Agent
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Batch, Dataset, DatasetRecipe
from genpolicy.errors import OptionError
from genpolicy.evaluation.fitted_q import ReturnScale, fitted_q
from genpolicy.evaluation.held_out import Split, in_batches, mean_loss, recorded, split
from genpolicy.training.learner import Learner
from genpolicy.training.modes import acting
from genpolicy.training.part import PartSampler
from genpolicy.training.sampler import Sampler
from genpolicy.transforms.episodes import Rows

_MOST: Final = 100_000  # transitions that a Q is fitted to; the policy acts once for each
_ACTING: Final = 1024  # observations that a policy is shown at once


class Unseen:
    """Keeps a share of data without an environment from training, and scores agents by it.

    Args:
        recipe: What is trained, and how it is scored.
        dataset: The data.
        sampler: Draws from all of them.

    Raises:
        OptionError: n-step returns are discounted otherwise than fitted-Q values.
    """

    def __init__(self, recipe: AgentRecipe, dataset: Dataset, sampler: Sampler) -> None:
        self._protocol, self._dataset, self._all = recipe.evaluation, dataset, sampler
        share = 0.0 if dataset.environment is not None else self._protocol.held_out
        self._split: Split = split(dataset, share, self._protocol.seed)
        self.fits_q = dataset.environment is None and self._protocol.fitted_q_steps > 0
        if self.fits_q:
            _check_discount(recipe, self._protocol.fitted_q_discount)

    @property
    def sampler(self) -> Sampler | PartSampler:
        """What training draws from."""
        if not self.holds_out:
            return self._all
        return PartSampler(self._all, torch.from_numpy(self._split.training))

    @property
    def holds_out(self) -> bool:
        """Whether anything is held out."""
        return self._split.held_out.size > 0

    @property
    def oddity(self) -> str | None:
        """A sentence where nothing can be held out that should be."""
        wanted = self._dataset.environment is None and self._protocol.held_out > 0
        if self.holds_out or not wanted:
            return None
        return (
            f"dataset {self._dataset.name!r} has one episode, so that none is held out: there are "
            "no held-out losses, and fitted-Q values are of what it was trained on; "
            "evaluation.held_out=0 asks for none"
        )

    def losses(self, learner: Learner) -> dict[str, float]:
        """Return every trained role's mean loss of the held-out transitions, by metric."""
        if not self.holds_out:
            return {}
        held, seed = self._split.held_out, self._protocol.seed
        found = {
            "held_out/episodes": float(self._dataset.ends[held].sum()),
            "held_out/transitions": float(len(held)),
        }
        with acting(learner.named_models().values()):
            for role, (loss, size) in learner.losses().items():
                batches = (self._all.at(torch.from_numpy(rows)) for rows in in_batches(held, size))
                found[f"held_out/{role}_loss"] = mean_loss(loss, batches, seed)
        return found

    def values(self, agent: Agent, check: Callable[[], None]) -> dict[str, float]:
        """Return what the agent and the data are worth at the start of the scored episodes.

        Args:
            agent: The agent.
            check: Called now and then; what it raises ends the work.
        """
        if not self.fits_q:
            return {}
        protocol, data, rows = self._protocol, self._dataset, self._split.scored
        known = recorded(data, rows, protocol.fitted_q_discount)
        policy = _Policy(agent, data, self._all.device, protocol.seed, check)
        with acting(agent.models.all().values()):
            batch = policy.followed(self._all, self._drawn())
            first = policy.started(self._all, known.starts)
        q = fitted_q(
            batch,
            ReturnScale(mean=float(known.returns.mean()), deviation=float(known.returns.std())),
            discount=protocol.fitted_q_discount**data.stride,
            steps=protocol.fitted_q_steps,
            seed=protocol.seed,
            after_step=check,
        )
        value = q(first.observation, first.action)
        return {
            "fitted_q/value": float(value.double().mean()),
            "fitted_q/data_value": float(known.values.mean()),
            "fitted_q/starts": float(len(known.starts)),
        }

    def _drawn(self) -> Rows:
        """Return the rows that a Q is fitted to."""
        rows = self._split.training
        if len(rows) <= _MOST:
            return rows
        drawn = np.random.default_rng(self._protocol.seed).choice(rows, _MOST, replace=False)
        return np.sort(drawn)


@attrs.frozen(eq=False)
class _Policy:
    """An agent that acts on data's observations, with the same noise whenever it is made."""

    agent: Agent
    data: Dataset
    device: torch.device
    seed: int
    check: Callable[[], None]

    def followed(self, sampler: Sampler, rows: Rows) -> Batch:
        """Return transitions whose next action is the policy's, where anything follows."""
        batch = sampler.at(torch.from_numpy(rows))
        goes_on = ~self.data.terminal[rows]
        following = torch.zeros_like(batch.next_action)
        actions = self._actions(self.data.next_observation[rows[goes_on]])
        following[torch.from_numpy(goes_on).to(self.device)] = actions
        return attrs.evolve(batch, next_action=following)

    def started(self, sampler: Sampler, rows: Rows) -> Batch:
        """Return transitions whose action is the policy's."""
        batch = sampler.at(torch.from_numpy(rows))
        return attrs.evolve(batch, action=self._actions(self.data.observation[rows]))

    def _actions(self, observation: np.ndarray) -> Tensor:
        """Return what it does, as models see it."""
        generator = torch.Generator().manual_seed(self.seed)
        done = []
        for first in range(0, len(observation), _ACTING):
            self.check()
            done.append(self.agent.act(observation[first : first + _ACTING], generator))
        shape = (0, *self.data.action.shape[1:])
        whole = np.concatenate(done) if done else np.zeros(shape, np.float32)
        return self.data.units.to(self.device).aimed(torch.as_tensor(whole, device=self.device))


def _check_discount(recipe: AgentRecipe, discount: float) -> None:
    data = recipe.part("dataset", DatasetRecipe)
    if data.n_step > 1 and data.n_step_discount != discount:
        raise OptionError(
            f"dataset.n_step_discount={data.n_step_discount:g} and evaluation.fitted_q_discount="
            f"{discount:g} would discount the same rewards differently; set both alike, or "
            "evaluation.fitted_q_steps=0"
        )
