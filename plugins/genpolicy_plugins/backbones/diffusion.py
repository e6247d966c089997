"""Diffusion models: a Gaussian path and what the network predicts on it.

VP: Song et al. 2021, arXiv 2011.13456. GVP: Albergo & Vanden-Eijnden 2023, arXiv 2209.15571.
"""

from typing import Literal

import attrs

from genpolicy import BackboneRecipe, NetworkRecipe, NetworkSpec, SampleSpec, option
from genpolicy.backbone import GaussianPathBackbone
from genpolicy.path import GaussianPath, GVPPath, VPPath
from genpolicy_plugins.backbones.velocity_model import NoiseModel, VelocityModel


@attrs.frozen(kw_only=True)
class Diffusion(BackboneRecipe):
    """A diffusion model on a variance-preserving or trigonometric path."""

    path: Literal["vp", "gvp"] = option("vp", help="the path from noise to data")
    head: Literal["noise", "velocity"] = option(
        "velocity", help="what the network predicts; gvp takes velocity alone"
    )
    beta_min: float = option(0.1, help="noise rate of vp at the data", gt=0)
    beta_max: float = option(20.0, help="noise rate of vp at the noise", gt=0)
    epsilon: float = option(1e-3, help="how far from the data vp stops", gt=0, lt=1)

    def __attrs_post_init__(self) -> None:
        if self.path == "gvp" and self.head == "noise":
            raise ValueError(
                "head=noise needs a path that keeps some data at its noisy end, and gvp keeps "
                "none: take head=velocity or path=vp"
            )

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> GaussianPathBackbone:
        """Return a diffusion model with fresh weights."""
        net = network.build(
            NetworkSpec(sample_shape=spec.sample_shape, condition_dim=spec.condition_dim)
        )
        model = VelocityModel if self.head == "velocity" else NoiseModel
        return model(spec.sample_shape, self._path(), net)

    def _path(self) -> GaussianPath:
        if self.path == "gvp":
            return GVPPath()
        return VPPath(self.beta_min, self.beta_max, self.epsilon)
