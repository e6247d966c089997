"""What the plain policies share: a network that is told no time, and may be shown no sample."""

from torch import Tensor

from genpolicy import Network, NetworkRecipe, NetworkSpec, SampleSpec


def plain_network(
    spec: SampleSpec, network: NetworkRecipe, output_shape: tuple[int, ...] | None = None
) -> Network:
    """Return a network that is told no time.

    Args:
        spec: What the backbone is built for.
        network: The network's recipe.
        output_shape: The shape of one output, where it differs from a sample's.
    """
    return network.build(
        NetworkSpec(
            sample_shape=spec.sample_shape,
            condition_dim=spec.condition_dim,
            times=0,
            output_shape=output_shape,
        )
    )


def of_condition(network: Network, condition: Tensor, sample_shape: tuple[int, ...]) -> Tensor:
    """Return a network's outputs where there is no sample to look at, ``[batch, *output]``.

    It is shown ones, which leave a gradient at every weight, so that any network serves.
    """
    ones = condition.new_ones(condition.shape[0], *sample_shape)
    output: Tensor = network(ones, network.encode(condition))
    return output
