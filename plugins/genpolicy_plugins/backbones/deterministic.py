"""One sample per condition: the regression that every generative model is compared with.

    loss = 1/2 |a - mean(condition)|^2

Its best is the mean of the data, wherever that lies.
"""

from collections.abc import Mapping

import attrs
import torch
from torch import Tensor

from genpolicy import BackboneRecipe, Network, NetworkRecipe, OneStepBackbone, SampleSpec, option
from genpolicy.shapes import sum_rows
from genpolicy_plugins.backbones.plain import of_condition, plain_network


class DeterministicModel(OneStepBackbone):
    """Predicts the mean and forgets the noise.

    Args:
        sample_shape: The shape of one sample.
        network: A network of no time.
        tanh: Whether the mean is squashed into (-1, 1).
    """

    def __init__(self, sample_shape: tuple[int, ...], network: Network, tanh: bool) -> None:
        super().__init__(sample_shape)
        self.network = network
        self.tanh = tanh

    def mean(self, condition: Tensor) -> Tensor:
        """Return the sample for each row of ``condition``, ``[batch, *sample]``."""
        mean = of_condition(self.network, condition, self.sample_shape)
        return torch.tanh(mean) if self.tanh else mean

    def transport(self, noise: Tensor, condition: Tensor) -> Tensor:
        """Return the mean, whatever the noise."""
        return self.mean(condition)

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return half the squared error."""
        return 0.5 * sum_rows((self.mean(condition) - sample) ** 2)


@attrs.frozen(kw_only=True)
class Deterministic(BackboneRecipe):
    """A plain regression of the sample."""

    default_solver = "jump"

    tanh: bool = option(False, help="squash the sample into (-1, 1); for bounded actions alone")

    def expected_failures(self) -> Mapping[str, str]:
        """Return why one line of data is not learned."""
        return {"it_learns_a_mixture_on_a_line": "it is a single point"}

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> DeterministicModel:
        """Return a deterministic policy with fresh weights."""
        return DeterministicModel(spec.sample_shape, plain_network(spec, network), self.tanh)
