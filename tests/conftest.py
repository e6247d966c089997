"""What tests of several packages share: exact models, tiny data, small recipes, a server."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.fit import check_fit
from genpolicy.composition.layers import Layer, from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.dataset import Dataset
from genpolicy.discovery.catalogue import Catalogue, load_catalogue
from genpolicy.testing.models import GaussianData
from postgres import Server, running_server

SMALL = {
    "network": "mlp",
    "network.hidden": 8,
    "network.time_dim": 4,
    "critic.hidden": 8,
    "solver": "midpoint",
    "solver.steps": 2,
    "evaluation.held_out": 0,
    "evaluation.fitted_q_steps": 0,
}


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="session")
def gaussian_data() -> type[GaussianData]:
    return GaussianData


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., Dataset]:
    """Make a dataset of random transitions, some of which end or are cut."""

    def make(rows: int = 64, observation: int = 3, action: int = 2, seed: int = 0) -> Dataset:
        random = np.random.default_rng(seed)
        return Dataset(
            name="tiny",
            observation=random.normal(size=(rows, observation)).astype(np.float32),
            action=random.uniform(-1, 1, (rows, action)).astype(np.float32),
            reward=random.normal(size=rows).astype(np.float32),
            next_observation=random.normal(size=(rows, observation)).astype(np.float32),
            terminal=np.arange(rows) % 16 == 15,
            timeout=np.arange(rows) % 16 == 7,
            action_low=-np.ones(action, np.float32),
            action_high=np.ones(action, np.float32),
        )

    return make


@pytest.fixture(scope="session")
def small_recipe(catalogue: Catalogue) -> Callable[..., AgentRecipe]:
    """Resolve and check an agent of small parts; arguments as a user types them."""

    def make(objective: str, *arguments: str, seed: int = 0) -> AgentRecipe:
        small = {k: v for k, v in SMALL.items() if objective != "bc" or "critic" not in k}
        settings = from_arguments((f"objective={objective}", *arguments))
        recipe = resolve(catalogue, [Layer("small", small), settings], recipe="none", seed=seed)
        check_fit(recipe, catalogue)
        return recipe

    return make


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server, started by the first test that needs one."""
    with running_server() as server:
        yield server


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The name of a new, empty database on the server."""
    name = server.new_database()
    yield name
    server.drop(name)
