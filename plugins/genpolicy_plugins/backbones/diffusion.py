"""Diffusion models: a Gaussian path and what the network predicts on it.

VP: Song et al. 2021, arXiv 2011.13456. GVP: Albergo & Vanden-Eijnden 2023, arXiv 2209.15571.
VE with the denoiser head is EDM: Karras et al. 2022, arXiv 2206.00364.
"""

from typing import Literal

import attrs

from genpolicy import BackboneRecipe, NetworkRecipe, NetworkSpec, SampleSpec, option
from genpolicy.backbone import GaussianPathBackbone
from genpolicy.path import GaussianPath, GVPPath, VEPath, VPPath
from genpolicy_plugins.backbones.denoiser_model import DenoiserModel
from genpolicy_plugins.backbones.time_sampling import TimeSampling
from genpolicy_plugins.backbones.velocity_model import NoiseModel, VelocityModel


@attrs.frozen(kw_only=True)
class Diffusion(BackboneRecipe):
    """A diffusion model on a variance-preserving, trigonometric or variance-exploding path."""

    path: Literal["vp", "gvp", "ve"] = option("vp", help="the path from noise to data")
    head: Literal["noise", "velocity", "denoiser"] | None = option(
        None, help="what the network predicts; none: velocity, and denoiser on ve"
    )
    beta_min: float = option(0.1, help="noise rate of vp at the data", gt=0)
    beta_max: float = option(20.0, help="noise rate of vp at the noise", gt=0)
    epsilon: float = option(1e-3, help="how far from the data vp stops", gt=0, lt=1)
    sigma_min: float = option(0.002, help="noise that ve leaves at the data", gt=0)
    sigma_max: float = option(80.0, help="noise that ve starts from", gt=0)
    sigma_data: float = option(0.5, help="standard deviation of the data, for denoiser", gt=0)
    times: Literal["uniform", "log-normal"] | None = option(
        None, help="training times of denoiser; none: log-normal noise levels on ve, else uniform"
    )
    level_mean: float = option(-1.2, help="mean of the noise level's logarithm in log-normal")
    level_std: float = option(1.2, help="standard deviation of the noise level's logarithm", gt=0)

    def __attrs_post_init__(self) -> None:
        if self.path == "gvp" and self.head == "noise":
            raise ValueError(
                "head=noise needs a path that keeps some data at its noisy end, and gvp keeps "
                "none: take head=velocity, head=denoiser or path=vp"
            )
        if self.path == "ve" and self.head in ("noise", "velocity"):
            raise ValueError(
                f"head={self.head} predicts raw numbers, and those of ve run to {self.sigma_max}: "
                "take head=denoiser, which is preconditioned"
            )
        VEPath(self.sigma_min, self.sigma_max)  # refuses noise that does not fall

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> GaussianPathBackbone:
        """Return a diffusion model with fresh weights."""
        net = network.build(
            NetworkSpec(sample_shape=spec.sample_shape, condition_dim=spec.condition_dim)
        )
        head = self.head or ("denoiser" if self.path == "ve" else "velocity")
        if head == "denoiser":
            return DenoiserModel(
                spec.sample_shape, self._path(), net, self.sigma_data, self._sampling()
            )
        model = VelocityModel if head == "velocity" else NoiseModel
        return model(spec.sample_shape, self._path(), net)

    def _path(self) -> GaussianPath:
        if self.path == "gvp":
            return GVPPath()
        if self.path == "ve":
            return VEPath(self.sigma_min, self.sigma_max)
        return VPPath(self.beta_min, self.beta_max, self.epsilon)

    def _sampling(self) -> TimeSampling:
        times = self.times or ("log-normal" if self.path == "ve" else "uniform")
        return TimeSampling(
            log_normal=times == "log-normal", mean=self.level_mean, std=self.level_std
        )
