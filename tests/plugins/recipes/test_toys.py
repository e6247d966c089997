import pytest

from genpolicy.composition.fit import check_fit
from genpolicy.composition.layers import Layer
from genpolicy.composition.resolve import resolve
from genpolicy.discovery import load_catalogue

CATALOGUE = load_catalogue()
SHAPES = ("eight-gaussians", "two-moons", "pinwheel", "checkerboard")


@pytest.mark.parametrize("shape", SHAPES)
def test_the_toys_recipe_is_the_default_on_a_toy(shape):
    recipe = resolve(CATALOGUE, [Layer("asked", {"dataset": f"toy/{shape}"})])
    assert recipe.chosen["objective"].name == "bc"
    assert recipe.origins["objective"] == recipe.origins["objective.steps"] == "recipe toys"


def test_another_objective_leaves_out_the_settings_of_bc():
    layer = Layer("asked", {"dataset": "toy/two-moons", "objective": "gmpo"})
    recipe = resolve(CATALOGUE, [layer])
    check_fit(recipe, CATALOGUE)
    assert recipe.chosen["network"].name == "mlp"
    assert "objective.steps" not in recipe.origins
