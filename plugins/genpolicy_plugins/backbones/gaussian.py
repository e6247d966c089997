"""A diagonal Gaussian given the condition: the plain policy of the field.

    a = mean(condition) + std z,    loss = -log N(a; mean, std^2)
    log std = middle + half tanh((raw - middle) / half)

between two bounds, of which ``middle`` is the mean and ``half`` half the distance. The policy of
Kostrikov et al. 2021, "IQL", arXiv 2110.06169, whose code has the bounds -5 and 2.

Differs from IQL: the bounds are approached smoothly, so that a log-std at one of them keeps a
gradient; the mean is squashed by a tanh only where ``tanh`` asks for it, because a sample may be
anything, a plan of observations too; and one std for all states is an option, because a Gaussian
that can say how sure it is makes the stronger baseline.
"""

import math
from collections.abc import Mapping
from typing import Literal

import attrs
import torch
from torch import Tensor, nn

from genpolicy import BackboneRecipe, Network, NetworkRecipe, OneStepBackbone, SampleSpec, option
from genpolicy.shapes import sum_rows
from genpolicy_plugins.backbones.plain import of_condition, plain_network


class GaussianModel(OneStepBackbone):
    """Predicts the mean, and the log-std or one log-std for all conditions.

    Args:
        sample_shape: The shape of one sample.
        network: A network of no time. What it returns beyond a sample's features is the log-std; if
            that is nothing, ``shared`` holds.
        shared: Whether one log-std serves all conditions.
        tanh: Whether the mean is squashed into (-1, 1).
        bounds: The least and the largest log-std.
    """

    def __init__(
        self,
        sample_shape: tuple[int, ...],
        network: Network,
        *,
        shared: bool,
        tanh: bool,
        bounds: tuple[float, float],
    ) -> None:
        super().__init__(sample_shape)
        self.network = network
        self.shared_log_std = nn.Parameter(torch.zeros(sample_shape)) if shared else None
        self.tanh = tanh
        self.bounds = bounds

    def moments(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-std, each ``[batch, *sample]``."""
        output = of_condition(self.network, condition, self.sample_shape)
        if self.shared_log_std is None:
            mean, raw = output.chunk(2, dim=-1)
        else:
            mean, raw = output, self.shared_log_std.expand_as(output)
        return torch.tanh(mean) if self.tanh else mean, self._bounded(raw)

    def log_prob(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return log p(sample | condition) in nats, ``[batch]``."""
        mean, log_std = self.moments(condition)
        noise = (sample - mean) * torch.exp(-log_std)
        return -sum_rows(0.5 * noise**2 + log_std + 0.5 * math.log(2.0 * math.pi))

    def transport(self, noise: Tensor, condition: Tensor) -> Tensor:
        """Return mean + std · noise."""
        mean, log_std = self.moments(condition)
        return mean + torch.exp(log_std) * noise

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return the negative log-likelihood, in nats."""
        return -self.log_prob(sample, condition)

    def _bounded(self, raw: Tensor) -> Tensor:
        low, high = self.bounds
        middle, half = (low + high) / 2.0, (high - low) / 2.0
        return middle + half * torch.tanh((raw - middle) / half)


@attrs.frozen(kw_only=True)
class Gaussian(BackboneRecipe):
    """A diagonal Gaussian given the condition."""

    default_solver = "jump"

    std: Literal["state", "shared"] = option(
        "state", help="one standard deviation per condition, or one for all"
    )
    tanh: bool = option(False, help="squash the mean into (-1, 1); for bounded actions alone")
    log_std_min: float = option(-5.0, help="least log standard deviation")
    log_std_max: float = option(2.0, help="largest log standard deviation")

    def __attrs_post_init__(self) -> None:
        if self.log_std_min >= self.log_std_max:
            raise ValueError(
                f"log_std_min lies below log_std_max; got {self.log_std_min} and {self.log_std_max}"
            )

    def expected_failures(self) -> Mapping[str, str]:
        """Return why one line of data is not learned."""
        return {"it_learns_a_mixture_on_a_line": "it is a single Gaussian"}

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> GaussianModel:
        """Return a Gaussian policy with fresh weights."""
        shared = self.std == "shared"
        *sequence, features = spec.sample_shape
        output_shape = (*sequence, features if shared else 2 * features)
        return GaussianModel(
            spec.sample_shape,
            plain_network(spec, network, output_shape),
            shared=shared,
            tanh=self.tanh,
            bounds=(self.log_std_min, self.log_std_max),
        )
