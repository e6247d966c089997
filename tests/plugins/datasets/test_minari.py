import re
import shutil
import time

import attrs
import gymnasium
import minari
import numpy as np
import pytest
from gymnasium import spaces
from huggingface_hub import constants
from minari.data_collector import EpisodeBuffer

from genpolicy.errors import DataError
from genpolicy.evaluation import Evaluator, Protocol
from genpolicy_plugins.datasets.mazes import UMAZE
from genpolicy_plugins.datasets.minari import Minari, read_minari
from genpolicy_plugins.datasets.minari_writer import write_minari
from genpolicy_plugins.datasets.pointmaze import UMaze

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

BOX = spaces.Box(-2.0, 3.0, (1,), np.float32)


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """Minari keeps its data in a folder of the test, and nobody answers on the network."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
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


def create(episodes, *, space=None, actions=BOX, **options):
    minari.create_dataset_from_buffers(
        "mine-v0",
        episodes,
        observation_space=space or spaces.Box(-np.inf, np.inf, (1,), np.float64),
        action_space=actions,
        **({"data_format": "hdf5"} | options),
    )


def load(**options):
    return Minari(id="mine-v0", **options).load()


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
    assert load(horizon=17).environment.horizon == 17


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
    with refusal("'mine-v0' is not on this machine and cannot be downloaded") as e:
        load()
    assert str(e.value).endswith("on this machine are: none")


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
    with refusal("Minari dataset 'mine-v0' cannot be read: "):
        load()


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
        read_minari(opened)


def test_an_id_without_a_version_is_refused_before_anything_is_written(small):
    with pytest.raises(DataError, match="reads NAMESPACE/NAME-v0, with its version at the end"):
        Minari(id="maze").write(small)
