"""Flow matching whose noise is paired with data by optimal transport within the batch.

    x_t = (1 - t) z_p(i) + t a_i,    v = E[a - z | x_t],
    p = argmin over permutations of sum_i |z_p(i) - a_i|^2 + weight |c_p(i) - c_i|^2

where a squared length is a mean over dimensions and each dimension of c is divided by its standard
deviation in the batch. Tong et al. 2023, section 3.2.3, arXiv 2302.00482; Pooladian et al. 2023,
arXiv 2304.14772. The condition's part is after Kerrigan et al. 2024, arXiv 2404.04240, and Cheng &
Schwing 2025, arXiv 2503.10636: without it noise would come to depend on the condition, of which it
is drawn independently when the model acts. The more dimensions a condition has, the fewer rows are
near enough to be paired, and the closer this comes to independent noise.

The noise is permuted, never the data, so that a weight stays with its sample; which noise a row
meets depends on its neighbours. The pairing is computed on the host, so every loss reads the device
once.

Differs from the paper: no further noise around the path (its sigma is 0). With sigma > 0 and paired
noise, x_t and the velocity alone no longer give the expected data.
"""

from collections.abc import Mapping

import attrs
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from genpolicy import (
    BackboneRecipe,
    DenoiserBackbone,
    Network,
    NetworkRecipe,
    NetworkSpec,
    SampleSpec,
    option,
)
from genpolicy.backbone import Field
from genpolicy.path import LinearPath
from genpolicy.shapes import sum_rows


class OTFlowModel(DenoiserBackbone):
    """Predicts the velocity of straight lines between paired noise and data.

    Args:
        sample_shape: The shape of one sample.
        network: A network of one time.
        recipe: Its hyper-parameters.
    """

    def __init__(self, sample_shape: tuple[int, ...], network: Network, recipe: "OTFlow") -> None:
        super().__init__(sample_shape, LinearPath(0.0))
        self.network, self.recipe = network, recipe

    def field(self, condition: Tensor) -> Field:
        """Return the network's velocity."""
        context = self.network.encode(condition)
        return lambda x_t, t: self.network(x_t, context, t)

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return half the squared error of the velocity."""
        t, noise = self.path.sample_time(sample), torch.randn_like(sample)
        order = pairing(noise, sample, condition, self.recipe.condition_weight, self.recipe.pairing)
        noise = noise[order]
        x_t = self.path.interpolate(sample, noise, t)
        error = self.velocity(x_t, t, condition) - self.path.velocity(sample, noise, t)
        return 0.5 * sum_rows(error**2)


@torch.no_grad()
def pairing(
    noise: Tensor, sample: Tensor, condition: Tensor, condition_weight: float, largest: int
) -> Tensor:
    """Return which row's noise each sample gets, a permutation, ``[batch]``.

    Rows that follow one another form groups of one size, and noise stays in its group: the time
    grows with the cube of a group's size.

    Args:
        noise: ``[batch, *sample]``.
        sample: ``[batch, *sample]``.
        condition: ``[batch, condition]``, of both the noise and the sample of a row.
        condition_weight: The weight of a squared distance between standardised conditions.
        largest: The most rows of a group.
    """
    share = condition_weight * sample[0].numel() / condition[0].numel()
    spread, centre = torch.std_mean(condition, 0, correction=0)
    told = share**0.5 * (condition - centre) / (spread + 1e-6)
    pairs = torch.stack([noise.flatten(1), sample.flatten(1)])
    sources, targets = torch.cat([pairs, told.expand(2, -1, -1)], dim=2).cpu().unbind()
    groups = -(-len(sample) // largest)
    order, start = [], 0
    for source, target in zip(sources.chunk(groups), targets.chunk(groups), strict=True):
        _, chosen = linear_sum_assignment(torch.cdist(target, source).square())
        order.append(torch.from_numpy(chosen) + start)
        start += len(source)
    return torch.cat(order).to(sample.device)


@attrs.frozen(kw_only=True)
class OTFlow(BackboneRecipe):
    """A flow whose noise is paired with data by optimal transport."""

    condition_weight: float = option(
        10.0, help="weight of the distance of conditions when pairing; 0 ignores them", ge=0
    )
    pairing: int = option(256, help="rows among which noise is paired at most", ge=1)

    def expected_failures(self) -> Mapping[str, str]:
        """Return what pairing the rows of a batch on the host excludes."""
        reason = "noise is paired with samples by an assignment that is solved on the host"
        return {
            "it_compiles_as_one_graph": reason,
            "it_runs_for_several_seeds_at_once": reason,
            "the_loss_reads_no_value_on_the_host": reason,
        }

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> OTFlowModel:
        """Return a flow with fresh weights."""
        net = network.build(
            NetworkSpec(sample_shape=spec.sample_shape, condition_dim=spec.condition_dim)
        )
        return OTFlowModel(spec.sample_shape, net, self)
