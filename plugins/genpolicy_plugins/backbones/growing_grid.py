"""Neighbouring times on a path's own grid, which grows finer while a model trains.

The number of steps doubles from ``first`` to ``last`` over the training, and steps are drawn evenly
or, on a Karras grid, by a log-normal noise level: Song & Dhariwal 2023, sections 3.4 and 3.5,
arXiv 2310.14189.
"""

import math

import torch
from torch import Tensor, nn

from genpolicy import GaussianPath


class GrowingGrid(nn.Module):
    """The grid at the present moment of training; its progress is part of the model's state.

    Args:
        path: The path that it lies on.
        first: How many steps it has at first.
        last: How many steps it has in the end.
    """

    progress: Tensor

    def __init__(self, path: GaussianPath, first: int, last: int) -> None:
        super().__init__()
        self.path, self.first, self.last = path, first, last
        self.register_buffer("progress", torch.zeros(()))

    def advance(self, progress: float) -> None:
        """Say which share of training is done."""
        self.progress.fill_(progress)

    @property
    def steps(self) -> Tensor:
        """How many steps the grid has now, a scalar."""
        stages = math.log2(self.last / self.first) + 1.0
        doublings = torch.floor(self.progress * stages)
        return (self.first * 2.0**doublings).clamp(max=float(self.last))

    def time(self, index: Tensor) -> Tensor:
        """Return the time after ``index`` steps, from the path's start to its end."""
        return self.path.time_on(index / self.steps)

    def draw_index(self, like: Tensor) -> Tensor:
        """Draw one step per row of ``like``, ``[batch]``: the first is 0, all are as likely."""
        return self._step_at(torch.rand_like(like.flatten(1)[:, 0]))

    def draw_log_normal_index(self, like: Tensor, mean: float, std: float) -> Tensor:
        """Draw one step per row of ``like``, ``[batch]``, by the logarithm of its noise level."""
        level = torch.exp(mean + std * torch.randn_like(like.flatten(1)[:, 0]))
        return self._step_at(self.path.karras_share(level))

    def draw_later(self, index: Tensor) -> Tensor:
        """Draw one of the points that follow the step ``index``, ``[batch]``: all are as likely."""
        left = self.steps - index
        return index + 1.0 + torch.minimum(torch.floor(torch.rand_like(index) * left), left - 1.0)

    def _step_at(self, share: Tensor) -> Tensor:
        return torch.minimum(torch.floor(share * self.steps), self.steps - 1.0)


def check_growth(first: int, last: int) -> None:
    """Refuse a grid that shrinks.

    Raises:
        ValueError: ``last`` is smaller than ``first``.
    """
    if last < first:
        raise ValueError(f"grid_last is no smaller than grid_first; got {last} and {first}")
