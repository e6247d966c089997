"""Batches for an agent that acts: of its data, and of what it meets in the environment meanwhile.

Before every batch the agent takes its step, by its own sampling, and the transition joins a replay.
``share`` draws a fixed share of every batch from the data, half of it by default: symmetric
sampling, Ball et al. 2023 (RLPD), section 4.1, arXiv 2302.02948. ``append`` draws from data and
replay as from one, where the data come to weigh less as steps are taken: Kostrikov et al. 2021
(IQL), section 5.3, arXiv 2110.06169; Park et al. 2025 (FQL), section 5, arXiv 2502.02538.

Differs from RLPD: as long as the replay is smaller than its share of a batch, data fill the rest.
"""

from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from genpolicy.agent import Agent
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import (
    Batch,
    Dataset,
    DatasetRecipe,
    EnvironmentSpec,
    Floats,
    joined,
)
from genpolicy.errors import DataError, RunError
from genpolicy.evaluation.environment import make_environment
from genpolicy.training.checkpoint import State
from genpolicy.training.modes import acting
from genpolicy.training.playing import Playing, episode_seed
from genpolicy.training.replay import Replay
from genpolicy.training.sampler import Sampler
from genpolicy.training.telling import Telling

if TYPE_CHECKING:
    from genpolicy.evaluation.environment import Environment

_PREFIX: Final = "online/"


class OnlineSampler:
    """Draws batches, and lets an agent act for them.

    Args:
        recipe: How the agent acts and learns online.
        dataset: The data it learnt from, and whose environment it acts in.
        offline: Draws from the data.
        device: Where batches are wanted.

    Raises:
        DataError: The data name no environment.
    """

    def __init__(
        self, recipe: AgentRecipe, dataset: Dataset, offline: Sampler, device: torch.device
    ) -> None:
        self._spec = _environment_of(dataset, recipe)
        self._options, self._seed, self._dataset = recipe.train, recipe.seed, dataset
        self._discount = recipe.part("dataset", DatasetRecipe).n_step_discount
        self._offline, self._replay = offline, Replay(dataset, recipe.train.online_steps, device)
        self._planned: deque[Floats] = deque()
        self._generator = torch.Generator().manual_seed(episode_seed(recipe.seed, 0))
        self._draws = self._steps = 0
        self._left: State | None = None
        self._environment: Environment | None = None

    def open(self, agent: Agent) -> str | None:
        """Let an agent, which changes as it learns, act from now on, or where it left off.

        Returns:
            What did not come back as it was, in words, if anything.

        Raises:
            DataError: The environment cannot be made.
        """
        self._agent, self._environment = agent, make_environment(self._spec)
        left = self._left
        episode = left.facts["online"]["episode"] if left is not None else 0
        self._playing = Playing(self._spec, self._environment, self._seed, episode)
        self._telling = Telling(
            self._dataset, self._replay, chunk=self._chunk(), discount=self._discount
        )
        return None if left is None else self._come_back(left)

    def close(self) -> None:
        """Close the environment; what was met stays, and so does where it was left."""
        if self._environment is None:
            return
        self._left = self.state()
        self._environment.close()
        self._environment = None

    def draw(self, size: int) -> Batch:
        """Return a batch of ``size`` transitions, by torch's global random numbers.

        Raises:
            RunError: The agent or the environment answers with numbers that are not finite.
        """
        options = self._options
        while self._steps <= options.online_warmup + self._draws // options.online_updates:
            self._step()
        self._draws += 1
        count = self._from_data(size)
        return joined([self._offline.draw(count), self._replay.draw(size - count)])

    def state(self) -> State:
        """Return everything that the next batch depends on; nothing before the first."""
        if self._environment is None:
            return self._left or State({}, {})
        tensors = {
            "rows": self._replay.rows(),
            "random": self._generator.get_state(),
            "observation": torch.as_tensor(self._playing.observation),
            "taken": torch.as_tensor(self._playing.taken),
            "planned": torch.as_tensor(np.array(self._planned, np.float32)),
        }
        facts = {"draws": self._draws, "steps": self._steps, "episode": self._playing.episode}
        named = {f"{_PREFIX}{key}": value for key, value in tensors.items()}
        return State(named, {"online": facts})

    def load(self, state: State) -> None:
        """Take a state up again, where it has one; the environment comes back when it opens."""
        facts = state.facts.get("online")
        if facts is None:
            return
        own = {key: value for key, value in state.tensors.items() if key.startswith(_PREFIX)}
        self._left = State(own, {"online": facts})
        self._draws, self._steps = facts["draws"], facts["steps"]
        self._replay.load(own[f"{_PREFIX}rows"])
        self._generator.set_state(own[f"{_PREFIX}random"])

    def _come_back(self, left: State) -> str | None:
        """Be in the episode again in which a checkpoint was written."""
        taken, observation, planned = (
            left.tensors[f"{_PREFIX}{name}"].numpy() for name in ("taken", "observation", "planned")
        )
        steps = self._playing.come_back(taken, observation)
        if steps is None:
            return (
                f"environment {self._spec.id!r} does not take the same course twice: its episode "
                "was left, and the next one begun"
            )
        self._telling.begin(steps)
        self._planned.extend(planned)
        return None

    def _step(self) -> None:
        if not self._planned:
            self._planned.extend(self._decide())
        step = self._playing.step(self._planned.popleft())
        self._telling.add(step)
        self._steps += 1
        if step.is_last:
            self._planned.clear()

    def _decide(self) -> Floats:
        """Return the agent's next actions, ``[action]`` or more in a row."""
        agent, observation = self._agent, self._playing.observation
        with acting(agent.models.all().values()):
            decision = agent.act(observation, self._generator)
        if not np.isfinite(decision).all():
            raise RunError(
                f"the policy's action in online step {self._steps + 1} is not finite; try a lower "
                "learning rate, or train.clip_norm=1"
            )
        decision = self._stirred(decision)
        return decision if self._chunk() is not None else decision[None]

    def _stirred(self, decision: Floats) -> Floats:
        """Return a decision with the noise that the options ask for, inside the box."""
        if not self._options.online_noise:
            return decision
        low, high = self._dataset.action_low, self._dataset.action_high
        half = np.where(np.isfinite(high - low), (high - low) / 2, 1.0)
        noise = torch.randn(decision.shape, generator=self._generator).numpy()
        stirred = decision + self._options.online_noise * half * noise
        inside: Floats = np.clip(stirred, low, high).astype(np.float32)
        return inside

    def _chunk(self) -> int | None:
        """Return how many actions a decision is, if it is not one."""
        assert self._environment is not None
        sample = self._dataset.action.shape[1:]
        return None if self._environment.action_space.shape == sample else sample[0]

    def _from_data(self, size: int) -> int:
        """Return how many of a batch come from the data; it is known on the host."""
        if self._options.online_replay == "append":
            share = len(self._dataset) / (len(self._dataset) + len(self._replay))
            return int(torch.binomial(torch.tensor(float(size)), torch.tensor(share)))
        wanted = size - round(size * self._options.online_offline_share)
        return size - min(wanted, len(self._replay))


def _environment_of(dataset: Dataset, recipe: AgentRecipe) -> EnvironmentSpec:
    if dataset.environment is None:
        raise DataError(
            f"train.online_steps={recipe.train.online_steps} needs an environment to act in, and "
            f"dataset {dataset.name!r} names none; name one with dataset.environment, or leave the "
            "online steps out"
        )
    return dataset.environment
