"""Random batches of transitions that lie on the device as one packed matrix."""

import torch
from torch import Tensor

from genpolicy.dataset import Batch, Dataset


class Sampler:
    """Draws transitions uniformly, with replacement.

    Args:
        dataset: The transitions.
        device: Where they lie and batches are wanted.
    """

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        whole = dataset.to_batch(device)
        columns = [
            whole.observation,
            whole.action,
            whole.reward[:, None],
            whole.next_observation,
            whole.terminal[:, None],
        ]
        self.packed = torch.cat([column.flatten(1) for column in columns], dim=1)
        self.widths = [column.flatten(1).shape[1] for column in columns]
        self.action_shape = whole.action.shape[1:]

    def draw(self, size: int) -> Batch:
        """Return a batch of ``size`` transitions, by torch's global random numbers."""
        rows = torch.randint(len(self.packed), (size,), device=self.packed.device)
        return self._unpack(self.packed.index_select(0, rows))

    def _unpack(self, packed: Tensor) -> Batch:
        observation, action, reward, next_observation, terminal = torch.split(
            packed, self.widths, dim=1
        )
        return Batch(
            observation=observation,
            action=action.reshape(-1, *self.action_shape),
            reward=reward.squeeze(1),
            next_observation=next_observation,
            terminal=terminal.squeeze(1),
        )
