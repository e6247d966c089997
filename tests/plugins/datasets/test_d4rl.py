import functools
import http.server
import io
import re
import threading
from typing import ClassVar

import h5py
import numpy as np
import pytest

from genpolicy.errors import DataError
from genpolicy.evaluation import make_environment
from genpolicy.testing import DatasetSuite
from genpolicy_plugins.datasets.d4rl import D4RL
from genpolicy_plugins.datasets.d4rl_names import d4rl_file, d4rl_files, local_names
from genpolicy_plugins.datasets.references import reference_of


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AGENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("AGENT_D4RL", raising=False)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / ".d4rl" / "datasets"
    folder.mkdir(parents=True)
    return folder


def refusal(sentence):
    return pytest.raises(DataError, match=re.escape(sentence))


def steps(rows, *, terminals=(), timeouts=None, following=False, seed=0):
    """A file's arrays in D4RL's plural, with a step that is its own number for a reward."""
    random = np.random.default_rng(seed)
    arrays = {
        "observations": random.normal(size=(rows, 4)),
        "actions": random.uniform(-1, 1, (rows, 2)).astype(np.float32),
        "rewards": np.arange(rows, dtype=np.float32),
        "terminals": np.isin(np.arange(rows), terminals),
    }
    if timeouts is not None:
        arrays["timeouts"] = np.isin(np.arange(rows), timeouts)
    if following:
        arrays["next_observations"] = random.normal(size=(rows, 4))
    return arrays


def write(folder, name, arrays):
    path = folder / d4rl_file(name).file.rpartition("/")[2]
    with h5py.File(path, "w") as file:
        for key, array in arrays.items():
            file[key] = array
        file["infos/goal"] = np.zeros((len(arrays["rewards"]), 2))
        file["metadata/algorithm"] = "SAC"
    return path


def plainly(arrays, horizon):
    """What D4RL makes of a file, step by step: (row, successor or None, terminal, cut)."""
    kept, step = [], 0
    for row in range(len(arrays["rewards"])):
        terminal = bool(arrays["terminals"][row])
        final = bool(arrays["timeouts"][row]) if "timeouts" in arrays else step == horizon - 1
        last = row == len(arrays["rewards"]) - 1
        step = 0 if terminal or final else step + 1
        if final or last:
            if kept and kept[-1][0] == row - 1 and not kept[-1][2]:
                kept[-1] = (*kept[-1][:3], True)
            continue
        kept.append((row, None if terminal else row + 1, terminal, False))
    return kept


class TestD4RL(DatasetSuite):
    @pytest.fixture
    def part(self, folder):
        write(folder, "maze2d-umaze-v1", steps(900, timeouts=(91, 144, 230)))
        return D4RL(name="maze2d-umaze-v1")


FILES = {
    "v0, cut by its horizon alone": ("hopper-medium-v0", steps(3205, terminals=(210, 1210, 1900))),
    "v0, a terminal at the horizon": ("hopper-medium-v0", steps(1500, terminals=(999,))),
    "v1, with time-outs": ("pen-human-v1", steps(400, timeouts=(99, 180, 399))),
    "v2": (
        "hopper-medium-v2",
        steps(3000, terminals=(7, 8, 500), timeouts=(8, 1500, 2999), following=True),
    ),
    "antmaze, with many terminals in a row": (
        "antmaze-umaze-v0",
        steps(2100, terminals=(*range(300, 340), 1200), timeouts=(699, 1399, 2099)),
    ),
    "maze2d, without terminals": ("maze2d-umaze-v1", steps(900, timeouts=(91, 144, 230))),
    "kitchen": ("kitchen-mixed-v0", steps(600, terminals=(150, 330, 599))),
}


@pytest.mark.parametrize("block", [1 << 20, 2000], ids=["whole", "in blocks"])
@pytest.mark.parametrize(("name", "arrays"), FILES.values(), ids=FILES)
def test_it_makes_of_a_file_what_d4rl_makes_of_it(name, arrays, block, folder, monkeypatch):
    monkeypatch.setattr("genpolicy.columns.BLOCK_BYTES", block)
    write(folder, name, arrays)
    data, kept = D4RL(name=name).load(), plainly(arrays, d4rl_file(name).horizon)
    rows, following, terminal, cut = (list(each) for each in zip(*kept, strict=True))
    told = arrays.get("next_observations", arrays["observations"])
    successors = [
        told[row] if then is None else arrays["observations"][then]
        for row, then in zip(rows, following, strict=True)
    ]
    assert data.reward.tolist() == rows
    assert np.array_equal(data.observation, arrays["observations"][rows].astype(np.float32))
    assert np.array_equal(data.action, arrays["actions"][rows])
    assert np.array_equal(data.next_observation, np.array(successors, np.float32))
    assert data.terminal.tolist() == terminal
    assert data.timeout.tolist() == cut


