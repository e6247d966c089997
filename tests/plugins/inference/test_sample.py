from typing import Any

import pytest
import torch

from genpolicy.backbone import SampleSpec
from genpolicy.errors import OptionError
from genpolicy.recipe import make_recipe
from genpolicy_plugins.backbones.gaussian import Gaussian
from genpolicy_plugins.inference.sample import SampleOnce
from genpolicy_plugins.networks.mlp import MLP
from genpolicy_plugins.solvers.jump import Jump


def _act(policy: Any, temperature: float, seed: int = 1) -> torch.Tensor:
    observation = torch.linspace(-1.0, 1.0, 15).reshape(5, 3)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        return SampleOnce(temperature=temperature).act(observation, noise, policy, Jump())


@pytest.mark.parametrize("std", ["state", "shared"])
def test_temperature_scales_the_distance_from_a_gaussians_mean(std: str) -> None:
    torch.manual_seed(0)
    spec = SampleSpec(sample_shape=(2,), condition_dim=3)
    policy = Gaussian(std=std).build(spec, MLP(hidden=(8,)))
    with torch.no_grad():
        mean, log_std = policy.moments(torch.linspace(-1.0, 1.0, 15).reshape(5, 3))
    assert torch.equal(_act(policy, 0.0), mean)
    torch.testing.assert_close(_act(policy, 0.5) - mean, 0.5 * (_act(policy, 1.0) - mean))
    assert float(((_act(policy, 1.0) - mean) / log_std.exp()).abs().max()) > 0.1


def test_a_negative_temperature_is_refused() -> None:
    with pytest.raises(OptionError, match="'temperature' must be >= 0: -1"):
        make_recipe(SampleOnce, {"temperature": -1}, who="inference sample")
