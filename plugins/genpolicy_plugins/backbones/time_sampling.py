"""How a path's times are drawn in training."""

import attrs
import torch
from torch import Tensor

from genpolicy import GaussianPath


@attrs.frozen(kw_only=True)
class TimeSampling:
    """Evenly in time, or by a log-normal noise level.

    Karras et al. 2022, table 1, arXiv 2206.00364.

    Args:
        log_normal: Whether the level sigma / alpha is log-normal; else time is uniform.
        mean: The mean of the level's natural logarithm.
        std: Its standard deviation.
    """

    log_normal: bool
    mean: float
    std: float

    def draw(self, path: GaussianPath, like: Tensor) -> Tensor:
        """Draw one time per row of ``like``, ``[batch]``."""
        if not self.log_normal:
            return path.sample_time(like)
        log_level = self.mean + self.std * torch.randn_like(like.flatten(1)[:, 0])
        return path.time_at(-log_level).clamp(path.start, path.end)
