"""What solvers that step through the denoiser share."""

from torch import Tensor

from genpolicy import DenoiserBackbone, GaussianPath
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


def noise_kept(path: GaussianPath, t: Tensor, s: Tensor) -> Tensor:
    """Return r = sigma_s alpha_t / (alpha_s sigma_t), which falls from 1 as s leaves t.

    The correlation of the noise in x_t and in x_s given the data; finite at both ends, where it is
    0: from pure noise, or to pure data, nothing is kept.
    """
    return path.sigma(s) * path.alpha(t) / (path.alpha(s) * path.sigma(t))
