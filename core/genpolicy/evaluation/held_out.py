"""What data alone can tell of a trained agent: losses and returns of episodes kept from training.

Losses are means over all held-out transitions, with the same noise whenever they are taken. The
return of an episode is discounted once per decision,

    G_i = R_i + γ^h G_{i+h},    h the steps of a decision (n-step, chunk),

where R_i is what a transition's reward holds already, and it ends where the recording does.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import attrs
import numpy as np
import torch
from numpy.typing import NDArray

from genpolicy.transforms.episodes import Rows
from genpolicy.transforms.selection import rows_apart

if TYPE_CHECKING:
    from genpolicy.dataset import Batch, Dataset
    from genpolicy.objective import Loss

BatchLoss = Callable[..., "Loss"]
"""A loss of a ``batch`` alone."""


@attrs.frozen(eq=False)
class Split:
    """The rows of data that train, and those of episodes that are held out.

    Args:
        training: ``[transition]``.
        held_out: ``[transition]``; none where nothing is held out.
    """

    training: Rows
    held_out: Rows

    @property
    def scored(self) -> Rows:
        """The rows whose episodes a policy is scored on: the held-out ones, if there are any."""
        return self.held_out if self.held_out.size else self.training


def split(data: "Dataset", share: float, seed: int) -> Split:
    """Hold a random share of the episodes out; data of one episode keep it.

    Args:
        data: The data.
        share: How much of the episodes, in [0, 1).
        seed: Which.
    """
    held = rows_apart(data, share, seed)
    return Split(np.flatnonzero(~held), np.flatnonzero(held))


@attrs.frozen(eq=False)
class Recorded:
    """What became of recorded episodes.

    Args:
        starts: The row of each one's first observation, ``[episode]``: with decisions of several
            steps that from which the last decision ends where the episode's rows do.
        values: The discounted return after each of these, ``[episode]``.
        returns: The discounted return after every row, ``[transition]``.
    """

    starts: Rows
    values: NDArray[np.float64]
    returns: NDArray[np.float64]


def recorded(data: "Dataset", rows: Rows, discount: float) -> Recorded:
    """Return what became of whole episodes.

    Args:
        data: The data.
        rows: All rows of some of its episodes, in order.
        discount: γ, of one step of the environment.
    """
    stops = np.flatnonzero(data.ends[rows]) + 1
    lengths = np.diff(stops, prepend=0)
    returns = _discounted(data, rows, np.repeat(stops, lengths), discount**data.stride)
    whole = data.terminal[rows][stops - 1] & (data.last is not None)  # n steps may end early there
    starts = stops - lengths + np.where(whole, 0, (lengths - 1) % data.stride)
    return Recorded(rows[starts], returns[starts], returns)


def _discounted(data: "Dataset", rows: Rows, stops: Rows, discount: float) -> NDArray[np.float64]:
    """Return G of all rows at once: every pass doubles how many decisions it looks ahead."""
    here = np.arange(len(rows))
    goes_on = (here + data.stride < stops) & ~data.terminal[rows]
    ahead = np.where(goes_on, here + data.stride, here)
    factor = np.where(goes_on, discount, 0.0)
    total = data.reward[rows].astype(np.float64)
    while factor.any():
        total += factor * total[ahead]
        factor *= factor[ahead]
        ahead = ahead[ahead]
    return total


def mean_loss(loss: BatchLoss, batches: Iterable["Batch"], seed: int) -> float:
    """Return a loss's mean over transitions; the same seed gives the same noise.

    Torch's global random numbers are as before afterwards.

    Args:
        loss: The loss.
        batches: The transitions.
        seed: Where its noise starts.
    """
    total, count = 0.0, 0
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for batch in batches:
            total += float(loss(batch=batch).value.detach()) * len(batch)
            count += len(batch)
    return total / count


def in_batches(rows: Rows, size: int) -> list[Rows]:
    """Return rows in batches of at most ``size`` and as even as can be, for none to be tiny."""
    return np.array_split(rows, -(-len(rows) // size))
