import numpy as np
import pytest

from genpolicy_plugins.datasets.generator import make
from genpolicy_plugins.datasets.mazes import UMAZE


@pytest.fixture(scope="session")
def small():
    """A few hundred steps of the U-shaped maze."""
    return make(UMAZE, transitions=600, seed=5)


@pytest.fixture
def arrays():
    """Two episodes of three steps, as a person would write them."""
    return {
        "observations": np.arange(12, dtype=np.float64).reshape(6, 2),
        "actions": np.linspace(-0.5, 0.5, 6)[:, None],
        "rewards": np.arange(6, dtype=np.float64),
        "terminals": np.array([0, 0, 1, 0, 0, 0]),
        "timeouts": np.array([0, 0, 0, 0, 0, 1]),
    }