def test_flags_and_rewards_may_be_columns_of_floats(folder):
    arrays = steps(50, terminals=(20,), timeouts=(40,))
    write(folder, "door-human-v1", arrays)
    plain = D4RL(name="door-human-v1").load().fingerprint()
    for name in ("terminals", "timeouts", "rewards"):
        arrays[name] = arrays[name].astype(np.float64)[:, None]
    write(folder, "door-human-v1", arrays)
    assert D4RL(name="door-human-v1").load().fingerprint() == plain


def test_it_has_the_name_the_reference_and_the_successor_of_its_environment(folder):
    write(folder, "hopper-medium-v2", steps(50))
    data = D4RL(name="hopper-medium-v2").load()
    assert data.name == "d4rl:hopper-medium-v2"
    assert data.reference == reference_of("d4rl:hopper-medium-v2")
    assert (data.environment.id, data.environment.horizon) == ("Hopper-v5", 1000)
    assert data.environment.as_json()["note"] == (
        "the data came from D4RL's Hopper, an older version of this environment"
    )
    assert type(data.environment).of_json(data.environment.as_json()) == data.environment


OBSERVED = {
    "hopper-medium-v2": 11,
    "halfcheetah-medium-v2": 17,
    "walker2d-medium-v2": 17,
    "pen-human-v1": 45,
    "hammer-human-v1": 46,
    "door-human-v1": 39,
    "relocate-human-v1": 39,
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "numbers"), OBSERVED.items())
def test_a_successor_observes_as_many_numbers_as_the_data(name, numbers):
    spec = d4rl_file(name).environment
    environment = make_environment(spec)
    assert environment.observation_space.shape == (numbers,)
    assert np.array_equal(environment.action_space.high, np.ones(environment.action_space.shape))
    environment.close()


@pytest.mark.parametrize(
    "name", ["antmaze-umaze-v2", "maze2d-umaze-v1", "kitchen-mixed-v0", "ant-medium-v2"]
)
def test_where_todays_environment_observes_other_numbers_there_is_none(name):
    assert d4rl_file(name).environment is None


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("hopper-medium-v0", "gym_mujoco/hopper_medium.hdf5"),
        ("walker2d-medium-replay-v0", "gym_mujoco/walker_mixed.hdf5"),
        ("halfcheetah-medium-replay-v2", "gym_mujoco_v2/halfcheetah_medium_replay-v2.hdf5"),
        ("hopper-full-replay-v1", "gym_mujoco_v1/hopper_full_replay-v1.hdf5"),
        ("pen-human-v0", "hand_dapg/pen-v0_demos_clipped.hdf5"),
        ("pen-cloned-v0", "hand_dapg/pen-demos-v0-bc-combined.hdf5"),
        ("pen-human-v1", "hand_dapg_v1/pen-human-v1.hdf5"),
        (
            "antmaze-medium-play-v2",
            "ant_maze_v2/Ant_maze_big-maze_noisy_multistart_True_multigoal_False_sparse_fixed.hdf5",
        ),
        (
            "antmaze-umaze-v0",
            "ant_maze_new/Ant_maze_u-maze_noisy_multistart_False_multigoal_False_sparse.hdf5",
        ),
        ("maze2d-large-v1", "maze2d/maze2d-large-sparse-v1.hdf5"),
        ("maze2d-open-dense-v0", "maze2d/maze2d-open-dense.hdf5"),
        (
            "kitchen-mixed-v0",
            "kitchen/kitchen_microwave_kettle_bottomburner_light-v0.hdf5",
        ),
    ],
)
def test_files_go_by_d4rls_names(name, file):
    assert d4rl_file(name).file == file


def test_no_two_datasets_have_one_file():
    files = [each.file for each in d4rl_files().values()]
    assert len(set(files)) == len(files) > 100


