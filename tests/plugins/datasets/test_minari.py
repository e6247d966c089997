import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import attrs
import gymnasium
import minari
import numpy as np
import pytest
from gymnasium import spaces
from huggingface_hub import constants
from minari.data_collector import EpisodeBuffer
from minari.dataset._storages.hdf5_storage import HDF5Storage
from minari.storage import remotes

from genpolicy.errors import DataError
from genpolicy.evaluation import Evaluator, Protocol
from genpolicy_plugins.datasets import minari_source
from genpolicy_plugins.datasets.mazes import UMAZE
from genpolicy_plugins.datasets.minari import Minari, read_minari
from genpolicy_plugins.datasets.minari_writer import write_minari
from genpolicy_plugins.datasets.pointmaze import UMaze
from genpolicy_plugins.datasets.references import reference_of

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

BOX = spaces.Box(-2.0, 3.0, (1,), np.float32)


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """Minari keeps its data in a folder of the test, and nobody answers on the network."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    monkeypatch.setenv("AGENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MINARI_REMOTE", raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")


def episode(length, *, observations=None, terminal=False, cut=True):
    flags = np.zeros(length, bool)
    ends = flags.copy()
    ends[-1:] = True
    return EpisodeBuffer(
        observations=np.arange(length + 1.0)[:, None] if observations is None else observations,
        actions=np.full((length, 1), 0.5, np.float32),
        rewards=np.arange(length, dtype=np.float64),
        terminations=ends if terminal else flags,
        truncations=ends if cut else flags,
    )


def create(episodes, *, name="mine-v0", space=None, actions=BOX, **options):
    minari.create_dataset_from_buffers(
        name,
        episodes,
        observation_space=space or spaces.Box(-np.inf, np.inf, (1,), np.float64),
        action_space=actions,
        **({"data_format": "hdf5"} | options),
    )


def load():
    return Minari(id="mine-v0").load()


def refusal(words):
    return pytest.raises(DataError, match=re.escape(words))


def test_a_written_dataset_reads_back_the_same(small):
    part = Minari(id="pointmaze/umaze-v0")
    part.write(small)
    copy = part.load()
    assert copy.fingerprint() == small.fingerprint()
    assert copy.name == "minari:pointmaze/umaze-v0"
    assert np.array_equal(copy.action_low, small.action_low)
    assert np.array_equal(copy.action_high, small.action_high)


@pytest.mark.slow
def test_the_shipped_data_survives_minari():
    data = UMaze().load()
    write_minari(data, "pointmaze/umaze-v1")
    assert Minari(id="pointmaze/umaze-v1").load().fingerprint() == data.fingerprint()


def test_a_written_dataset_keeps_its_environment_and_reference(small):
    write_minari(small, "mine-v0")
    copy = load()
    assert copy.environment.id == UMAZE.scored.id
    assert copy.environment.kwargs.items() >= UMAZE.scored.kwargs.items()
    assert copy.environment.observation_keys == UMAZE.scored.observation_keys
    assert copy.environment.horizon == UMAZE.scored.horizon
    assert copy.reference.random_return == small.reference.random_return
    assert copy.reference.expert_return == small.reference.expert_return
    evaluator = Evaluator.of(copy, Protocol(episodes=1))
    assert evaluator.evaluate(lambda seen, _: np.zeros((len(seen), 2))).episodes[0].length == 300
    evaluator.close()


def test_data_without_an_environment_reads_back_the_same(small):
    write_minari(attrs.evolve(small, environment=None), "mine-v0")
    copy = load()
    assert copy.fingerprint() == small.fingerprint()
    assert (copy.environment, copy.reference) == (None, None)


def test_a_dataset_with_terminals_reads_back_the_same(small):
    ended = attrs.evolve(small, terminal=small.timeout, timeout=np.zeros(len(small), bool))
    write_minari(ended, "mine-v0")
    assert load().fingerprint() == ended.fingerprint()


def test_terminals_and_truncations_are_told_apart():
    create([episode(2, terminal=True), episode(3), episode(1, terminal=True, cut=False)])
    data = load()
    assert np.flatnonzero(data.terminal).tolist() == [1, 5]
    assert np.flatnonzero(data.timeout).tolist() == [4]
    assert data.next_observation[:, 0].tolist() == [1, 2, 1, 2, 3, 1]


def test_an_episode_that_just_stops_was_cut():
    create([episode(2, cut=False), episode(2)])
    assert np.flatnonzero(load().timeout).tolist() == [1, 3]


def test_actions_keep_their_box():
    create([episode(2)])
    data = load()
    assert (data.action_low.tolist(), data.action_high.tolist()) == ([-2.0], [3.0])


def test_of_a_goal_observation_the_achieved_goal_is_left_out():
    keys = ("observation", "achieved_goal", "desired_goal")
    seen = {key: np.full((3, 2), float(number)) for number, key in enumerate(keys)}
    space = spaces.Dict({key: spaces.Box(-np.inf, np.inf, (2,)) for key in keys})
    create([episode(2, observations=seen)], space=space)
    assert load().observation[0].tolist() == [0, 0, 2, 2]


def test_any_dictionary_of_arrays_is_flattened():
    seen = {"b": np.full((3, 1), 2.0), "a": np.ones((3, 2, 2))}
    space = spaces.Dict(a=spaces.Box(-9, 9, (2, 2)), b=spaces.Box(-9, 9, (1,)))
    create([episode(2, observations=seen)], space=space)
    assert load().observation[0].tolist() == [1, 1, 1, 1, 2]


def test_the_evaluation_environment_is_preferred_to_the_one_of_the_data():
    pendulum = gymnasium.spec("Pendulum-v1")
    long = gymnasium.make("Pendulum-v1", max_episode_steps=999).spec
    create([episode(2)], env=long, eval_env=pendulum)
    assert (load().environment.id, load().environment.horizon) == ("Pendulum-v1", 200)


def test_an_endless_limit_gives_way_to_the_longest_episode():
    create(
        [episode(2), episode(4)], env=gymnasium.make("Pendulum-v1", max_episode_steps=10**6).spec
    )
    assert load().environment.horizon == 4


def test_the_horizon_can_be_set():
    create([episode(2)], env=gymnasium.spec("Pendulum-v1"))
    assert Minari(id="mine-v0", horizon=17).prepare().environment.horizon == 17


def test_an_environment_behind_wrappers_is_not_taken_for_the_bare_one():
    wrapped = gymnasium.wrappers.RescaleAction(gymnasium.make("Pendulum-v1"), -1.0, 1.0)
    create([episode(2)], env=wrapped.spec)
    assert load().environment is None


def test_no_id_is_refused(small):
    for attempt in (Minari().load, lambda: Minari().write(small)):
        with refusal("dataset 'minari' needs an id: minari:NAMESPACE/NAME-v0"):
            attempt()


def test_an_unknown_dataset_is_refused_quickly_without_a_network():
    create([episode(2)])
    start = time.perf_counter()
    with refusal("'D4RL/door/human-v2' is not on this machine and cannot be downloaded (http") as e:
        Minari(id="D4RL/door/human-v2").load()
    assert "does not answer" in str(e.value)
    assert str(e.value).endswith("on this machine are: mine-v0")
    assert time.perf_counter() - start < 10


def test_a_broken_remote_is_refused_in_words(monkeypatch):
    monkeypatch.setenv("MINARI_REMOTE", "carrier-pigeon://loft")
    with refusal("(remotes read hf://USER or gs://BUCKET, not carrier-pigeon://loft)") as e:
        load()
    assert str(e.value).endswith("on this machine are: none")


def test_a_broken_remote_does_not_matter_to_what_is_here(monkeypatch):
    create([episode(2)])
    monkeypatch.setenv("MINARI_REMOTE", "carrier-pigeon://loft")
    assert len(load()) == 2


@pytest.mark.parametrize("name", ["hf://", "hf://user", "hf://user/", "hf:///mine-v0"])
def test_a_remote_without_a_user_or_a_dataset_is_refused(name):
    with refusal(f"reads hf://USER/NAMESPACE/NAME-v0; got {name!r}"):
        Minari(id=name).load()


@pytest.mark.parametrize("remote", ["hf://user", "gs://bucket"])
def test_a_silent_remote_is_refused_quickly(remote, monkeypatch):
    monkeypatch.setattr(minari_source, "_GOOGLE", "http://127.0.0.1:9")
    start = time.perf_counter()
    with refusal(f"'{remote}/mine-v0' is not on this machine and cannot be downloaded (http"):
        Minari(id=f"{remote}/mine-v0").load()
    assert time.perf_counter() - start < 10


class Shelf:
    """A remote whose datasets lie in a folder."""

    root: Path

    def __init__(self, name, token=None):
        self._folder = self.root / name

    def list_datasets(self, prefix=None):
        found = [file.parents[1] for file in self._folder.rglob("metadata.json")]
        names = [each.relative_to(self._folder).as_posix() for each in found]
        return [name for name in names if name.startswith(prefix or "")]

    def get_dataset_metadata(self, dataset_id):
        return json.loads((self._folder / dataset_id / "data" / "metadata.json").read_text())

    def download_dataset(self, dataset_id, path):
        shutil.copytree(self._folder / dataset_id, path / dataset_id)

    def list_namespaces(self):
        return [file.parent.name for file in self._folder.rglob("namespace_metadata.json")]

    def download_namespace_metadata(self, namespace, path):
        name = "namespace_metadata.json"
        shutil.copy(self._folder / namespace / name, path / namespace / name)


@pytest.fixture
def shelves(tmp_path, monkeypatch):
    """Two people's remotes, each with a dataset of the same id."""
    Shelf.root = tmp_path / "shelves"
    monkeypatch.setattr(minari_source, "_reach", lambda remote: None)
    for kind in ("hf", "gcp"):
        monkeypatch.setitem(remotes._registry, kind, lambda: Shelf)
    for owner, length in (("ada", 2), ("bob", 3)):
        monkeypatch.setenv("MINARI_DATASETS_PATH", str(Shelf.root / owner))
        create([episode(length)], name="lab/mine-v0")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))


