"""What the shell offers: names of parts, keys of options, ids of runs.

Names come from the light catalogue; only the keys of a part's options import the part. A completion
that fails offers nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from genpolicy import records

if TYPE_CHECKING:
    from genpolicy.discovery import Catalogue
    from genpolicy.recipe import Recipe
    from genpolicy.registry import Registry

Offers = list[tuple[str, str]]

SLOTS: Final = ("dataset", *records.KINDS)
SECTIONS: Final = ("train", "evaluation")


def names_of(kind: str) -> Callable[[str], Offers]:
    """Return the completion of names of a kind."""

    def names(incomplete: str) -> Offers:
        return [(name, help) for name, help in _names(kind) if name.startswith(incomplete)]

    return names


def recipes(incomplete: str) -> Offers:
    """Offer named recipes."""
    offers = [*_names("recipe"), ("none", "the parts' own defaults")]
    return [(name, help) for name, help in offers if name.startswith(incomplete)]


def protocols(incomplete: str) -> Offers:
    """Offer evaluation protocols."""
    from genpolicy.protocols import PROTOCOLS

    offers = [(name, protocol.summary) for name, protocol in PROTOCOLS.items()]
    return [(name, help) for name, help in offers if name.startswith(incomplete)]


def kinds(incomplete: str) -> list[str]:
    """Offer kinds of parts."""
    from genpolicy.discovery import KINDS

    return [kind for kind in KINDS if kind.startswith(incomplete)]


def names_of_typed_kind(context: typer.Context, incomplete: str) -> Offers:
    """Offer names of the kind that was typed before."""
    kind = context.params.get("kind")
    return names_of(kind)(incomplete) if isinstance(kind, str) else []


def settings(context: typer.Context, incomplete: str) -> Offers:
    """Offer ``KIND.KEY=`` of the parts in use, and names after ``KIND=``."""
    kind, dot, _ = incomplete.partition(".")
    slot, equals, start = incomplete.partition("=")
    if equals and slot in SLOTS:
        return [(f"{slot}={name}", help) for name, help in names_of(slot)(start)]
    if not dot or "=" in incomplete:
        return [(f"{slot}.", "") for slot in (*SLOTS, *SECTIONS) if slot.startswith(incomplete)]
    offers: Offers = []
    with suppress(Exception):
        offers = list(_keys(context.params, kind))
    return [(key, help) for key, help in offers if key.startswith(incomplete)]


def runs(context: typer.Context, incomplete: str) -> Offers:
    """Offer the ids of runs that begin so, the newest first."""
    with suppress(Exception):
        from genpolicy.registry import RunQuery

        with _registry(context) as registry:
            found = registry.runs(RunQuery(ids=(incomplete,) if incomplete else (), limit=50))
        return [(run.id, f"{run.state}, {run.dataset}, seed {run.seed}") for run in found]
    return []


def runs_and_folders(context: typer.Context, incomplete: str) -> Offers:
    """Offer the ids of runs, and folders."""
    parent = Path(incomplete).parent if not incomplete.endswith("/") else Path(incomplete)
    folders: Offers = []
    with suppress(OSError):
        paths = [str(path) + "/" for path in sorted(parent.iterdir()) if path.is_dir()]
        folders = [(path, "") for path in paths if path.startswith(incomplete)]
    return [*runs(context, incomplete), *folders]


def tags(context: typer.Context, incomplete: str) -> Offers:
    """Offer the tags that runs have."""
    with suppress(Exception):
        with _registry(context) as registry:
            found = registry.sql("SELECT DISTINCT tag FROM v_tags ORDER BY tag")
        return [(str(tag), "") for (tag,) in found.rows if str(tag).startswith(incomplete)]
    return []


def states(incomplete: str) -> list[str]:
    """Offer what states runs can be in."""
    from genpolicy_cli.run_query import STATES

    return [state for state in STATES if state.startswith(incomplete)]


def sorts(incomplete: str) -> list[str]:
    """Offer what runs can be sorted by."""
    from genpolicy.registry import SORTS

    return [name for name in SORTS if name.startswith(incomplete)]


def columns(incomplete: str) -> list[str]:
    """Offer columns of runs, after those that were named before a comma."""
    from genpolicy_cli.run_columns import NAMES

    before, comma, start = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in NAMES if name.startswith(start)]


def _registry(context: typer.Context) -> "Registry":
    from genpolicy.registry import Registry

    return Registry.open(context.params.get("registry") or "registry.db", read_only=True)


def _names(kind: str) -> Offers:
    found = _catalogue()
    return [(found.short_name(entry), entry.spec.summary) for entry in found.parts(kind)]


def _keys(typed: dict[str, Any], slot: str) -> Iterator[tuple[str, str]]:
    from genpolicy.recipe import options_of

    for option in options_of(_recipe(typed, slot)).values():
        yield f"{slot}.{option.name}=", option.help


def _recipe(typed: dict[str, Any], slot: str) -> "type[Recipe]":
    from genpolicy.composition.agent_recipe import BASES
    from genpolicy.composition.choosing import split_name
    from genpolicy.evaluation.protocol import Protocol
    from genpolicy.training.options import TrainOptions

    sections: dict[str, type[Recipe]] = {"train": TrainOptions, "evaluation": Protocol}
    if slot in sections:
        return sections[slot]
    found = _catalogue()
    entry = found.find(slot, split_name(_name_in_use(typed, slot))[0])
    return found.load(entry, BASES[slot])


def _name_in_use(typed: dict[str, Any], slot: str) -> str:
    """Return the part that a slot holds, by what was typed so far."""
    from genpolicy.composition.layers import from_arguments
    from genpolicy.composition.resolve import resolve

    complete = [text for text in typed.get("settings") or [] if "=" in text]
    layer = from_arguments(complete)
    if layer.values.get(slot):
        return str(layer.values[slot])
    if typed.get(slot):
        return str(typed[slot])
    kinds = {kind: typed[kind] for kind in SLOTS if typed.get(kind)}
    choices = [f"{kind}={name}" for kind, name in kinds.items()]
    resolved = resolve(_catalogue(), [from_arguments(choices)], recipe=typed.get("recipe"))
    return resolved.chosen[slot].entry.full_name


def _catalogue() -> "Catalogue":
    from genpolicy.discovery import load_catalogue

    return load_catalogue()
