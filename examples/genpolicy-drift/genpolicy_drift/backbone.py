"""Noise straight to a sample, by one evaluation of a network whose own samples drift to the data.

    x_i = f(z_i, condition),    i = 1 … n
    w_i = softmax over {a} and {x_j : j != i} of -|x_i - y| / (tau sqrt(d))
    V_i = n w_ia sum_j w_ij (a - x_j)
    loss = mean_i |x_i - stop_gradient(x_i + V_i)|^2

The drift V pulls a candidate to the data's a and pushes it from the other candidates; where samples
and data have one law, exchanging a with an x_j turns the sign of V, so that it is zero on average.
Deng et al. 2026, "Generative Modeling via Drifting", eq. 11 and algorithm 2, arXiv 2602.04770.

``attraction=whole`` takes the softmax over the others alone, V_i = a - sum_j w_ij x_j: Houssaini et
al. 2026, "Drift Q-Learning", arXiv 2606.00350, and its released code; the division by sqrt(d), the
default of tau and ``kernel=gaussian``, with logits -|x_i - y|^2 / (2 tau^2 d), are theirs as well.
That drift is linear in a: averaged over the data it knows of them their mean alone, to which the
samples of a condition collapse.

Differs from the papers: a row of a batch has nothing to do with the others, so algorithm 2's second
softmax, over all samples, is left out, and the factor n, for a weight of about 1 / n, stands in for
the division of V by its mean size. Samples are not clipped: a backbone knows no bounds.
"""

import math
from typing import Literal

import attrs
import torch
from torch import Tensor

from genpolicy import (
    BackboneRecipe,
    Network,
    NetworkRecipe,
    NetworkSpec,
    OneStepBackbone,
    SampleSpec,
    option,
)
from genpolicy.shapes import group_rows, repeat_rows


class DriftModel(OneStepBackbone):
    """A network that turns noise into a sample.

    Args:
        sample_shape: The shape of one sample.
        network: A network of no time.
        recipe: The hyper-parameters.
    """

    def __init__(self, sample_shape: tuple[int, ...], network: Network, recipe: "Drift") -> None:
        super().__init__(sample_shape)
        self.network = network
        self.recipe = recipe

    def transport(self, noise: Tensor, condition: Tensor) -> Tensor:
        """Return the network's samples."""
        output: Tensor = self.network(noise, self.network.encode(condition))
        return output

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return the mean squared drift of the candidates, which moves them along it."""
        count = self.recipe.candidates
        noise = self.draw_noise(repeat_rows(condition, count))
        context = repeat_rows(self.network.encode(condition), count)
        drawn = group_rows(self.network(noise, context), count).flatten(2)
        with torch.no_grad():
            target = drawn + self.recipe.drift(drawn, sample.flatten(1))
        return ((drawn - target) ** 2).sum(2).mean(1)


@attrs.frozen(kw_only=True)
class Drift(BackboneRecipe):
    """Noise straight to a sample, trained by drifting."""

    default_solver = "jump"

    candidates: int = option(16, help="samples per row that repel one another", ge=2)
    kernel: Literal["laplace", "gaussian"] = option(
        "laplace", help="how nearness falls off with distance"
    )
    tau: float = option(0.2, help="width of the kernel, per root of the dimensions", gt=0)
    attraction: Literal["shared", "whole"] = option(
        "shared",
        help="shared: samples drift to the data's law; whole: to its mean, as in Drift Q-learning",
    )

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> DriftModel:
        """Return a drifting model with fresh weights."""
        shape, length = spec.sample_shape, spec.condition_dim
        plain = NetworkSpec(sample_shape=shape, condition_dim=length, times=0)
        return DriftModel(shape, network.build(plain), self)

    def drift(self, drawn: Tensor, sample: Tensor) -> Tensor:
        """Return where each candidate should go, ``[batch, candidates, dimensions]``.

        Args:
            drawn: The candidates, ``[batch, candidates, dimensions]``.
            sample: The data, ``[batch, dimensions]``.
        """
        count = drawn.shape[1]
        itself = torch.eye(count, dtype=torch.bool, device=drawn.device)
        to_others = self._logit(drawn, drawn).masked_fill(itself, -torch.inf)
        pull = sample[:, None] - torch.softmax(to_others, 2) @ drawn
        if self.attraction == "whole":
            return pull
        to_data = self._logit(drawn, sample[:, None])[..., 0]
        share = torch.sigmoid(to_data - to_others.logsumexp(2))[..., None]
        return count * share * (1.0 - share) * pull

    def _logit(self, here: Tensor, there: Tensor) -> Tensor:
        """Return the logarithm of the kernel between points, ``[batch, here, there]``."""
        apart = torch.cdist(here, there, compute_mode="donot_use_mm_for_euclid_dist")
        apart = apart / (self.tau * math.sqrt(here.shape[-1]))
        return -0.5 * apart**2 if self.kernel == "gaussian" else -apart
