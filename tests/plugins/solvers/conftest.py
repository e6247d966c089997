"""Models whose solutions are known, and what the tests of solvers measure."""

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor

from genpolicy.backbone import ConsistencyBackbone, Field, FlowMapBackbone, GaussianPathBackbone
from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.path import GaussianPath
from genpolicy.solver import Solver


class Mixture(GaussianPathBackbone):
    """The exact velocity of a mixture of equal Gaussians of a given spread."""

    def __init__(self, path: GaussianPath, centres: list[list[float]], std: float) -> None:
        super().__init__((len(centres[0]),), path)
        self.centres = torch.tensor(centres, dtype=torch.float64)
        self.std = std

    def field(self, condition: Tensor) -> Field:
        def velocity(x: Tensor, t: Tensor) -> Tensor:
            alpha, sigma = self.path.alpha(t), self.path.sigma(t)
            variance = alpha**2 * self.std**2 + sigma**2
            gap = x[:, None] - alpha * self.centres
            share = torch.softmax(-0.5 * (gap**2).sum(-1) / variance, 1)[..., None]
            data = (share * (self.centres + alpha * self.std**2 * gap / variance)).sum(1)
            noise = (share * sigma * gap / variance).sum(1)
            return self.path.d_alpha(t) * data + self.path.d_sigma(t) * noise

        return velocity

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        raise NotImplementedError


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
def mixture() -> type[Mixture]:
    return Mixture


@pytest.fixture(scope="session")
def endpoint_only() -> type[EndpointOnly]:
    return EndpointOnly


@pytest.fixture(scope="session")
def gaussian_map(gaussian_data: type[Any]) -> type[Any]:
    """Gaussian data whose flow map is known as well, so that every solver can serve it."""

    class GaussianMap(gaussian_data, FlowMapBackbone):  # type: ignore[misc]
        def jump(self, x_t: Tensor, t: Tensor, s: Tensor, condition: Tensor) -> Tensor:
            centre, scale = condition + self.mean, self.spread(s) / self.spread(t)
            return self.path.alpha(s) * centre + scale * (x_t - self.path.alpha(t) * centre)

    return GaussianMap


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
