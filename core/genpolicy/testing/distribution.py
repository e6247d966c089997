"""Checks every part of a plugin with the suite of its kind."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from genpolicy.composition.agent_recipe import BASES
from genpolicy.discovery import Catalogue, PartEntry
from genpolicy.recipe import Recipe, make_recipe, options_of
from genpolicy.testing.running import Outcome, failed, run_suite
from genpolicy.testing.suite import Suite
from genpolicy.tracker import TrackerRecipe

_BASES: Final[Mapping[str, type[Recipe]]] = {**BASES, "tracker": TrackerRecipe}


@attrs.frozen(kw_only=True)
class PartOutcome:
    """How one check of one part went.

    Args:
        kind: The part's kind.
        name: Its name.
        outcome: How it went.
    """

    kind: str
    name: str
    outcome: Outcome


def check_parts(
    catalogue: Catalogue,
    entries: Sequence[PartEntry],
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Iterator[PartOutcome]:
    """Check parts one after the other.

    Args:
        catalogue: The installed parts.
        entries: Those to check.
        options: Options that are no defaults, by kind.

    Yields:
        One outcome per check.
    """
    for entry in entries:
        for outcome in _outcomes(catalogue, entry, (options or {}).get(entry.kind, {})):
            yield PartOutcome(kind=entry.kind, name=entry.spec.name, outcome=outcome)


def _outcomes(
    catalogue: Catalogue, entry: PartEntry, options: Mapping[str, Any]
) -> Iterator[Outcome]:
    if entry.kind == "recipe":
        from genpolicy.testing.recipe import check_recipe

        yield from check_recipe(catalogue, entry)
        return
    try:
        recipe = catalogue.load(entry, _BASES[entry.kind])
        part = make_recipe(recipe, options, who=f"{entry.kind} {entry.spec.name}")
    except (Exception, SystemExit) as error:
        yield failed("it can be made of its options", error, "Nothing else can be checked.")
        return
    unnamed = _without_argument(recipe, part)
    if unnamed:
        detail = f"it is nothing without its option {unnamed!r}: add {entry.kind}.{unnamed}=…"
        yield Outcome(check="it can be made of its options", state="skipped", detail=detail)
        return
    yield from run_suite(suite_of(entry.kind), part)


def suite_of(kind: str) -> type[Suite]:
    """Return the suite of a kind of part."""
    module = importlib.import_module(f"genpolicy.testing.{kind}")
    suite: Any = getattr(module, f"{kind.title()}Suite")
    return suite  # type: ignore[no-any-return]


def _without_argument(recipe: type[Recipe], part: Recipe) -> str | None:
    """Return the option that says which data a part stands for, if its default says none."""
    if recipe.argument is None or options_of(recipe)[recipe.argument].type is not str:
        return None
    return None if getattr(part, recipe.argument) else recipe.argument
