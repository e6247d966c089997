from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch

from genpolicy.columns import Columns
from genpolicy.dataset import Batch, Dataset
from genpolicy.errors import DataError
from genpolicy.storage import stored
from genpolicy.training import packing
from genpolicy.training.packing import packed
from genpolicy.training.sampler import Sampler
from genpolicy.transforms import units_of

CPU = torch.device("cpu")
Maker = Callable[..., Dataset]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def data(make_dataset: Maker) -> Dataset:
    """Data that models see in other units than the environment's."""
    data = make_dataset(rows=500, observation=5, action=3)
    low, high = 4 * data.action_low, 4 * data.action_high
    wide = attrs.evolve(data, action=4 * data.action, action_low=low, action_high=high)
    return attrs.evolve(wide, units=units_of(wide, normalise=True, rescale=True))


def same(one: Batch, other: Batch) -> bool:
    columns = other.columns()
    return all(torch.equal(each, columns[name]) for name, each in one.columns().items())


def test_the_same_seed_draws_the_same_batches_whichever_way_the_data_lie(data: Dataset) -> None:
    batches = []
    for resident in ("yes", "no"):
        sampler = Sampler(data, CPU, resident)
        torch.manual_seed(3)
        batches.append([sampler.draw(32) for _ in range(5)])
    assert all(same(one, other) for one, other in zip(*batches, strict=True))


@pytest.mark.parametrize("resident", ["yes", "no"])
def test_blocks_of_any_size_make_the_same_matrix(
    resident: packing.Resident, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = packed(data, CPU, "yes")
    monkeypatch.setattr("genpolicy.columns.BLOCK_BYTES", 1000)
    assert torch.equal(packed(data, CPU, resident), whole)


def test_the_matrix_holds_what_models_see(data: Dataset) -> None:
    matrix, units = packed(data, CPU, "yes"), data.units
    everything = data.to_batch(CPU)
    assert torch.equal(matrix[:, :5], units.seen(everything.observation))
    assert torch.equal(matrix[:, -3:], units.aimed(everything.next_action))
    assert matrix.shape == (500, 5 + 3 + 1 + 5 + 1 + 3)


def test_stored_data_train_as_data_in_memory_do(data: Dataset) -> None:
    columns = stored("test", {"layout": 1}, lambda: [Columns(**data.columns.arrays())])
    mapped = attrs.evolve(data, **columns.arrays())
    for resident in ("yes", "no"):
        assert torch.equal(packed(mapped, CPU, resident), packed(data, CPU, "yes"))


def test_the_file_has_no_name_so_that_nothing_stays(cache: Path, data: Dataset) -> None:
    sampler = Sampler(data, CPU, "no")
    assert list(cache.iterdir()) == []
    assert len(sampler.draw(3)) == 3


@pytest.mark.parametrize(("free", "resident"), [(0.0, False), (1e12, True)])
def test_where_there_is_room_the_data_lie_on_the_device(
    free: float, resident: bool, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "free_memory", lambda device: free)
    monkeypatch.setattr(packing, "_on_device", lambda *_: torch.zeros(1))
    assert (packed(data, CPU, "auto").shape == (1,)) == resident


def test_half_of_the_free_memory_is_left_to_others(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = packed(data, CPU, "yes").nbytes
    monkeypatch.setattr(packing, "_on_device", lambda *_: torch.zeros(1))
    for free, resident in ((2 * size, True), (2 * size - 1, False)):
        monkeypatch.setattr(packing, "free_memory", lambda device, free=free: float(free))
        assert (packed(data, CPU, "auto").shape == (1,)) == resident


def test_a_file_that_cannot_be_written_is_refused_in_words(cache: Path, data: Dataset) -> None:
    cache.write_text("a file")
    with pytest.raises(DataError) as caught:
        Sampler(data, CPU, "no")
    assert str(caught.value) == (
        f"dataset 'tiny' needs 0.0 GB of {str(cache)!r} to train from, beside memory, and that "
        "cannot be written (File exists); set AGENT_CACHE to a folder with room, or "
        "train.resident=yes if memory has"
    )


def test_a_batch_can_be_written_to_however_the_data_lie(data: Dataset) -> None:
    columns = stored("test", {"layout": 1}, lambda: [Columns(**data.columns.arrays())])
    batch = attrs.evolve(data, **columns.arrays()).to_batch(CPU)
    batch.reward.zero_()
    assert np.abs(columns.reward).sum() > 0


def test_data_that_do_not_fit_on_the_device_are_refused_in_words(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "_size", lambda data: (1 << 40, 1 << 20))
    with pytest.raises(DataError) as caught:
        Sampler(data, CPU, "yes")
    assert str(caught.value) == (
        "dataset 'tiny' needs 4611686018.4 GB of memory on cpu, and there is not as much; set "
        "train.resident=no"
    )


def test_blocks_of_any_size_give_the_same_units_and_next_actions(
    make_dataset: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_dataset(rows=500)
    following = np.concatenate([data.observation[1:], data.observation[:1]])
    data = attrs.evolve(data, next_observation=following, stride=1)
    actions, units = data.next_action(), units_of(data, normalise=True, rescale=False)
    monkeypatch.setattr("genpolicy.columns.BLOCK_BYTES", 100)
    again = units_of(data, normalise=True, rescale=False)
    assert units.observation is not None
    assert again.observation is not None
    assert np.array_equal(data.next_action(), actions)
    assert np.abs(actions[:-1] - data.action[1:]).max(axis=1).tolist().count(0.0) > 400
    assert np.allclose(units.observation.scale, data.observation.std(axis=0))
    assert torch.allclose(again.observation.scale, units.observation.scale)
    assert torch.allclose(again.observation.center, units.observation.center)
