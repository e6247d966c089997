"""Slow copies of weights."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


@torch.no_grad()
def move_towards(slow: nn.Module, fast: nn.Module, rate: float) -> None:
    """Move the weights of ``slow`` towards those of ``fast``, a model of the same shape.

    Buffers, such as counters and schedules, are taken over as they are.

    Args:
        slow: The copy that moves.
        fast: What it follows.
        rate: The share of the way, from 0 to 1.
    """
    move_tensors_towards(list(slow.parameters()), list(fast.parameters()), rate)
    for kept, present in zip(slow.buffers(), fast.buffers(), strict=True):
        kept.copy_(present)


@torch.no_grad()
def move_tensors_towards(slow: list[Tensor], fast: list[Tensor], rate: float) -> None:
    """Move tensors towards others of the same shapes.

    Args:
        slow: Those that move.
        fast: What they follow.
        rate: The share of the way, from 0 to 1.
    """
    move = get_ema_multi_avg_fn(1.0 - rate)  # type: ignore[no-untyped-call]
    move(slow, fast, None)
