"""OGBench's data: made by its oracles, and read as OGBench's own loader reads them."""

import os
import shutil
import sys
from pathlib import Path

import attrs
import numpy as np
import pytest

from genpolicy.errors import DataError, OptionError
from genpolicy.evaluation.ogbench_names import OGBenchName
from genpolicy.making import made, make_at_once, partial_folder
from genpolicy_plugins.datasets import ogbench_files, ogbench_mazes, ogbench_tables
from genpolicy_plugins.datasets.npz import Npz
from genpolicy_plugins.datasets.ogbench import OGBench
from genpolicy_plugins.datasets.ogbench_episode import Episode
from genpolicy_plugins.datasets.ogbench_making import MADE, OGBenchMaker, maker_of

POINT = "pointmaze-medium-navigate-v0"
TABLES = ("cube-double-play-v0", "scene-play-v0", "puzzle-3x3-play-v0")

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def small(name, episode=100):
    return attrs.evolve(maker_of(OGBenchName.parse(name)), episode=episode, together=2)


def write(name, path: Path, transitions, episode):
    """Write a file of OGBench's kind and the one beside it that its own loader wants."""
    maker = small(name, episode)
    maker.write(make_at_once(maker, transitions=transitions), path)
    other, some = maker.validation(transitions)
    other.write(make_at_once(other, transitions=some), path.with_name(f"{path.stem}-val.npz"))
    return path


@pytest.fixture(scope="module")
def navigated(tmp_path_factory):
    return write(POINT, tmp_path_factory.mktemp("ogbench") / "x.npz", 1250, 100)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AGENT_CACHE", str(tmp_path / "cache"))


def assert_as_ogbench_loads_it(name, path):
    """Our transitions are OGBench's, number by number; its conventions are ours in other words."""
    import ogbench

    _, theirs, _ = ogbench.make_env_and_datasets(name, dataset_path=str(path))
    ours = OGBench(name=name, path=str(path)).load()
    for ours_name, name_there in (
        ("observation", "observations"),
        ("action", "actions"),
        ("reward", "rewards"),
        ("next_observation", "next_observations"),
    ):
        array = getattr(ours, ours_name)
        assert array.dtype == theirs[name_there].dtype == np.float32
        assert np.array_equal(array, theirs[name_there]), name_there
    assert np.array_equal(ours.terminal, theirs["masks"] == 0)
    assert np.array_equal(ours.timeout, (theirs["terminals"] == 1) & (theirs["masks"] == 1))
    return ours


