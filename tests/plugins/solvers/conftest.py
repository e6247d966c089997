"""A map to the data alone, solvers by name, and what the tests of solvers measure."""

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
from torch import Tensor

from genpolicy.backbone import ConsistencyBackbone, FlowMapBackbone
from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.solver import Solver


class EndpointOnly(ConsistencyBackbone):
    """A map to the data alone, by another backbone's map to any time."""

    def __init__(self, learned: FlowMapBackbone) -> None:
        super().__init__(learned.sample_shape, learned.path)
        self.learned = learned

    def endpoint(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        return self.learned.endpoint(x_t, t, condition)

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        raise NotImplementedError


@pytest.fixture(scope="session")
def endpoint_only() -> type[EndpointOnly]:
    return EndpointOnly


@pytest.fixture(scope="session")
def make_solver() -> Callable[..., Solver]:
    """Make the named solver with options; ``steps`` where it has them, a tolerance where not."""
    catalogue = load_catalogue()
    parts = {part.spec.name: part for part in catalogue.parts("solver")}

    def make(name: str, steps: int | None = None, **options: Any) -> Solver:
        recipe = catalogue.load(parts[name], Solver)
        known = {field.name for field in attrs.fields(recipe)}
        given = {"rtol": 1e-9, "atol": 1e-9, "steps": steps}
        options = {key: given[key] for key in given if key in known and given[key]} | options
        return recipe(**options)

    return make


@pytest.fixture(scope="session")
def slope() -> Callable[[list[float], list[float]], float]:
    """The power of the sizes that the errors shrink with."""
    return lambda sizes, errors: float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])
