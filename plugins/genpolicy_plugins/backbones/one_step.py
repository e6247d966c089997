"""Noise straight to a sample, by one evaluation of a network, trained by the energy score.

    x_k = f(c z_k, condition),    k = 1 … m
    loss = mean_k |x_k - a|^beta - 1/2 mean_{k != l} |x_k - x_l|^beta

For 0 < beta < 2 an unbiased estimate of a strictly proper scoring rule: in expectation it is least
where x has the law of a, and there alone. Gneiting & Raftery 2007, section 4.3, J. Am. Stat. Assoc.
102(477); as the loss of a network of noise: Shen & Meinshausen 2023, "Engression", arXiv
2307.00835.

Differs from the paper: |d|^beta is (|d|^2 + e^2)^(beta / 2) - e^beta with e = 1e-6, whose gradient
is finite where two points meet, and which is strictly proper as well. The network reads noise of
std c = 4, because a fresh network is nearly linear in noise of std 1, and slow to learn the sharp
edges that separate modes. The power is 1/2 and not 1: misplaced mass costs its square, so the score
hardly minds what is left between two modes, and a small power minds it more.
"""

import attrs
import torch
from torch import Tensor

from genpolicy import BackboneRecipe, Network, NetworkRecipe, OneStepBackbone, SampleSpec, option
from genpolicy.shapes import group_rows, repeat_rows
from genpolicy_plugins.backbones.plain import plain_network

_SQUARE = 1e-12  # e^2


class OneStepModel(OneStepBackbone):
    """A network that turns noise into a sample.

    Args:
        sample_shape: The shape of one sample.
        network: A network of no time.
        draws: How many samples the loss compares, per row.
        power: The power of the distance, beta.
        noise_scale: What noise is multiplied with before the network reads it.
    """

    def __init__(
        self,
        sample_shape: tuple[int, ...],
        network: Network,
        *,
        draws: int,
        power: float,
        noise_scale: float,
    ) -> None:
        super().__init__(sample_shape)
        self.network = network
        self.draws = draws
        self.power = power
        self.noise_scale = noise_scale

    def transport(self, noise: Tensor, condition: Tensor) -> Tensor:
        """Return the network's samples."""
        return self._read(noise, self.network.encode(condition))

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return the energy score of ``draws`` samples."""
        return energy_score(self._draw(condition).flatten(2), sample.flatten(1), self.power)

    def _draw(self, condition: Tensor) -> Tensor:
        """Return samples for training, ``[batch, draws, *sample]``."""
        noise = self.draw_noise(repeat_rows(condition, self.draws))
        context = repeat_rows(self.network.encode(condition), self.draws)
        return group_rows(self._read(noise, context), self.draws)

    def _read(self, noise: Tensor, context: Tensor) -> Tensor:
        output: Tensor = self.network(self.noise_scale * noise, context)
        return output


@attrs.frozen(kw_only=True)
class OneStep(BackboneRecipe):
    """Noise straight to a sample, trained by the energy score."""

    default_solver = "jump"

    draws: int = option(8, help="samples per row that the loss compares", ge=2)
    power: float = option(0.5, help="power of the distance; small ones look closer", gt=0, lt=2)
    noise_scale: float = option(
        4.0, help="what the network's noise is multiplied with; more draws sharper edges", gt=0
    )

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> OneStepModel:
        """Return a one-step model with fresh weights."""
        return OneStepModel(
            spec.sample_shape,
            plain_network(spec, network),
            draws=self.draws,
            power=self.power,
            noise_scale=self.noise_scale,
        )


def energy_score(drawn: Tensor, sample: Tensor, power: float) -> Tensor:
    """Return the energy score of samples at an observed one, ``[batch]``; less is better.

    Args:
        drawn: Two or more independent samples per row, ``[batch, draws, dimensions]``.
        sample: What was observed, ``[batch, dimensions]``.
        power: The power of the distance, between 0 and 2.
    """
    draws = drawn.shape[1]
    apart = _distance(drawn[:, :, None] - drawn[:, None], power).sum((1, 2)) / (draws * (draws - 1))
    return _distance(drawn - sample[:, None], power).mean(1) - 0.5 * apart


def _distance(difference: Tensor, power: float) -> Tensor:
    """Return the Euclidean norm of the last dimension to a power, smooth where it is zero."""
    square: Tensor = (difference**2).sum(-1)
    offset: float = _SQUARE ** (power / 2.0)
    return torch.pow(square + _SQUARE, power / 2.0) - offset
