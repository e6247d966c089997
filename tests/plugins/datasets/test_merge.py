import re

import attrs
import numpy as np
import pytest

from genpolicy.composition.choosing import choose_part
from genpolicy.dataset import EnvironmentSpec
from genpolicy.discovery import load_catalogue
from genpolicy.errors import DataError
from genpolicy_plugins.datasets.merge import Merge, merged
from genpolicy_plugins.datasets.npz_writer import write_npz


@pytest.fixture
def files(small, tmp_path):
    other = attrs.evolve(small, reward=small.reward + 1.0)
    paths = []
    for name, data in (("one", small), ("two+three", other)):
        write_npz(data, tmp_path / f"{name}.npz")
        paths.append(f"npz:{tmp_path / name}.npz")
    return paths


def chosen(name):
    return choose_part(load_catalogue(), "dataset", name, {}).recipe


def test_names_joined_by_a_plus_are_merged(files, small, tmp_path):
    recipe = chosen(f"{files[0]}+{files[0]}+{files[0]}")
    assert isinstance(recipe, Merge)
    data = recipe.load()
    assert data.name == f"merge:{files[0]}+{files[0]}+{files[0]}"
    assert np.array_equal(data.reward, np.tile(small.reward, 3))
    assert data.episodes == 3 * small.episodes


def test_a_file_may_have_a_plus_in_its_name(files):
    assert not isinstance(chosen(files[1]), Merge)
    assert len(chosen(files[1]).load()) > 0


def test_an_episode_does_not_go_on_in_the_next_dataset(small):
    loose = attrs.evolve(
        small, terminal=np.zeros(len(small), bool), timeout=np.zeros(len(small), bool)
    )
    data = merged("both", [loose, loose])
    assert np.flatnonzero(data.timeout).tolist() == [len(small) - 1, 2 * len(small) - 1]


def test_the_first_says_where_agents_are_scored(small):
    spec = EnvironmentSpec(id="Hopper-v5", horizon=9)
    scored = attrs.evolve(small, environment=spec)
    assert merged("both", [scored, scored]).environment == spec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action_high": np.full(2, 2.0, np.float32)}, r"actions up to \[1.0, 1.0\] and \[2.0, 2"),
        (
            {"environment": EnvironmentSpec(id="Ant-v5", horizon=9)},
            r"the environment .* and Ant-v5",
        ),
    ],
)
def test_data_of_different_tasks_are_refused(small, change, message):
    with pytest.raises(DataError, match=f"cannot be merged: {message}"):
        merged("both", [small, attrs.evolve(small, **change)])


@pytest.mark.parametrize("sources", ["", "npz:a.npz", "npz:a.npz+"])
def test_less_than_two_are_refused(sources):
    message = f"needs two datasets or more, as A+B; got {sources!r}"
    with pytest.raises(DataError, match=re.escape(message)):
        Merge(sources=sources).load()
