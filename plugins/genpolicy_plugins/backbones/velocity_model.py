"""A network that predicts the velocity, or the noise, of a Gaussian path."""

import torch
from torch import Tensor

from genpolicy import GaussianPath, GaussianPathBackbone, Network
from genpolicy.backbone import Field
from genpolicy.shapes import sum_rows


class VelocityModel(GaussianPathBackbone):
    """Predicts the velocity; flow matching.

    Args:
        sample_shape: The shape of one sample.
        path: The path that samples travel on.
        network: A network of one time.
    """

    def __init__(self, sample_shape: tuple[int, ...], path: GaussianPath, network: Network) -> None:
        super().__init__(sample_shape, path)
        self.network = network

    def field(self, condition: Tensor) -> Field:
        """Return the network's velocity."""
        context = self.network.encode(condition)
        return lambda x_t, t: self.network(x_t, context, t)

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return half the squared error of the velocity.

        Lipman et al. 2022, eq. 14, arXiv 2210.02747.
        """
        t, noise = self.path.sample_time(sample), torch.randn_like(sample)
        x_t = self.path.interpolate(sample, noise, t)
        error = self.velocity(x_t, t, condition) - self.path.velocity(sample, noise, t)
        return 0.5 * sum_rows(error**2)


class NoiseModel(GaussianPathBackbone):
    """Predicts the noise; denoising score matching with weight sigma^2.

    Args:
        sample_shape: The shape of one sample.
        path: The path that samples travel on; its alpha must not vanish.
        network: A network of one time.
    """

    def __init__(self, sample_shape: tuple[int, ...], path: GaussianPath, network: Network) -> None:
        super().__init__(sample_shape, path)
        self.network = network

    def field(self, condition: Tensor) -> Field:
        """Return the velocity that the network's noise implies."""
        context = self.network.encode(condition)
        return lambda x_t, t: self.path.velocity_from_noise(x_t, self.network(x_t, context, t), t)

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return half the squared error of the noise.

        Ho et al. 2020, eq. 14, arXiv 2006.11239.
        """
        t, noise = self.path.sample_time(sample), torch.randn_like(sample)
        x_t = self.path.interpolate(sample, noise, t)
        predicted = self.network(x_t, self.network.encode(condition), t)
        return 0.5 * sum_rows((predicted - noise) ** 2)
