"""What every named recipe must do: say where it is from, fit, and set nothing in vain."""

from collections.abc import Iterator
from typing import ClassVar

import attrs

from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.fit import check_fit
from genpolicy.composition.layers import Layer
from genpolicy.composition.named_recipe import NamedRecipe, read_recipe
from genpolicy.composition.resolve import resolve
from genpolicy.discovery import Catalogue, PartEntry, load_catalogue
from genpolicy.recipe import Recipe, option
from genpolicy.testing.running import Outcome, run_suite
from genpolicy.testing.suite import Program, Suite

_SETS_DATA = {"dataset", "dataset.name"}


@attrs.frozen(kw_only=True)
class NamedSettings(Recipe):
    """A named recipe, which is a file and no class, as something to check."""

    name: str = option("", help="its name, as `agent run --recipe` takes it")


class RecipeSuite(Suite):
    """The checks of a named recipe; ``part`` is ``NamedSettings(name="drift/hopper-medium")``."""

    kind: ClassVar[str] = "recipe"

    def program(self, part: NamedSettings) -> Program | None:
        """Return nothing: settings compute nothing."""
        return None

    def test_it_says_what_it_is_and_where_from(self, part: NamedSettings) -> None:
        """Numbers without a source can be neither trusted nor corrected."""
        entry = load_catalogue().find("recipe", part.name)
        assert entry.spec.summary.strip(), "it has no summary"
        assert _read(part).source.strip(), "it has no source"

    def test_it_makes_agents_that_fit(self, part: NamedSettings) -> None:
        """`agent run --recipe` alone must run, but for the data that it may leave open."""
        for _, found in _agents(part):
            check_fit(found, load_catalogue())

    def test_every_setting_takes_effect(self, part: NamedSettings) -> None:
        """A setting for a part that is not there is a typo that nobody would notice."""
        recipe = _read(part)
        for objective, found in _agents(part):
            for key in _wanted(recipe, objective):
                origin = found.origins.get(key.removesuffix(".name"), "nothing")
                takes = origin == f"recipe {recipe.name}"
                what = f"with objective {objective}, " if objective in recipe.when else ""
                assert takes, f"{what}{key} has no effect: what holds there is set by {origin}"


def check_recipe(catalogue: Catalogue, entry: PartEntry) -> Iterator[Outcome]:
    """Run every check of a named recipe.

    Yields:
        One outcome per check.
    """
    yield from run_suite(RecipeSuite, NamedSettings(name=catalogue.short_name(entry)))


def _read(part: NamedSettings) -> NamedRecipe:
    catalogue = load_catalogue()
    return read_recipe(catalogue, catalogue.find("recipe", part.name))


def _agents(part: NamedSettings) -> Iterator[tuple[str | None, AgentRecipe]]:
    """Yield the recipe's own agent, and that of every objective it has settings for."""
    recipe = _read(part)
    own = [recipe.objective] if recipe.objective or not recipe.when else []
    for objective in dict.fromkeys([*own, *recipe.when]):
        asked = {} if _SETS_DATA & _wanted(recipe, objective) else {"dataset": "pointmaze/umaze"}
        if objective is not None and objective != recipe.objective:
            asked["objective"] = objective
        layers = [Layer("asked", asked)]
        yield objective, resolve(load_catalogue(), layers, recipe=part.name)


def _wanted(recipe: NamedRecipe, objective: str | None) -> set[str]:
    """Return the settings that hold with an objective."""
    own = objective == recipe.objective
    common = {key for key in recipe.settings if own or not key.startswith("objective")}
    return common | set(recipe.when.get(objective or "", ()))
