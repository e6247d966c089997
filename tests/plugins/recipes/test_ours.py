from genpolicy.composition.layers import Layer
from genpolicy.composition.resolve import resolve
from genpolicy.discovery import load_catalogue

CATALOGUE = load_catalogue()


def test_the_quick_recipe_is_the_default_on_the_embedded_data_alone():
    embedded = resolve(CATALOGUE, [])
    other = resolve(CATALOGUE, [Layer("asked", {"dataset": "npz:absent.npz"})])
    assert embedded.chosen["network"].name == "mlp"
    assert other.chosen["network"].name == "temporal-spatial-residual"
