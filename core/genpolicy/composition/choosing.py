"""Parts by the names that people type and that records hold."""

from collections.abc import Mapping
from typing import Any, Final

from genpolicy.composition.agent_recipe import BASES, AgentRecipe, Chosen
from genpolicy.discovery import Catalogue, PartEntry
from genpolicy.errors import OptionError
from genpolicy.evaluation.protocol import UNRECORDED, Protocol
from genpolicy.recipe import make_recipe
from genpolicy.records import SINGLE_FILE
from genpolicy.training.options import TrainOptions

MERGE: Final = "merge"
"""The dataset that joins others."""


def choose_part(catalogue: Catalogue, slot: str, name: str, options: Mapping[str, Any]) -> Chosen:
    """Load the part that a name means, with these options.

    Args:
        catalogue: The installed parts.
        slot: The place that it takes, such as ``"student.backbone"``.
        name: As a user types it, such as ``"npz:mine.npz"``; datasets may be joined by ``+``.
        options: Its hyper-parameters that are no defaults.

    Raises:
        OptionError: An option is unknown or does not fit, or the part takes no argument.
        PartError: It is not installed or cannot be loaded.
    """
    kind = slot.split(".")[-1]
    if kind == "dataset" and is_sum(catalogue, name):
        name = f"{MERGE}:{name}"
    bare, argument = split_name(name)
    entry = catalogue.find(kind, bare)
    if argument is not None:
        recipe = catalogue.load(entry, BASES[kind])
        if recipe.argument is None:
            raise OptionError(f"{slot} {bare} takes nothing after a colon; got {name!r}")
        options = {recipe.argument: argument, **options}
    return _choose_entry(catalogue, slot, entry, options)


def split_name(name: str) -> tuple[str, str | None]:
    """Split ``part:argument``, where a part of a single file begins with ``file:`` itself."""
    prefix = SINGLE_FILE if name.startswith(SINGLE_FILE) else ""
    bare, colon, argument = name.removeprefix(prefix).partition(":")
    return prefix + bare, argument if colon else None


def is_sum(catalogue: Catalogue, name: str) -> bool:
    """Whether a name is those of several installed datasets, joined by ``+``."""
    pieces = name.split("+")
    known = set(catalogue.names("dataset"))
    return len(pieces) > 1 and all(split_name(piece)[0] in known for piece in pieces)


def _choose_entry(
    catalogue: Catalogue, slot: str, entry: PartEntry, options: Mapping[str, Any]
) -> Chosen:
    recipe = catalogue.load(entry, BASES[entry.kind])
    return Chosen(entry, make_recipe(recipe, options, who=f"{slot} {entry.spec.name}"))


def recall(
    catalogue: Catalogue,
    facts: Mapping[str, Any],
    providers: Mapping[str, str] | None = None,
) -> AgentRecipe:
    """Return the recipe that :meth:`AgentRecipe.as_json` wrote down.

    Args:
        catalogue: The installed parts.
        facts: What was written down.
        providers: What is recorded of the distributions of its parts, by name: the version, or the
            path of a single file. It is what the user is told to bring back.

    Raises:
        UnknownPartError: One of its parts is not installed; the message says how to get it.
        BrokenPartError: One of its parts cannot be loaded.
        OptionError: A part no longer has an option that it had.
    """
    chosen, known = {}, providers or {}
    for slot, part in facts["parts"].items():
        name = part["name"]
        provider = known.get(name.partition("/")[0])
        entry = catalogue.find_full(slot.split(".")[-1], name, provider)
        chosen[slot] = _choose_entry(catalogue, slot, entry, part["options"])
    return AgentRecipe(
        chosen=chosen,
        train=make_recipe(TrainOptions, facts["train"], who="train"),
        evaluation=make_recipe(Protocol, {**UNRECORDED, **facts["evaluation"]}, who="evaluation"),
        seed=facts["seed"],
    )
