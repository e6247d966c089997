"""The other parts that a part is tried with: small ones of our own, by name."""

from typing import Any, TypeVar

from genpolicy.composition.choosing import choose_part
from genpolicy.discovery import load_catalogue
from genpolicy.network import NetworkRecipe
from genpolicy.recipe import Recipe
from genpolicy.solver import Solver

R = TypeVar("R", bound=Recipe)


def companion(kind: str, name: str, **options: Any) -> Any:
    """Return the recipe of an installed part, as ``--kind name`` and ``kind.key=value`` would.

    Args:
        kind: Its kind.
        name: Its name, with an argument after a colon if wanted: ``"jump:2"``.
        options: Its options.
    """
    return choose_part(load_catalogue(), kind, name, options).recipe


def small_network(*hidden: int) -> NetworkRecipe:
    """Return a perceptron with hidden layers of these widths; one of eight units without any."""
    recipe: NetworkRecipe = companion("network", "mlp", hidden=hidden or (8,), time_dim=4)
    return recipe


def named_solver(name: str) -> Solver:
    """Return the solver of a name."""
    recipe: Solver = companion("solver", name)
    return recipe
