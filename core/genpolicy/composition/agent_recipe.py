"""The recipe of a whole agent: every part by its slot, and how it is trained and scored.

A slot is a kind, such as ``backbone`` or ``critic``, or, for a role beside the policy, the role and
a kind, such as ``student.backbone``. What a role does not name it shares with the policy.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast

import attrs

from genpolicy.backbone import BackboneRecipe
from genpolicy.critic import CriticRecipe
from genpolicy.dataset import DatasetRecipe
from genpolicy.discovery import PartEntry, source_hash
from genpolicy.evaluation.protocol import Protocol
from genpolicy.inference import Inference
from genpolicy.network import NetworkRecipe
from genpolicy.objective import Objective
from genpolicy.recipe import Recipe, recipe_values
from genpolicy.records import PartRecord
from genpolicy.solver import Solver
from genpolicy.training.options import TrainOptions

R = TypeVar("R", bound=Recipe)

BASES: Final[Mapping[str, type[Recipe]]] = {
    "dataset": DatasetRecipe,
    "objective": Objective,
    "backbone": BackboneRecipe,
    "network": NetworkRecipe,
    "critic": CriticRecipe,
    "solver": Solver,
    "inference": Inference,
}
"""The kinds that an agent is made of, each with the class that its recipes derive from."""

ROLE_KINDS: Final = ("backbone", "network", "solver")
"""The kinds that a role beside the policy may have of its own."""


@attrs.frozen(eq=False)
class Chosen:
    """One part of a recipe: which one was named, and its hyper-parameters."""

    entry: PartEntry
    recipe: Recipe

    @property
    def name(self) -> str:
        """The part's bare name."""
        return self.entry.spec.name

    @property
    def files(self) -> dict[str, str]:
        """The path of the single file that it comes from, if it does, by its distribution."""
        return {self.entry.distribution: str(self.entry.file)} if self.entry.file else {}


@attrs.frozen(eq=False, kw_only=True)
class AgentRecipe:
    """Everything that decides what a run does.

    Args:
        chosen: The parts by slot.
        train: How the loop trains.
        evaluation: How the agent is scored.
        seed: The seed of all random numbers.
        origins: Where each value came from, by ``slot.option``; what is not named is a default.
    """

    chosen: Mapping[str, Chosen]
    train: TrainOptions
    evaluation: Protocol
    seed: int
    origins: Mapping[str, str] = attrs.field(factory=dict)

    def part(self, slot: str, base: Callable[..., R]) -> R:
        """Return the recipe in a slot."""
        recipe = self.chosen[slot].recipe
        assert isinstance(recipe, cast(type[R], base))
        return recipe

    def slot_of(self, role: str, kind: str) -> str:
        """Return the slot that gives a role its part of a kind."""
        own = f"{role}.{kind}"
        return own if own in self.chosen else kind

    @property
    def objective(self) -> Objective:
        """The objective's recipe."""
        return self.part("objective", Objective)

    def as_json(self) -> dict[str, Any]:
        """Return the recipe as JSON values, from which ``recall`` makes it again."""
        return {
            "parts": {
                slot: {"name": chosen.entry.full_name, "options": recipe_values(chosen.recipe)}
                for slot, chosen in self.chosen.items()
            },
            "train": recipe_values(self.train),
            "evaluation": recipe_values(self.evaluation),
            "seed": self.seed,
        }

    def hash(self) -> str:
        """Return the SHA-256 of the recipe without its seed, in hexadecimal."""
        facts = {key: value for key, value in self.as_json().items() if key != "seed"}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def part_records(self) -> tuple[PartRecord, ...]:
        """Return what is written down about every part."""
        return tuple(part_record(slot, chosen) for slot, chosen in self.chosen.items())

    def files(self) -> dict[str, str]:
        """Return the paths of the single files that parts come from, by their distribution."""
        return {k: path for chosen in self.chosen.values() for k, path in chosen.files.items()}


def part_record(slot: str, chosen: Chosen) -> PartRecord:
    """Return what is written down about a part."""
    entry = chosen.entry
    return PartRecord(
        slot=slot,
        kind=entry.kind,
        name=entry.full_name,
        distribution=entry.distribution,
        version=entry.version,
        source_hash=source_hash(type(chosen.recipe)),
        options=recipe_values(chosen.recipe),
    )