def test_other_remotes_are_reached_and_kept_apart(shelves):
    create([episode(5)], name="lab/mine-v0")
    for _ in range(2):
        ada = Minari(id="hf://ada/lab/mine-v0").load()
        bob = Minari(id="gs://bob/lab/mine-v0").load()
        own = Minari(id="lab/mine-v0").load()
        assert (len(ada), len(bob), len(own)) == (2, 3, 5)
        assert ada.name == "minari:hf://ada/lab/mine-v0"
    assert list(minari.list_local_datasets()) == ["lab/mine-v0"]
    assert "MINARI_REMOTE" not in os.environ


@pytest.mark.parametrize("remote", ["gs://bob", "gcp://bob"])
def test_the_usual_remote_can_be_another_one(shelves, monkeypatch, remote):
    monkeypatch.setenv("MINARI_REMOTE", remote)
    assert len(Minari(id="gs://bob/lab/mine-v0").load()) == 3
    assert len(Minari(id="lab/mine-v0").load()) == 3
    assert list(minari.list_local_datasets()) == ["lab/mine-v0"]


def test_what_a_remote_does_not_hold_is_refused(shelves):
    with refusal("'hf://ada/lab/other-v0' is not on this machine and cannot be downloaded (Could"):
        Minari(id="hf://ada/lab/other-v0").load()


