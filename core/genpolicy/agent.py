"""A trained agent: a folder that acts.

``agent.json`` says what it is made of and ``weights.safetensors`` holds its numbers; nothing else
is needed, and no pickle is ever read.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

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
from genpolicy.errors import BrokenPartError, CheckpointError, UsageError
from genpolicy.inference import Inference
from genpolicy.records import ArtifactRecord
from genpolicy.training.checkpoint import (
    State,
    decode,
    encode,
    load_weights,
    write_atomically,
)
from genpolicy.transforms import Units

FORMAT: Final = 2
"""The version of the folder's layout; the first knew no units and is read as it was."""

_FACTS = "agent.json"
_WEIGHTS = "weights.safetensors"
_KEYS = ("recipe", "run", "observation_dim", "action_shape", "action_low", "action_high", "sha256")


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

    @torch.no_grad()
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
            UsageError: The observation has another shape.
        """
        given = np.asarray(observation, np.float32)
        if given.ndim not in (1, 2) or given.shape[-1] != self.shapes.observation_dim:
            raise UsageError(
                f"this agent observes {self.shapes.observation_dim} numbers, alone or in rows; got "
                f"an array of shape {given.shape}"
            )
        rows = torch.as_tensor(np.atleast_2d(given), device=self.device)
        if given.ndim == 1:
            decide = self._alone or self.decide
            action: Floats = decide(rows, generator)[0].cpu().numpy()
            return action
        actions: Floats = self.decide(rows, generator).cpu().numpy()
        return actions

    def forget_captured(self) -> None:
        """Let the captured graph go, after weights were changed in place by ``.data``."""
        if self._alone is not None:
            self._alone.forget()

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
        folder = Path(folder)
        tensors = {
            f"{name}/{key}": tensor
            for name, model in self.models.all().items()
            for key, tensor in model.state_dict().items()
        }
        weights = encode(State(tensors, {}))
        digest = hashlib.sha256(weights).hexdigest()
        try:
            write_atomically(folder / _WEIGHTS, weights)
            write_atomically(folder / _FACTS, json.dumps(self._facts(digest), indent=2).encode())
        except OSError as error:
            raise CheckpointError(f"the agent cannot be written to {folder}: {error}") from error
        return ArtifactRecord(
            kind="agent", path=str(folder.resolve()), sha256=digest, bytes=len(weights), step=0
        )

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
            folder: Where it was saved.
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
        folder = Path(folder)
        facts = _read_facts(folder)
        providers = {**facts.get("distributions", {}), **facts.get("files", {})}
        parts = catalogue or load_catalogue()
        recipe = with_solver(recall(parts, facts["recipe"], providers), parts, solver, steps)
        low, high = (np.asarray(facts[key], np.float32) for key in ("action_low", "action_high"))
        units = Units.from_json(facts.get("units", {}))
        shapes = _shapes(facts["observation_dim"], tuple(facts["action_shape"]), low, high, units)
        place = choose_device(device) if isinstance(device, str) else device
        models = build_acting(recipe, shapes, place)
        _fill(models, folder, facts["sha256"])
        for model in models.all().values():
            model.eval().requires_grad_(False)
        agent = cls(models, shapes, low, high, facts["run"], units, facts.get("data"))
        agent._alone = Alone(agent.decide, models.all())
        return agent

    def _facts(self, digest: str) -> dict[str, Any]:
        return {
            "format": FORMAT,
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
            "sha256": digest,
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


def _read_facts(folder: Path) -> dict[str, Any]:
    try:
        facts: Any = json.loads((folder / _FACTS).read_text())
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{str(folder)!r} holds no agent ({_FACTS} cannot be read: {error})"
        ) from error
    if not isinstance(facts, dict) or "format" not in facts:
        raise CheckpointError(f"{str(folder)!r} holds no agent ({_FACTS} describes something else)")
    if facts["format"] not in range(1, FORMAT + 1):
        raise CheckpointError(
            f"the agent in {folder} has layout {facts['format']}, this program reads {FORMAT}; "
            "upgrade genpolicy"
        )
    for key in _KEYS:
        if key not in facts:
            raise CheckpointError(f"{str(folder)!r} holds no agent ({_FACTS} lacks {key!r})")
    return facts


def _fill(models: Models, folder: Path, digest: str) -> None:
    path = folder / _WEIGHTS
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise CheckpointError(f"{path} is missing or was altered since the agent was saved")
    tensors = decode(path).tensors
    for name, model in models.all().items():
        load_weights(model, tensors, f"{name}/", str(path))