@pytest.mark.parametrize("task", ["", "-task3"])
def test_a_maze_is_read_as_ogbenchs_own_loader_reads_it(navigated, task):
    data = assert_as_ogbench_loads_it(f"pointmaze-medium-navigate-singletask{task}-v0", navigated)
    assert len(data) == 1250
    assert {*np.unique(data.reward)} <= {-1.0, 0.0}
    assert np.array_equal(data.terminal, data.reward == 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_read_as_ogbenchs_own_loader_reads_it(name, tmp_path):
    path = write(name, tmp_path / "x.npz", 30, 12)
    data = assert_as_ogbench_loads_it(name.replace("play", "play-singletask-task2"), path)
    assert (len(data), data.action.shape[1]) == (30, 5)
    assert data.environment.factory == "ogbench"


def test_the_data_name_their_environment_and_the_benchmarks_version(navigated):
    import importlib.metadata

    data = OGBench(name="pointmaze-medium-navigate-v0", path=str(navigated)).load()
    assert data.name == "ogbench:pointmaze-medium-navigate-singletask-v0"
    assert data.environment.as_json() == {
        "id": "pointmaze-medium-navigate-singletask-v0",
        "kwargs": {},
        "observation_keys": [],
        "horizon": 1000,
        "factory": "ogbench",
        "version": importlib.metadata.version("ogbench"),
    }
    assert data.action_low.tolist() == [-1, -1]
    assert data.action_high.tolist() == [1, 1]


def test_a_task_is_named_in_the_name_or_by_the_option(navigated):
    path = str(navigated)
    named = OGBench(name="pointmaze-medium-navigate-singletask-task4-v0", path=path).load()
    optioned = OGBench(name=POINT, task=4, path=path).load()
    other = OGBench(name=POINT, task=5, path=path).load()
    assert named.name == optioned.name
    assert named.fingerprint() == optioned.fingerprint() != other.fingerprint()


def test_the_second_load_reads_what_the_first_one_stored(navigated, monkeypatch):
    first = OGBench(name=POINT, path=str(navigated)).load()
    monkeypatch.setattr("genpolicy_plugins.datasets.ogbench_reader.read_arrays", None)
    second = OGBench(name=POINT, path=str(navigated)).load()
    assert first.fingerprint() == second.fingerprint()


def test_rows_are_judged_alike_in_small_blocks_and_in_large_ones(navigated, monkeypatch):
    whole = OGBench(name=POINT, path=str(navigated)).load()
    monkeypatch.setattr("genpolicy_plugins.datasets.ogbench_reader._ROWS", 77)
    monkeypatch.setattr("genpolicy_plugins.datasets.ogbench_reader.LAYOUT", -1)
    assert OGBench(name=POINT, path=str(navigated)).load().fingerprint() == whole.fingerprint()


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({}, DataError, "'ogbench' needs a name: ogbench:"),
        ({"name": "cube"}, DataError, "names read like cube-single-play-v0"),
        ({"name": POINT, "path": "none.npz"}, DataError, "there is no file 'none.npz'"),
        (
            {"name": "pointmaze-medium-navigate-singletask-task1-v0", "task": 2},
            OptionError,
            r"dataset\.task=2 asks for another",
        ),
        (
            {"name": "pointmaze-meduim-navigate-v0", "path": "x.npz"},
            DataError,
            "no single task .* the nearest are pointmaze-medium-navigate-singletask",
        ),
        ({"name": "powderworld-easy-play-v0"}, DataError, "observes pixels"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, error, sentence):
    with pytest.raises(error, match=sentence):
        OGBench(**options).load()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"qpos": None, "terminals": None}, "is no file of OGBench's: it lacks terminals, qpos"),
        ({"actions": np.zeros((3, 2))}, "arrays of different lengths: observations 1263"),
        ({"terminals": np.zeros(1263)}, "each with terminals 1 in its last row"),
        ({"terminals": np.ones(1263)}, "trajectories of two rows and more"),
    ],
)
def test_a_file_of_another_kind_is_refused(navigated, tmp_path, change, sentence):
    with np.load(navigated) as found:
        arrays = {name: found[name] for name in found.files} | change
    path = tmp_path / "other.npz"
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(DataError, match=sentence):
        OGBench(name=POINT, path=str(path)).load()


