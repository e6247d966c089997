from collections.abc import Callable

import attrs
import numpy as np
import torch

from genpolicy.dataset import Dataset
from genpolicy.training.replay import Replay
from genpolicy.training.sampler import Sampler
from genpolicy.transforms import units_of

CPU = torch.device("cpu")
DataMaker = Callable[..., Dataset]


def _filled(data: Dataset, rows: int, device: torch.device = CPU) -> Replay:
    replay = Replay(data, len(data), device)
    for row in range(rows):
        replay.add(
            {
                "observation": torch.as_tensor(data.observation[row]),
                "action": torch.as_tensor(data.action[row]),
                "reward": torch.as_tensor(data.reward[row]),
                "next_observation": torch.as_tensor(data.next_observation[row]),
                "terminal": torch.as_tensor(float(data.terminal[row])),
            }
        )
    return replay


def test_what_goes_in_comes_out_in_the_units_of_models(make_dataset: DataMaker) -> None:
    data = attrs.evolve(make_dataset(), action_high=np.full(2, 3.0, np.float32))
    data = attrs.evolve(data, units=units_of(data, normalise=True, rescale=True))
    replay, seen = _filled(data, 10), Sampler(data, CPU)
    expected = seen.packed[:10].clone()
    expected[:, -2:] = expected[:, 3:5]  # no action is known to follow
    torch.testing.assert_close(replay.rows(), expected)
    torch.manual_seed(0)
    batch = replay.draw(300)
    assert {name: getattr(batch, name).shape[1:] for name in seen.shapes} == seen.shapes
    assert len(batch.reward.unique()) == 10


def test_the_action_that_follows_can_be_told_later(make_dataset: DataMaker) -> None:
    data = make_dataset()
    replay = _filled(data, 4)
    replay.follow(1, 3)
    torch.manual_seed(0)
    batch = replay.draw(100)
    is_first = batch.reward == float(data.reward[1])
    assert is_first.any()
    assert (batch.next_action[is_first] == torch.as_tensor(data.action[3])).all()
    assert torch.equal(batch.next_action[~is_first], batch.action[~is_first])


def test_nothing_can_be_drawn_from_nothing(make_dataset: DataMaker) -> None:
    batch = Replay(make_dataset(), 5, CPU).draw(0)
    assert len(batch) == 0
    assert batch.action.shape == (0, 2)


def test_it_holds_again_what_a_checkpoint_had(make_dataset: DataMaker) -> None:
    data = make_dataset()
    one, other = _filled(data, 7), Replay(data, len(data), CPU)
    other.load(one.rows())
    assert len(other) == 7
    assert torch.equal(other.rows(), one.rows())


def test_nothing_is_read_from_the_device(make_dataset: DataMaker) -> None:
    """On torch's meta device tensors have no values to read."""
    data = make_dataset()
    replay = _filled(data, 3, torch.device("meta"))
    replay.follow(0, 1)
    assert {getattr(replay.draw(5), name).device.type for name in replay.shapes} == {"meta"}
