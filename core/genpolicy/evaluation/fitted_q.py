"""Fitted-Q evaluation: the value of a policy from data alone.

    y = r + γ^h (1 − terminal) Q̄(s', π(s')),    Q <- argmin E_data[(Q(s, a) − y)²]
    V = E_{s_0}[Q̄(s_0, π(s_0))]

with Q̄ a slow copy of Q. Le et al. 2019, algorithm 3, arXiv 1903.08738; with neural networks and a
slow copy: Fu et al. 2021, arXiv 2103.16596.

Differs from the papers: Q is regressed in units of the data's returns, on inputs of mean 0 and
deviation 1, and what a backup adds is kept within what rewards like the data's can amount to, so
that it can neither diverge nor depend on the rewards' scale. π acts once per transition.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs
import torch
from torch import Tensor, nn

from genpolicy.averaging import move_towards

if TYPE_CHECKING:
    from genpolicy.dataset import Batch

BATCH: Final = 256
_WIDTH: Final = 128
_LEARNING_RATE: Final = 1e-3  # falls along a cosine
_COPY_RATE: Final = 0.05  # a copy as slow as usual, 0.005, would need ten times the steps
_SMALLEST: Final = 1e-3


@attrs.frozen(kw_only=True)
class ReturnScale:
    """The returns that data have.

    Args:
        mean: Their mean.
        deviation: Their standard deviation.
    """

    mean: float
    deviation: float


class FittedQ(nn.Module):
    """A network that knows returns, in units of its own within.

    Args:
        batch: The transitions that it will be fitted to.
        scale: Their returns.
    """

    center: Tensor
    scale: Tensor

    def __init__(self, batch: "Batch", scale: ReturnScale) -> None:
        super().__init__()
        inputs = _inputs(batch.observation, batch.action)
        self.register_buffer("center", inputs.mean(0))
        self.register_buffer("scale", inputs.std(0, correction=0) + _SMALLEST)
        self.mean, self.unit = scale.mean, max(scale.deviation, _SMALLEST)
        self.network = nn.Sequential(
            nn.Linear(inputs.shape[1], _WIDTH),
            nn.LayerNorm(_WIDTH),
            nn.ReLU(),
            nn.Linear(_WIDTH, _WIDTH),
            nn.LayerNorm(_WIDTH),
            nn.ReLU(),
            nn.Linear(_WIDTH, 1),
        ).to(inputs.device)

    def own(self, observation: Tensor, action: Tensor) -> Tensor:
        """Return Q in its own units, ``[batch]``."""
        inputs = (_inputs(observation, action) - self.center) / self.scale
        found: Tensor = self.network(inputs).squeeze(1)
        return found

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        """Return Q of observations and actions, ``[batch]``."""
        return self.mean + self.unit * self.own(observation, action)


def fitted_q(
    batch: "Batch",
    scale: ReturnScale,
    *,
    discount: float,
    steps: int,
    seed: int,
    after_step: Callable[[], None] = lambda: None,
) -> FittedQ:
    """Fit the Q of a policy.

    Torch's global random numbers are as before afterwards.

    Args:
        batch: All transitions to fit it to; ``next_action`` is what the policy does there.
        scale: The returns that they have.
        discount: γ^h, of one decision; below 1.
        steps: How many gradient steps.
        seed: Where its random numbers start.
        after_step: Called after each step; what it raises ends the work.

    Returns:
        Q̄.
    """
    devices = [batch.reward.device] if batch.reward.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        q, slow = FittedQ(batch, scale), FittedQ(batch, scale)
        slow.load_state_dict(q.state_dict())
        optimiser = torch.optim.Adam(q.parameters(), lr=_LEARNING_RATE, fused=True)
        largest = _largest_returns(batch.reward, discount)
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = _LEARNING_RATE * _cosine(step / steps)
            loss = _loss(q, slow, _drawn(batch), discount, largest)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            move_towards(slow, q, _COPY_RATE)
            after_step()
    return slow.requires_grad_(False)


def _loss(
    q: FittedQ, slow: FittedQ, batch: "Batch", discount: float, largest: tuple[Tensor, Tensor]
) -> Tensor:
    with torch.no_grad():
        following: Tensor = slow(batch.next_observation, batch.next_action).clamp(*largest)
        target = batch.reward + discount * (1.0 - batch.terminal) * following
        target = (target - q.mean) / q.unit
    loss: Tensor = (q.own(batch.observation, batch.action) - target).square().mean()
    return loss


def _largest_returns(reward: Tensor, discount: float) -> tuple[Tensor, Tensor]:
    """Return between what all returns of such rewards lie, those of short episodes included."""
    zero = reward.new_zeros(())
    low, high = torch.minimum(reward.amin(), zero), torch.maximum(reward.amax(), zero)
    return low / (1.0 - discount), high / (1.0 - discount)


def _drawn(batch: "Batch") -> "Batch":
    rows = torch.randint(len(batch), (BATCH,), device=batch.reward.device)
    return batch.map(lambda values: values[rows])


def _inputs(observation: Tensor, action: Tensor) -> Tensor:
    return torch.cat([observation, action.flatten(1)], dim=1)


def _cosine(share: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * share))
