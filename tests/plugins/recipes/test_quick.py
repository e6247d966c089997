import pytest

from genpolicy.composition.fit import check_fit
from genpolicy.composition.layers import Layer, flatten, parse_toml
from genpolicy.composition.resolve import resolve
from genpolicy.discovery import load_catalogue

CATALOGUE = load_catalogue()
QUICK = parse_toml(CATALOGUE.read(CATALOGUE.find("recipe", "quick")), "quick")


@pytest.mark.parametrize("objective", sorted(QUICK["when"]))
def test_every_setting_of_the_quick_recipe_takes_effect(objective):
    recipe = resolve(CATALOGUE, [Layer("asked", {"objective": objective})])
    check_fit(recipe, CATALOGUE)
    wanted = {**flatten(QUICK["settings"]), **flatten(QUICK["when"][objective])}
    for key in wanted:
        slot = key.removesuffix(".name")
        assert recipe.origins[slot] == "recipe quick", key


def test_the_quick_recipe_is_the_default_on_the_embedded_data_alone():
    embedded = resolve(CATALOGUE, [])
    other = resolve(CATALOGUE, [Layer("asked", {"dataset": "npz:absent.npz"})])
    assert embedded.chosen["network"].name == "mlp"
    assert other.chosen["network"].name == "temporal-spatial-residual"
