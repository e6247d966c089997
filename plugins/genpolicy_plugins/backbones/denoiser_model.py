"""A network that predicts data and noise together, preconditioned at every noise level.

    L = 1/2 |F(x_t, t) - (sin a / sigma_data - cos z)|^2

which is the weighted denoising loss of Karras et al. 2022, eq. 8 and table 1, arXiv 2206.00364.
"""

import torch
from torch import Tensor

from genpolicy import GaussianPath, GaussianPathBackbone, Network
from genpolicy.backbone import Field
from genpolicy.shapes import sum_rows
from genpolicy_plugins.backbones.preconditioning import Preconditioning
from genpolicy_plugins.backbones.time_sampling import TimeSampling


class DenoiserModel(GaussianPathBackbone):
    """Predicts the denoiser through a preconditioned network.

    Args:
        sample_shape: The shape of one sample.
        path: The path that samples travel on.
        network: A network of one time.
        sigma_data: The standard deviation of the data.
        sampling: How training times are drawn.
    """

    def __init__(
        self,
        sample_shape: tuple[int, ...],
        path: GaussianPath,
        network: Network,
        sigma_data: float,
        sampling: TimeSampling,
    ) -> None:
        super().__init__(sample_shape, path)
        self.network, self.sampling = network, sampling
        self.precondition = Preconditioning(path, sigma_data)

    def field(self, condition: Tensor) -> Field:
        """Return the velocity between the network's data and noise."""
        context = self.network.encode(condition)

        def velocity(x_t: Tensor, t: Tensor) -> Tensor:
            predicted = self._predict(x_t, t, context)
            data, noise = self.precondition.data_and_noise(x_t, predicted, t)
            return self.path.velocity(data, noise, t)

        return velocity

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return half the squared error of the network's output."""
        t, noise = self.sampling.draw(self.path, sample), torch.randn_like(sample)
        x_t = self.path.interpolate(sample, noise, t)
        predicted = self._predict(x_t, t, self.network.encode(condition))
        return 0.5 * sum_rows((predicted - self.precondition.target(sample, noise, t)) ** 2)

    def _predict(self, x_t: Tensor, t: Tensor, context: Tensor) -> Tensor:
        given, angle = self.precondition.given(x_t, t), self.precondition.angle(t)
        predicted: Tensor = self.network(given, context, angle)
        return predicted