@pytest.mark.parametrize("place", ["hopper_medium-v2.hdf5", "gym_mujoco_v2/hopper_medium-v2.hdf5"])
@pytest.mark.parametrize("way", ["option", "variable"])
def test_its_folder_can_be_named(place, way, tmp_path, monkeypatch):
    write(tmp_path, "hopper-medium-v2", steps(50))
    target = tmp_path / "mine" / place
    target.parent.mkdir(parents=True)
    (tmp_path / "hopper_medium-v2.hdf5").rename(target)
    monkeypatch.setenv("AGENT_D4RL", str(tmp_path / "mine") if way == "variable" else "nowhere")
    source = str(tmp_path / "mine") if way == "option" else ""
    assert len(D4RL(name="hopper-medium-v2", source=source).load()) == 49
    assert local_names() == (["hopper-medium-v2"] if way == "variable" else [])


def test_one_file_can_be_named(tmp_path):
    path = write(tmp_path, "hopper-medium-v2", steps(50))
    assert len(D4RL(name="hopper-medium-v2", source=str(path)).load()) == 49


def test_what_is_not_there_is_refused_in_words(tmp_path):
    with refusal("dataset 'd4rl' needs a name: d4rl:hopper-medium-v2"):
        D4RL().load()
    with refusal("D4RL has no dataset 'hoper-medium-v2'; did you mean 'hopper-medium-v2'?"):
        D4RL(name="hoper-medium-v2").load()
    with refusal(
        f"D4RL's 'hopper-medium-v2' is not in '{tmp_path}/.d4rl/datasets', which has no "
        "'hopper_medium-v2.hdf5'; name its folder with dataset.source=FOLDER, or let it be "
        "downloaded with dataset.source=http://rail.eecs.berkeley.edu/datasets/offline_rl"
    ):
        D4RL(name="hopper-medium-v2").load()


@pytest.fixture
def host(tmp_path):
    """A server of the files in a folder, by its address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_it_is_downloaded_once(host, tmp_path):
    served, address = host
    (served / "gym_mujoco_v2").mkdir()
    path = write(served / "gym_mujoco_v2", "hopper-medium-v2", steps(50))
    part = D4RL(name="hopper-medium-v2", source=f"{address}/")
    first = part.load()
    path.unlink()
    assert part.load().fingerprint() == first.fingerprint()
    (kept,) = (tmp_path / "cache" / "downloads").iterdir()
    assert kept.name.endswith("-hopper_medium-v2.hdf5")


def test_one_file_can_be_downloaded(host):
    served, address = host
    path = write(served, "hopper-medium-v2", steps(50)).rename(served / "mine.hdf5")
    data = D4RL(name="hopper-medium-v2", source=f"{address}/{path.name}").load()
    assert len(data) == 49


@pytest.mark.parametrize("kind", ["no such file", "no such host"])
def test_what_cannot_be_downloaded_is_refused_in_words(kind, host, tmp_path):
    address = host[1] if kind == "no such file" else "http://127.0.0.1:9"
    with refusal(
        f"D4RL's 'hopper-medium-v2' cannot be downloaded from {address}/gym_mujoco_v2/"
        "hopper_medium-v2.hdf5 ("
    ) as caught:
        D4RL(name="hopper-medium-v2", source=address).load()
    assert str(caught.value).endswith(
        "; name a folder that has 'hopper_medium-v2.hdf5' with dataset.source=FOLDER"
    )
    assert list((tmp_path / "cache").rglob("*.partial")) == []


def test_a_download_that_is_cut_short_is_refused_and_not_kept(tmp_path, monkeypatch):
    class Answer(io.BytesIO):
        headers: ClassVar = {"Content-Length": "10"}

    answer = Answer(b"1234")
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: answer)
    with refusal("was cut short on its way from http://x/gym_mujoco_v2/hopper_medium-v2.hdf5: 4"):
        D4RL(name="hopper-medium-v2", source="http://x").load()
    assert not any(path.is_file() for path in (tmp_path / "cache").rglob("*"))


def test_a_file_without_a_step_that_has_a_successor_is_refused(folder):
    write(folder, "hopper-medium-v2", steps(3, timeouts=(0, 1, 2)))
    with refusal("dataset 'd4rl:hopper-medium-v2' has no step with a known successor"):
        D4RL(name="hopper-medium-v2").load()
