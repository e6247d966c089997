"""Independent conditional flow matching (I-CFM).

    x_t = (1 - t) x_0 + t a + sigma xi,    v = E[a - x_0 | x_t]

Tong et al. 2023, "Improving and generalizing flow-based generative models with minibatch optimal
transport", section 3.2.2, arXiv 2302.00482; Lipman et al. 2022, arXiv 2210.02747.

Differs from the paper: one Gaussian of the same law stands for x_0 and xi together, so the target
has the same mean given x_t and a lower variance, and noise starts with the law's own standard
deviation, sqrt(1 + sigma^2).
"""

import attrs

from genpolicy import BackboneRecipe, NetworkRecipe, NetworkSpec, SampleSpec, option
from genpolicy.path import LinearPath
from genpolicy_plugins.backbones.velocity_model import VelocityModel


@attrs.frozen(kw_only=True)
class Flow(BackboneRecipe):
    """A velocity along straight lines from noise to data."""

    sigma: float = option(0.1, help="standard deviation of the noise around the path", ge=0)

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> VelocityModel:
        """Return a flow with fresh weights."""
        net = network.build(
            NetworkSpec(sample_shape=spec.sample_shape, condition_dim=spec.condition_dim)
        )
        return VelocityModel(spec.sample_shape, LinearPath(self.sigma), net)
