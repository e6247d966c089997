"""A trained agent: a folder that acts."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from genpolicy.acting import Alone
from genpolicy.composition.acting_solver import with_solver
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.assemble import Models, Shapes, build_acting
from genpolicy.composition.choosing import recall
from genpolicy.composition.needs import acting_needs
from genpolicy.dataset import Dataset, Floats
from genpolicy.devices import choose_device
from genpolicy.discovery import Catalogue, load_catalogue
from genpolicy.errors import BrokenPartError, UsageError
from genpolicy.inference import Inference
from genpolicy.packed_agent import PackedAgent
from genpolicy.records import ArtifactRecord
from genpolicy.training.checkpoint import load_weights
from genpolicy.transforms import Units


class Agent:
    """A trained agent.

    Args:
        models: The models that act.
        shapes: What it sees and does.
        action_low: The smallest action allowed, ``[*action]`` or its last dimension alone.
        action_high: The largest action allowed, likewise.
        run: The id of the run that trained it.
        units: What its models see of the environment's numbers.
        data: The fingerprint of the data that it was trained on, where that is known.
    """

    def __init__(
        self,
        models: Models,
        shapes: Shapes,
        action_low: Floats,
        action_high: Floats,
        run: str = "",
        units: Units | None = None,
        data: str | None = None,
    ) -> None:
        self.models, self.shapes, self.run, self.data = models, shapes, run, data
        self.device = next(models.roles[models.recipe.objective.acting_role].parameters()).device
        self._units = (units or Units()).to(self.device)
        self._low = torch.as_tensor(action_low, device=self.device)
        self._high = torch.as_tensor(action_high, device=self.device)
        inference = models.recipe.part("inference", Inference)
        self._act = models.bind(inference.act, acting_needs(models.recipe))
        self._alone: Alone | None = None

    @property
    def recipe(self) -> AgentRecipe:
        """What it is made of."""
        return self.models.recipe

    def __repr__(self) -> str:
        parts = ", ".join(f"{slot}={part.name}" for slot, part in self.recipe.chosen.items())
        seen, action = self.shapes.observation_dim, self.shapes.action_shape
        return f"<Agent: {seen} observed numbers to actions of shape {action}; {parts}>"

    def act(self, observation: ArrayLike, generator: torch.Generator | None = None) -> Floats:
        """Return actions inside the box.

        A loaded agent decides on one observation at a time by a captured graph, once that pays.
        The graph goes as soon as a weight changes, but what is written behind torch's back, as
        by ``weight.data.mul_(0)``, it does not notice: say :meth:`forget_captured` then.

        Args:
            observation: One observation, ``[observation]``, or a batch, ``[batch, observation]``.
            generator: Draws the noise; without one, torch's global random numbers do.

        Returns:
            ``[*action]`` or ``[batch, *action]``, 32-bit floats. That of an agent of chunks is a
            chunk, ``[chunk, action]``, to be taken one action after the other.

        Raises:
            UsageError: The observation has another shape, or is no array.
        """
        given = _numbers(observation)
        if given.ndim not in (1, 2) or given.shape[-1] != self.shapes.observation_dim:
            raise UsageError(
                f"this agent observes {self.shapes.observation_dim} numbers, alone or in rows; got "
                f"an array of shape {given.shape}"
            )
        rows = torch.from_numpy(given if given.ndim == 2 else given[None]).to(self.device)
        if given.ndim == 2:
            actions: Floats = self.decide(rows, generator).cpu().numpy()
            return actions
        decide = self.decide if self._alone is None else self._alone
        action: Floats = decide(rows, generator).cpu().numpy()[0]
        return action

    def forget_captured(self) -> None:
        """Let the captured graph go, after weights were changed in place by ``.data``."""
        if self._alone is not None:
            self._alone.forget()

    @torch.no_grad()
    def decide(self, observation: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return what :meth:`act` does for a batch on the agent's own device.

        Args:
            observation: ``[batch, observation]``.
            generator: As in :meth:`act`.

        Returns:
            Actions inside the box, ``[batch, *action]``.
        """
        action = self._act(condition=self._units.seen(observation), generator=generator)
        self._check_action(action, observation.shape[0])
        return self._inside(self._units.done(action))

    def _check_action(self, action: Tensor, rows: int) -> None:
        expected = (rows, *self.shapes.action_shape)
        if tuple(action.shape) != expected:
            raise BrokenPartError(
                f"inference {self.recipe.chosen['inference'].name!r} returned actions of shape "
                f"{tuple(action.shape)}; for {rows} observations they have shape {expected}"
            )

    def save(self, folder: Path | str) -> ArtifactRecord:
        """Write the agent to a folder, replacing one that is there.

        Returns:
            What was written.

        Raises:
            CheckpointError: The disk does not take it.
        """
        return self.packed().write(Path(folder))

    def packed(self) -> PackedAgent:
        """Return the agent as it is now, to be written to a folder or sent elsewhere."""
        tensors = {
            f"{name}/{key}": tensor
            for name, model in self.models.all().items()
            for key, tensor in model.state_dict().items()
        }
        return PackedAgent.of(self._facts(), tensors)

    @classmethod
    def load(
        cls,
        folder: Path | str,
        *,
        device: torch.device | str = "cpu",
        catalogue: Catalogue | None = None,
        solver: str | None = None,
        steps: int | None = None,
    ) -> "Agent":
        """Read an agent from a folder; its weights do not train.

        Nor are they to be changed in place by ``.data``, or at all where they were loaded in
        torch's inference mode: :meth:`act` does not notice.

        Args:
            folder: Where it was saved, or the folder of the run that trained it.
            device: Where it is to act: a device, or ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
            catalogue: The installed parts; by default found now.
            solver: What it is to act by, such as ``"heun:4"``; by default what it was trained by.
            steps: How many steps the solver takes.

        Raises:
            OptionError: There is no such device here, or the solver takes no steps.
            FitError: The agent cannot act by that solver.
            CheckpointError: There is no agent, or it is damaged.
            UnknownPartError: A part that it is made of is not installed; the message says which,
                and how to get it.
        """
        packed, source = PackedAgent.read(Path(folder)), str(folder)
        return cls.unpacked(packed, device, catalogue, solver, steps, source)

    @classmethod
    def unpacked(
        cls,
        packed: PackedAgent,
        device: torch.device | str = "cpu",
        catalogue: Catalogue | None = None,
        solver: str | None = None,
        steps: int | None = None,
        source: str = "the agent",
    ) -> "Agent":
        """Return a packed agent, to act; arguments and what is raised are those of :meth:`load`.

        Fresh weights are drawn from torch's global random numbers, before they are replaced.
        """
        facts = packed.facts
        providers = {**facts.get("distributions", {}), **facts.get("files", {})}
        parts = catalogue or load_catalogue()
        recipe = with_solver(recall(parts, facts["recipe"], providers), parts, solver, steps)
        low, high = (np.asarray(facts[key], np.float32) for key in ("action_low", "action_high"))
        units = Units.from_json(facts.get("units", {}))
        shapes = _shapes(facts["observation_dim"], tuple(facts["action_shape"]), low, high, units)
        place = choose_device(device) if isinstance(device, str) else device
        models = build_acting(recipe, shapes, place)
        tensors = packed.tensors
        for name, model in models.all().items():
            load_weights(model, tensors, f"{name}/", source)
            model.eval().requires_grad_(False)
        agent = cls(models, shapes, low, high, facts["run"], units, facts.get("data"))
        agent._alone = Alone(agent.decide, models.all())
        return agent

    def _facts(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "recipe": self.recipe.as_json(),
            "distributions": {
                part.distribution: part.version for part in self.recipe.part_records()
            },
            "files": self.recipe.files(),
            "observation_dim": self.shapes.observation_dim,
            "action_shape": list(self.shapes.action_shape),
            "action_low": self._low.tolist(),
            "action_high": self._high.tolist(),
            "units": self._units.as_json(),
            **({} if self.data is None else {"data": self.data}),
        }

    def _inside(self, action: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(action, self._low), self._high)


def load(
    folder: Path | str,
    *,
    device: torch.device | str = "cpu",
    solver: str | None = None,
    steps: int | None = None,
) -> Agent:
    """Read an agent from a folder: :meth:`Agent.load`."""
    return Agent.load(folder, device=device, solver=solver, steps=steps)


def _numbers(observation: ArrayLike) -> Floats:
    try:
        return np.asarray(observation, np.float32)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"this agent observes an array of numbers, not a {type(observation).__name__}; "
            "genpolicy.evaluation.flatten makes one of what an environment observes"
        ) from error


def shapes_of(dataset: Dataset) -> Shapes:
    """Return the shapes that an agent of this data is built for, in the units of its models."""
    low, high = dataset.action_low, dataset.action_high
    return _shapes(dataset.observation.shape[1], dataset.action.shape[1:], low, high, dataset.units)


def _shapes(
    observation_dim: int, action: tuple[int, ...], low: Floats, high: Floats, units: Units
) -> Shapes:
    low, high = (units.aimed(torch.as_tensor(bound)).numpy() for bound in (low, high))
    return Shapes(
        observation_dim=observation_dim, action_shape=action, action_low=low, action_high=high
    )
