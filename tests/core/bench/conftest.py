import pytest

from genpolicy.composition.layers import from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.dataset import DatasetRecipe
from genpolicy.discovery import load_catalogue

TINY = ("dataset=random:3,2", "dataset.transitions=2000", "network=mlp", "network.hidden=8,8")


@pytest.fixture(scope="session")
def catalogue():
    return load_catalogue()


@pytest.fixture(scope="session")
def recipe_of(catalogue):
    """Makes a recipe of small networks on random transitions."""

    def made(*arguments):
        return resolve(catalogue, [from_arguments((*TINY, *arguments))], recipe="none")

    return made


@pytest.fixture(scope="session")
def data_of():
    return lambda recipe: recipe.part("dataset", DatasetRecipe).prepare()
