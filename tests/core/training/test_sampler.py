from collections.abc import Callable

import attrs
import numpy as np
import torch

from genpolicy.dataset import Dataset
from genpolicy.training.sampler import Sampler

CPU = torch.device("cpu")


def test_a_drawn_transition_is_one_of_the_dataset_whole(
    make_dataset: Callable[..., Dataset],
) -> None:
    data = make_dataset(rows=32, observation=3, action=2)
    data = attrs.evolve(data, reward=np.arange(32, dtype=np.float32))
    batch = Sampler(data, CPU).draw(200)
    row = batch.reward.long().numpy()
    assert batch.observation.shape == (200, 3)
    assert batch.action.shape == (200, 2)
    assert np.array_equal(batch.observation.numpy(), data.observation[row])
    assert np.array_equal(batch.action.numpy(), data.action[row])
    assert np.array_equal(batch.next_observation.numpy(), data.next_observation[row])
    assert np.array_equal(batch.terminal.numpy(), data.terminal[row].astype(np.float32))


def test_samples_of_several_dimensions_are_drawn_whole(
    make_dataset: Callable[..., Dataset],
) -> None:
    data, rows = make_dataset(rows=32), np.arange(32, dtype=np.float32)
    chunk = np.random.default_rng(1).uniform(-1, 1, (32, 4, 2)).astype(np.float32)
    batch = Sampler(attrs.evolve(data, reward=rows, action=chunk), CPU).draw(50)
    assert batch.action.shape == (50, 4, 2)
    assert np.array_equal(batch.action.numpy(), chunk[batch.reward.long().numpy()])


def test_a_time_out_is_no_terminal(make_dataset: Callable[..., Dataset]) -> None:
    data = make_dataset()
    terminal = data.to_batch(CPU).terminal
    assert data.timeout.any()
    assert terminal[torch.as_tensor(data.timeout)].sum() == 0
    assert terminal.sum() == data.terminal.sum()


def test_every_transition_is_drawn_as_often(make_dataset: Callable[..., Dataset]) -> None:
    torch.manual_seed(0)
    data = attrs.evolve(make_dataset(rows=4), reward=np.arange(4, dtype=np.float32))
    drawn = Sampler(data, CPU).draw(20_000).reward.long().bincount(minlength=4)
    assert int((drawn - 5000).abs().max()) < 300


def test_batches_follow_torchs_random_numbers(make_dataset: Callable[..., Dataset]) -> None:
    sampler = Sampler(make_dataset(), CPU)
    torch.manual_seed(3)
    one = sampler.draw(8)
    torch.manual_seed(3)
    assert torch.equal(one.action, sampler.draw(8).action)
    assert not torch.equal(one.action, sampler.draw(8).action)
