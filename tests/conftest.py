"""What tests of the mathematics and of training share: exact models, tiny data, small recipes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genpolicy.backbone import Field, GaussianPathBackbone
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.fit import check_fit
from genpolicy.composition.layers import Layer, from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.dataset import Dataset
from genpolicy.discovery.catalogue import Catalogue, load_catalogue
from genpolicy.path import GaussianPath
from genpolicy.shapes import expand, sum_rows

SMALL = {
    "network": "mlp",
    "network.hidden": 8,
    "network.time_dim": 4,
    "critic.hidden": 8,
    "solver": "midpoint",
    "solver.steps": 2,
}


class GaussianData(GaussianPathBackbone):
    """The exact velocity of N(condition + mean, std^2 I) data on a path, in closed form."""

    def __init__(self, path: GaussianPath, mean: list[float], std: float) -> None:
        super().__init__((len(mean),), path)
        self.mean = nn.Parameter(torch.tensor(mean, dtype=torch.float64))
        self.log_std = nn.Parameter(torch.tensor(std, dtype=torch.float64).log())

    def spread(self, t: Tensor) -> Tensor:
        """The standard deviation of x_t."""
        std = self.log_std.exp()
        return torch.sqrt(self.path.alpha(t) ** 2 * std**2 + self.path.sigma(t) ** 2)

    def field(self, condition: Tensor) -> Field:
        def velocity(x: Tensor, t: Tensor) -> Tensor:
            alpha, sigma = self.path.alpha(t), self.path.sigma(t)
            d_alpha, d_sigma = self.path.d_alpha(t), self.path.d_sigma(t)
            std = self.log_std.exp()
            rate = (d_alpha * alpha * std**2 + d_sigma * sigma) / self.spread(t) ** 2
            centre = condition + self.mean
            drift = expand(rate, x) * (x - expand(alpha, x) * centre)
            return expand(d_alpha, x) * centre + drift

        return velocity

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        return sum_rows((sample - condition - self.mean) ** 2)

    def carried(self, noise: Tensor, condition: Tensor) -> Tensor:
        """The sample that noise is carried to, by the known map."""
        start, end = (torch.tensor(t, dtype=torch.float64) for t in self.time_span)
        centre = condition + self.mean
        scale = self.spread(end) / self.spread(start)
        return self.path.alpha(end) * centre + scale * (noise - self.path.alpha(start) * centre)

    def known_log_prob(self, sample: Tensor, condition: Tensor) -> Tensor:
        """The log-density of the samples that N(0, prior_std^2) noise is carried to, in nats."""
        start, end = (torch.tensor(t, dtype=torch.float64) for t in self.time_span)
        centre = condition + self.mean
        scale = self.spread(end) / self.spread(start)
        noise = (sample - self.path.alpha(end) * centre) / scale + self.path.alpha(start) * centre
        prior = torch.distributions.Normal(0.0, self.prior_std)
        return sum_rows(prior.log_prob(noise) - scale.log())


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
