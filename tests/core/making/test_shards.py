"""Shards are made whatever happens on the way, and are the same however they are made."""

import json
import multiprocessing
import platform
import subprocess
import sys
import time
from pathlib import Path

import attrs
import numpy as np
import pytest

from counted import Counter, whole
from genpolicy.errors import DataError, OptionError, RunError
from genpolicy.making import made, make_at_once, partial_folder, split, workers
from genpolicy.making.maker import derived_seed
from genpolicy.making.partial import _Work

MAKER = Counter()


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


@pytest.fixture(scope="module")
def expected():
    shards = make_at_once(MAKER)
    return {name: shards.whole(name) for name in shards.names()}


def test_sizes_are_alike_but_for_the_rest():
    assert split(45, 10) == [10, 10, 10, 10, 5]
    assert split(20, 10) == [10, 10]
    assert split(3, 10) == [3]


def test_derived_seeds_have_nothing_to_do_with_one_another():
    seeds = {derived_seed(a, b) for a in range(30) for b in range(30)}
    assert len(seeds) == 900


def test_shards_on_disk_are_those_in_memory_and_leave_nothing_behind(tmp_path, expected):
    found = whole(MAKER, tmp_path / "x.partial")
    assert same(found, expected)
    assert found["k"].tolist() == sorted(found["k"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_several_processes_make_the_same_as_one(tmp_path, expected):
    told = []
    assert same(whole(MAKER, tmp_path / "x.partial", jobs=2, tell=told.append), expected)
    assert sum(told) == 45


def test_progress_adds_up(tmp_path):
    told = []
    whole(MAKER, tmp_path / "x.partial", tell=told.append)
    assert sum(told) == 45
    assert told[0] == 0


def test_what_is_there_is_not_made_again(tmp_path, expected):
    folder, told = tmp_path / "x.partial", []
    with pytest.raises(DataError, match="no simulator"):
        whole(Counter(fails="refuses"), folder)
    plan = folder / "plan.json"
    plan.write_text(plan.read_text().replace("refuses", ""))
    assert len(list(folder.glob("shard-*.npz"))) == 2
    assert same(whole(MAKER, folder, tell=told.append), expected)
    assert told[0] == 20


def test_an_error_after_the_making_keeps_what_was_made(tmp_path):
    folder, shards = tmp_path / "x.partial", MAKER.shards(45, 7)
    with pytest.raises(OSError, match="disk"), made(MAKER, shards, folder):
        raise OSError("disk")
    assert len(list(folder.glob("shard-*.npz"))) == 5


def made_and_kept(folder):
    """Make all shards and keep them, as where the dataset itself could not be written."""
    with pytest.raises(OSError, match="disk"), made(MAKER, MAKER.shards(45, 7), folder):
        raise OSError("disk")
    return sorted(folder.glob("shard-*.npz"))


def truncated(content):
    return content[: len(content) // 2]


def emptied(content):
    return b""


def with_another_number(content):
    middle = content.index(b"k.npy") // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


def without_a_column(content):
    return b"PK\x05\x06" + bytes(18)


@pytest.mark.parametrize("damage", [truncated, emptied, with_another_number, without_a_column])
def test_a_damaged_shard_is_made_again_to_the_same_bytes(tmp_path, expected, damage):
    folder, told = tmp_path / "x.partial", []
    paths = made_and_kept(folder)
    contents = [path.read_bytes() for path in paths]
    for path in paths[1:3]:
        path.write_bytes(damage(path.read_bytes()))
    shards = MAKER.shards(45, 7)
    with made(MAKER, shards, folder, tell=told.append) as found:
        assert told[0] == 25
        assert same({name: found.whole(name) for name in found.names()}, expected)
        assert [path.read_bytes() for path in paths] == contents


def test_the_plan_tells_versions_of_all_that_decides_what_is_made(tmp_path):
    folder = tmp_path / "x.partial"
    made_and_kept(folder)
    versions = json.loads((folder / "plan.json").read_text())["versions"]
    assert versions["python"] == platform.python_version()
    assert versions["genpolicy"]
    assert versions["numpy"] == np.__version__


@pytest.mark.parametrize("name", ["python", "genpolicy", "numpy"])
def test_shards_of_another_version_are_not_mixed_in(tmp_path, name):
    folder = tmp_path / "x.partial"
    made_and_kept(folder)
    plan = json.loads((folder / "plan.json").read_text())
    plan["versions"][name] = "0.0.1"
    (folder / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(DataError, match="other versions of Python, genpolicy or the simulators"):
        whole(MAKER, folder)


@pytest.mark.parametrize("other", [{"transitions": 40}, {"maker": Counter(size=9)}])
def test_parts_of_another_dataset_are_not_mixed_in(tmp_path, other):
    folder, shards = tmp_path / "x.partial", MAKER.shards(45, 7)
    with pytest.raises(OSError, match="disk"), made(MAKER, shards, folder):
        raise OSError("disk")
    with pytest.raises(DataError, match=r"holds parts of a dataset that another command.*remove"):
        whole(**{"maker": MAKER, "folder": folder, **other})


def test_two_processes_do_not_make_the_same(tmp_path):
    folder = tmp_path / "x.partial"
    shards, error = MAKER.shards(45, 7), pytest.raises(DataError, match="by another process")
    with made(MAKER, shards, folder), error:
        whole(MAKER, folder)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        whole(MAKER, tmp_path / "file" / "x.partial")


@pytest.mark.slow
def test_a_process_that_dies_is_told(tmp_path):
    with pytest.raises(RunError, match=r"died \(exit code -9\); the same command goes on"):
        whole(Counter(fails="dies"), tmp_path / "x.partial", jobs=2)


@pytest.mark.parametrize(
    ("fails", "error", "sentence"),
    [
        ("refuses", DataError, "there is no simulator"),
        ("breaks", RunError, "a shard cannot be made: ZeroDivisionError"),
    ],
)
def test_what_goes_wrong_in_a_process_is_sent(tmp_path, fails, error, sentence):
    maker = Counter(fails=fails)
    ours, theirs = multiprocessing.Pipe()
    ours.send(maker.shards(45, 7)[2])
    workers.answer(_Work(maker, tmp_path), theirs)
    message = ours.recv()
    assert isinstance(message, error)
    assert sentence in str(message)


def test_what_cannot_be_sent_to_other_processes_is_refused(tmp_path):
    @attrs.frozen(kw_only=True)
    class Local(Counter):
        pass

    with pytest.raises(OptionError, match=r"in several processes .* leave out --jobs"):
        whole(Local(), tmp_path / "x.partial", jobs=2)


def test_the_parts_of_a_file_lie_beside_it():
    assert partial_folder(Path("a/b.npz")) == Path("a/b.npz.partial")


SLOWLY = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from counted import Counter, whole
whole(Counter(seconds=0.05), Path({folder!r}), jobs=2)
"""


def wait_until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_what_was_killed_goes_on_to_the_same_end(tmp_path, expected):
    folder = tmp_path / "x.partial"
    tests = str(Path(__file__).parents[2])
    code = SLOWLY.format(tests=tests, folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    wait_until(lambda: len(list(folder.glob("shard-*.npz"))) >= 2)
    process.kill()
    process.wait()
    wait_until(lambda: not alive(process.pid))
    done = len(list(folder.glob("shard-*.npz")))
    assert done < 5
    plan = folder / "plan.json"
    plan.write_text(plan.read_text().replace("seconds=0.05", "seconds=0.0"))
    assert same(whole(MAKER, folder), expected)


def alive(session) -> bool:
    """Whether a process of the session that was started is left."""
    listed = subprocess.run(["ps", "-s", str(session), "-o", "pid="], capture_output=True)
    return bool(listed.stdout.strip())
