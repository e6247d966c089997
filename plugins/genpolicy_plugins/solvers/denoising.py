"""What solvers that step through the denoiser share."""

from torch import Tensor

from genpolicy import DenoiserBackbone
from genpolicy.backbone import Field


def denoiser_of(policy: DenoiserBackbone, condition: Tensor) -> Field:
    """Return the expected data as a function of x_t and t, finite at both ends of the path.

    What depends on the condition alone is computed here, once per solve.

    Args:
        policy: The backbone.
        condition: ``[batch, condition]``.
    """
    field = policy.field(condition)
    return lambda x_t, t: policy.path.data_from_velocity(x_t, field(x_t, t), t)