def test_ogbenchs_own_folder_is_looked_into(navigated, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".ogbench" / "data"
    folder.mkdir(parents=True)
    shutil.copy(navigated, folder / f"{POINT}.npz")
    assert len(OGBench(name=POINT).load()) == 1250


def test_offline_a_sentence_says_what_would_work(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(ogbench_files, "_URL", "http://localhost:9")
    with pytest.raises(DataError, match=r"cannot be downloaded from http.*9/pointmaze.*make data"):
        OGBench(name=POINT).load()


def test_without_the_package_a_sentence_says_how_to_get_it(navigated, monkeypatch):
    monkeypatch.setitem(sys.modules, "ogbench", None)
    with pytest.raises(DataError, match=r"`pip install 'genpolicy\[ogbench\]'`"):
        OGBench(name=POINT, path=str(navigated)).load()


def test_settings_are_the_published_ones():
    assert ogbench_mazes.NOISE == 0.5
    assert (ogbench_tables.NOISE, ogbench_tables.SMOOTHING) == (0.1, 0.5)
    for name in MADE:
        maker = maker_of(OGBenchName.parse(name))
        assert (maker.transitions, maker.episode) == (1_000_000, 1000)
        assert maker.validation(1_000_000)[1] == 100_000


def test_the_file_holds_what_ogbenchs_files_hold(navigated):
    with np.load(navigated) as found:
        types = {name: (found[name].dtype.name, found[name].shape[1:]) for name in found.files}
        ends = np.flatnonzero(found["terminals"])
        steps = np.diff(found["observations"], axis=0)
    assert types == {
        "observations": ("float32", (2,)),
        "actions": ("float32", (2,)),
        "terminals": ("bool", ()),
        "qpos": ("float32", (2,)),
        "qvel": ("float32", (2,)),
    }
    assert ends.tolist() == [*range(100, 1212, 101), 1262]
    within = np.setdiff1d(np.arange(1262), ends)
    assert np.abs(steps[within]).max() < 0.5  # a walk, with jumps between episodes alone
    assert np.abs(steps[ends[:-1]]).max() > 0.5


def test_walks_reach_goal_after_goal():
    """With noise or without, the point is soon at each of the places it is sent to."""
    maker = small("pointmaze-large-navigate-v0", 600)
    shards = make_at_once(maker, transitions=600)
    places = np.unique((shards.whole("observations") / 4).round(), axis=0)
    assert len(places) > 15


@pytest.mark.slow
def test_an_arm_moves_alike_from_the_same_seed():
    maker = small("cube-single-play-v0", 4)
    one, other = (make_at_once(maker, transitions=12, seed=3) for _ in range(2))
    assert len(maker.shards(12, 3)) == 2
    for name in one.names():
        assert np.array_equal(one.whole(name), other.whole(name))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_in_one_process_or_two(tmp_path):
    maker = small(POINT, 4)
    shards, files = maker.shards(14, 3), []
    for jobs in (1, 2):
        file = tmp_path / f"{jobs}.npz"
        with made(maker, shards, partial_folder(file), jobs=jobs) as there:
            maker.write(there, file)
        files.append(file.read_bytes())
    assert files[0] == files[1]
    assert len(os.listdir(tmp_path)) == 2


def test_seeds_and_validation_data_differ_from_one_another():
    maker = small(POINT, 8)
    kinds = [(maker, 0), (maker, 1), (maker.validation(80)[0], 0)]
    first = [make_at_once(m, transitions=8, seed=seed).whole("actions") for m, seed in kinds]
    assert len({array.tobytes() for array in first}) == 3


def test_global_random_numbers_are_left_alone():
    np.random.seed(5)
    make_at_once(small(POINT, 8), transitions=20)
    assert np.random.rand() == np.random.RandomState(5).rand()


def test_a_hallway_is_no_goal():
    corridor = np.array([[1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 1, 1, 0, 1], [1, 1, 1, 1, 1]])
    ways = [
        cell
        for cell in ((1, 1), (1, 2), (1, 3), (2, 3))
        if ogbench_mazes._is_hallway(corridor, cell)
    ]
    assert ways == [(1, 2)]


@pytest.mark.parametrize(
    ("y", "z", "seen"),
    [(0.0, 0.02, True), (0.3, 0.02, False), (-0.35, 0.02, False), (-0.35, 0.07, True)],
)
def test_a_cube_out_of_sight_spoils_an_episode(y, z, seen):
    episode, place = Episode(), np.zeros(25)
    place[14:17] = 0.4, y, z
    for qpos in (np.full(25, 0.02), place):
        episode.add(np.zeros(3), np.zeros(5), {"prev_qpos": qpos, "prev_qvel": np.zeros(24)})
    assert ogbench_tables._in_sight(episode) is seen


def test_what_others_made_cannot_be_made_here():
    with pytest.raises(DataError, match=r"'antmaze-large.* cannot be made .* scene-play"):
        OGBench(name="antmaze-large-navigate-v0").maker()


def test_making_no_transitions_is_refused():
    with pytest.raises(OptionError, match="needs transitions ≥ 1; got 0"):
        OGBenchMaker(name=OGBenchName.parse(POINT)).shards(0, 0)


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    maker = small(POINT, 4)
    with pytest.raises(DataError, match="cannot be written"):
        maker.write(make_at_once(maker, transitions=4), tmp_path / "file" / "x.npz")


def test_ones_own_file_can_name_ogbench_as_the_maker_of_its_environment(navigated, tmp_path):
    data = OGBench(name=POINT, path=str(navigated)).load()
    npz = Npz(path=str(tmp_path / "mine.npz"))
    npz.write(data)
    assert npz.load().environment == data.environment
    assert npz.load().fingerprint() == data.fingerprint()
