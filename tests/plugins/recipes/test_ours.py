import pytest

from genpolicy.composition.fit import check_fit
from genpolicy.composition.layers import Layer, flatten, parse_toml
from genpolicy.composition.resolve import resolve
from genpolicy.discovery import load_catalogue

CATALOGUE = load_catalogue()
TABLES = {
    name: parse_toml(CATALOGUE.read(CATALOGUE.find("recipe", name)), name)
    for name in ("quick", "locomotion")
}


@pytest.mark.parametrize(
    ("name", "objective"), [(name, used) for name, table in TABLES.items() for used in table["when"]]
)
def test_every_setting_of_our_short_recipes_takes_effect(name, objective):
    recipe = resolve(CATALOGUE, [Layer("asked", {"objective": objective})], recipe=name)
    check_fit(recipe, CATALOGUE)
    wanted = {**flatten(TABLES[name]["settings"]), **flatten(TABLES[name]["when"][objective])}
    for key in wanted:
        slot = key.removesuffix(".name")
        assert recipe.origins[slot] == f"recipe {name}", key


def test_the_quick_recipe_is_the_default_on_the_embedded_data_alone():
    embedded = resolve(CATALOGUE, [])
    other = resolve(CATALOGUE, [Layer("asked", {"dataset": "npz:absent.npz"})])
    assert embedded.chosen["network"].name == "mlp"
    assert other.chosen["network"].name == "temporal-spatial-residual"
