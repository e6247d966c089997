import re

import attrs
import h5py
import numpy as np
import pytest

from genpolicy.columns import seal_of
from genpolicy.dataset import EnvironmentSpec, Reference
from genpolicy.errors import DataError
from genpolicy.testing import DatasetSuite
from genpolicy_plugins.datasets import hdf5
from genpolicy_plugins.datasets.hdf5 import Hdf5, write_hdf5
from genpolicy_plugins.datasets.npz import Npz


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AGENT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def load(tmp_path):
    def load(arrays, attributes=None, **changes):
        path = tmp_path / "mine.hdf5"
        with h5py.File(path, "w") as file:
            for name, array in (arrays | changes).items():
                if array is not None:
                    file[name] = array
            file.attrs.update(attributes or {})
        return Hdf5(path=str(path)).load()

    return load


class TestOnesOwnFile(DatasetSuite):
    @pytest.fixture
    def part(self, small, tmp_path):
        part = Hdf5(path=str(tmp_path / "mine.hdf5"))
        part.write(small)
        return part


def refusal(sentence):
    return pytest.raises(DataError, match=re.escape(sentence))


@pytest.mark.parametrize("block", [1 << 20, 100])
@pytest.mark.parametrize("extra", ["", "final_observation", "next_observation"])
def test_it_reads_what_npz_reads(load, arrays, extra, block, tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    rows = {"final_observation": 2, "next_observation": 6}
    fields = arrays | ({extra: random.normal(size=(rows[extra], 2))} if extra else {})
    np.savez(tmp_path / "mine.npz", **fields)
    plain = Npz(path=str(tmp_path / "mine.npz")).load()
    monkeypatch.setattr("genpolicy.columns.BLOCK_BYTES", block)
    data = load(fields)
    assert data.fingerprint() == plain.fingerprint()
    assert (data.action_low, data.action_high) == (plain.action_low, plain.action_high)
    assert data.name == f"hdf5:{tmp_path / 'mine.hdf5'}"


def test_the_second_load_reads_no_arrays_of_the_file(load, arrays, tmp_path, monkeypatch):
    first = load(arrays, {"environment": '{"id": "Pendulum-v1", "horizon": 50}'})
    monkeypatch.setattr(hdf5, "transitions", None)
    second = Hdf5(path=str(tmp_path / "mine.hdf5")).load()
    assert seal_of(second.observation) is not None
    assert second.fingerprint() == first.fingerprint()
    assert second.environment == EnvironmentSpec(id="Pendulum-v1", horizon=50)


def test_a_file_that_was_changed_is_read_anew(load, arrays):
    assert load(arrays).reward.sum() == 10
    assert load(arrays, rewards=arrays["rewards"] + 1).reward.sum() == 15


@pytest.mark.parametrize("kind", ["attribute", "text", "bytes"])
def test_texts_may_be_attributes_or_datasets(load, arrays, kind):
    texts = {
        "environment": '{"id": "Pendulum-v1", "horizon": 50}',
        "reference": '{"random_return": -1200, "expert_return": -150, "source": "me"}',
    }
    if kind == "bytes":
        texts = {name: np.bytes_(text) for name, text in texts.items()}
    data = load(arrays, texts) if kind == "attribute" else load(arrays | texts)
    assert data.environment == EnvironmentSpec(id="Pendulum-v1", horizon=50)
    assert data.reference == Reference(random_return=-1200, expert_return=-150, source="me")


def test_bounds_may_be_attributes(load, arrays):
    low, high = np.float64([-3.0]), np.float64([2.0])
    data = load(arrays, {"action_low": low, "action_high": high})
    assert (data.action_low, data.action_high) == (low, high)


def test_a_written_dataset_reads_back_the_same(small, tmp_path):
    part = Hdf5(path=str(tmp_path / "deep" / "copy.hdf5"))
    part.write(small)
    copy = part.load()
    assert copy.fingerprint() == small.fingerprint()
    assert (copy.environment, copy.reference) == (small.environment, small.reference)
    assert np.array_equal(copy.action_low, small.action_low)
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["copy.hdf5"]


def test_steps_that_do_not_follow_one_another_read_back_the_same(small, tmp_path):
    order = np.random.default_rng(0).permutation(len(small))
    columns = {name: array[order] for name, array in small.columns.arrays().items()}
    shuffled = attrs.evolve(small, **columns)
    write_hdf5(shuffled, tmp_path / "shuffled.hdf5")
    copy = Hdf5(path=str(tmp_path / "shuffled.hdf5")).load()
    assert copy.fingerprint() == shuffled.fingerprint()


def test_the_same_data_is_written_as_the_same_bytes(small, tmp_path):
    for name in ("one.hdf5", "two.hdf5"):
        write_hdf5(small, tmp_path / name)
    assert (tmp_path / "one.hdf5").read_bytes() == (tmp_path / "two.hdf5").read_bytes()


def test_a_place_that_cannot_be_written_to_is_refused_in_words(small, tmp_path):
    (tmp_path / "file").touch()
    with refusal(f"'{tmp_path}/file/copy.hdf5' cannot be written: "):
        write_hdf5(small, tmp_path / "file" / "copy.hdf5")


def test_what_is_no_file_or_no_hdf5_is_refused_in_words(tmp_path):
    with refusal("dataset 'hdf5' needs a file: hdf5:FILE.hdf5"):
        Hdf5().load()
    with refusal(f"there is no file '{tmp_path}/mine.hdf5'"):
        Hdf5(path=str(tmp_path / "mine.hdf5")).load()
    (tmp_path / "mine.hdf5").write_bytes(b"no hdf5 at all")
    with refusal(f"'{tmp_path}/mine.hdf5' is not an HDF5 file, or a damaged one: "):
        Hdf5(path=str(tmp_path / "mine.hdf5")).load()


def test_a_truncated_file_is_refused_in_words(small, tmp_path):
    path = tmp_path / "mine.hdf5"
    write_hdf5(small, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with refusal("is not an HDF5 file, or a damaged one"):
        Hdf5(path=str(path)).load()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rewards": None}, "lacks the field 'reward'"),
        ({"actions": np.zeros((5, 1))}, "action must be a matrix, or an array of more dimensions"),
        ({"observations": np.full((6, 2), np.nan)}, "observation is not finite in 6 of 6 rows"),
        ({"terminals": np.full(6, 0.5)}, "terminal must hold 0 and 1 only"),
        ({"action_low": [-1.0, -1.0], "action_high": [1.0, 1.0]}, "actions have shape (1,)"),
    ],
)
def test_fields_that_are_missing_or_unfit_are_refused_in_words(load, arrays, changes, sentence):
    with refusal(sentence):
        load(arrays, **changes)