def test_a_second_load_reads_what_the_first_has_stored(monkeypatch):
    create([episode(2), episode(3)])
    first = load()
    monkeypatch.setattr(HDF5Storage, "get_episodes", None)
    second = load()
    assert second.fingerprint() == first.fingerprint()
    assert second.environment == first.environment


def test_a_dataset_that_was_written_anew_is_read_anew(tmp_path):
    create([episode(2)])
    assert len(load()) == 2
    shutil.rmtree(tmp_path / "minari" / "mine-v0")
    create([episode(3)])
    assert len(load()) == 3


def test_long_episodes_and_many_are_read_in_pieces(monkeypatch):
    episodes = [episode(7), episode(1, terminal=True), episode(9), episode(4)]
    create(episodes)
    whole = load()
    monkeypatch.setattr("genpolicy_plugins.datasets.minari._ROWS", 2)
    monkeypatch.setattr("genpolicy_plugins.datasets.minari._OPENED", 1)
    monkeypatch.setattr("genpolicy_plugins.datasets.minari._LAYOUT", 0)
    pieces = load()
    assert pieces.fingerprint() == whole.fingerprint()
    assert np.flatnonzero(pieces.terminal | pieces.timeout).tolist() == [6, 7, 16, 20]


def test_observations_that_do_not_fit_the_steps_are_refused():
    create([episode(2), episode(3, observations=np.zeros((3, 1)))])
    with refusal("episode 1 has 3 steps, but 3 observations in place of 4"):
        load()


MEASURED = """
import threading, time
import gymnasium, h5py, minari
from genpolicy_plugins.datasets.minari import Minari

def held():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))

def watch():
    while not done.wait(0.002):
        held_most[0] = max(held_most[0], held())

done, before, held_most = threading.Event(), held(), [0]
watcher = threading.Thread(target=watch)
watcher.start()
data = Minari(id="mine-v0").load()
done.set()
watcher.join()
arrays = sum(array.nbytes for array in data.columns.arrays().values())
print((held_most[0] - before) / arrays)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measures memory as Linux does")
def test_the_first_load_holds_little_in_memory():
    seen = np.random.default_rng(0).standard_normal((151, 18))
    space = spaces.Box(-np.inf, np.inf, (18,))
    create([episode(150, observations=seen) for _ in range(800)], space=space)
    done = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True)
    assert float(done.stdout.splitlines()[-1]) < 1.5, done.stderr


def test_returns_that_the_file_tells_win_over_the_table():
    scores = {"ref_min_score": 1.0, "ref_max_score": 9.0}
    hopper = gymnasium.spec("Hopper-v5")
    create([episode(2)], name="mujoco/hopper/x-v0", eval_env=hopper, **scores)
    told = Minari(id="mujoco/hopper/x-v0").load().reference
    assert (told.random_return, told.expert_return) == (1.0, 9.0)
    create([episode(2)], name="mujoco/hopper/y-v0")
    assert Minari(id="mujoco/hopper/y-v0").load().reference == reference_of(
        "minari:mujoco/hopper/y-v0"
    )
    create([episode(2)])
    assert load().reference is None


def test_a_folder_that_minari_cannot_list_hides_no_refusal(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_REMOTE", "carrier-pigeon://loft")
    create([episode(2)])
    shutil.copytree(tmp_path / "minari" / "mine-v0", tmp_path / "minari" / "unversioned")
    with refusal("'other-v0' is not on this machine and cannot be downloaded") as e:
        Minari(id="other-v0").load()
    assert "on this machine are: " in str(e.value)


def test_a_damaged_dataset_is_refused(tmp_path):
    create([episode(2)])
    (tmp_path / "minari" / "mine-v0" / "data" / "main_data.hdf5").write_bytes(b"damaged")
    with refusal("Minari dataset 'mine-v0' cannot be read (it lies in ") as e:
        load()
    assert f"{tmp_path / 'minari' / 'mine-v0'}): " in str(e.value)


def test_a_dataset_without_episodes_is_refused():
    create([])
    with refusal("Minari dataset 'mine-v0' has no episodes"):
        load()


def test_observations_that_are_no_arrays_are_refused():
    seen = np.zeros(3, np.int64)
    create([episode(2, observations=seen)], space=spaces.Discrete(3))
    with refusal("observes Discrete(3); only arrays and dictionaries of arrays can be read"):
        load()


def test_actions_without_bounds_are_refused():
    create([episode(2)], actions=spaces.Box(-np.inf, np.inf, (1,), np.float32))
    with refusal("only continuous actions between bounds can be learnt"):
        load()


def test_nan_is_refused():
    create([episode(2, observations=np.array([[0.0], [np.nan], [1.0]]))])
    with refusal("dataset 'minari:mine-v0': observation is not finite in 1 of 2 rows"):
        load()


def test_an_id_that_is_taken_is_refused(small):
    write_minari(small, "mine-v0")
    with refusal("Minari dataset 'mine-v0' cannot be written: "):
        write_minari(small, "mine-v0")


def test_an_id_that_minari_cannot_read_is_refused(small):
    with refusal("Minari dataset 'no version' cannot be written: "):
        write_minari(small, "no version")


def test_steps_that_do_not_follow_one_another_are_refused(small):
    backwards = attrs.evolve(small, next_observation=small.observation[::-1].copy())
    with refusal("cannot be written for Minari: some step is followed by something else"):
        write_minari(backwards, "mine-v0")


def test_other_storage_than_hdf5_is_refused(monkeypatch):
    create([episode(2)])
    opened = minari.load_dataset("mine-v0")
    monkeypatch.setattr(type(opened.storage), "FORMAT", "arrow")
    with refusal("is stored as arrow, which cuts long episodes short; only HDF5 storage is read"):
        read_minari(opened, name="minari:mine-v0")


@pytest.mark.parametrize(
    "name", ["maze", "lab/maze", "x/maze-v0", "a.b/maze-v0", "hf://me/maze-v0"]
)
def test_an_id_that_cannot_be_read_is_refused_before_anything_is_written(small, tmp_path, name):
    with refusal(
        "reads NAMESPACE/NAME-v0, with its version at the end and a namespace of two lett"
    ):
        Minari(id=name).write(small)
    assert not (tmp_path / "minari").exists()


@pytest.mark.parametrize("name", ["m-v0", "ab/m-v0", "ab/c/m-v12"])
def test_an_id_that_minari_takes_is_taken(small, name):
    Minari(id=name).write(small)
    assert len(Minari(id=name).load()) == len(small)


def test_nothing_is_left_of_what_cannot_be_written(small, tmp_path, monkeypatch):
    def fail(self, episodes):
        next(iter(episodes))
        raise OSError("the disk is full")

    monkeypatch.setattr(HDF5Storage, "update_episodes", fail)
    with refusal("Minari dataset 'lab/mine-v0' cannot be written: the disk is full"):
        write_minari(small, "lab/mine-v0")
    assert not (tmp_path / "minari" / "lab" / "mine-v0").exists()
