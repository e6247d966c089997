import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import attrs
import numpy as np
import pytest

from genpolicy import storage
from genpolicy.columns import NAMES, Columns, blocks, seal_of
from genpolicy.dataset import Dataset
from genpolicy.errors import DataError, GenpolicyWarning
from genpolicy.storage import cache_directory, file_key, stored

KEY = {"reader": "test", "layout": 1}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def part(rows: int, seed: int = 0, width: int = 3) -> Columns:
    random = np.random.default_rng(seed)
    return Columns(
        observation=random.normal(size=(rows, width)).astype(np.float32),
        action=random.uniform(-1, 1, (rows, 2)).astype(np.float32),
        reward=random.normal(size=rows).astype(np.float32),
        next_observation=random.normal(size=(rows, width)).astype(np.float32),
        terminal=random.random(rows) < 0.1,
        timeout=np.arange(rows) == rows - 1,
    )


def parts() -> Iterator[Columns]:
    """Blocks of several sizes, none among them empty of meaning."""
    yield from (part(rows, seed) for seed, rows in enumerate((5, 0, 1, 40)))


def together(pieces: Iterator[Columns]) -> dict[str, np.ndarray]:
    whole = [piece.arrays() for piece in pieces]
    return {name: np.concatenate([piece[name] for piece in whole]) for name in NAMES}


def never() -> Iterator[Columns]:
    raise AssertionError("the source was read again")
    yield


def dataset(columns: Columns) -> Dataset:
    ones = np.ones(2, np.float32)
    return Dataset.of(columns, name="test", action_low=-ones, action_high=ones)


def folders(cache: Path) -> list[Path]:
    return [path for path in (cache / "datasets").iterdir() if path.is_dir()]


def test_what_is_stored_once_is_mapped_ever_after(cache: Path) -> None:
    first, second = stored("test", KEY, parts), stored("test", KEY, never)
    for columns in (first, second):
        for name, array in together(parts()).items():
            kept = getattr(columns, name)
            assert np.array_equal(kept, array)
            assert kept.dtype == array.dtype
            assert not kept.flags.writeable
    assert [path.name.partition("-")[0] for path in folders(cache)] == ["test"]


def test_the_files_are_numpys_own(cache: Path) -> None:
    stored("test", KEY, parts)
    (folder,) = folders(cache)
    for name, array in together(parts()).items():
        assert np.array_equal(np.load(folder / f"{name}.npy"), array)


def test_the_fingerprint_is_that_of_the_same_arrays_in_memory_and_not_computed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inside = dataset(Columns(**together(parts()))).fingerprint()
    data = dataset(stored("test", KEY, parts))
    with monkeypatch.context() as patch:
        patch.setattr("genpolicy.columns.hashlib.sha256", None)
        assert data.fingerprint() == inside
        assert attrs.evolve(data, name="other").fingerprint() == inside


def test_a_column_that_is_put_in_place_of_another_counts() -> None:
    data = dataset(stored("test", KEY, parts))
    swapped = attrs.evolve(
        data, observation=data.next_observation, next_observation=data.observation
    )
    assert swapped.fingerprint() != data.fingerprint()
    assert attrs.evolve(data, reward=2 * data.reward).fingerprint() != data.fingerprint()
    same = attrs.evolve(data, reward=np.array(data.reward))
    assert same.fingerprint() == data.fingerprint()


def test_stored_columns_are_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dataset(stored("test", KEY, parts))
    monkeypatch.setattr("genpolicy.dataset_checks.blocks", None)
    assert attrs.evolve(data, name="other").name == "other"


def test_a_part_of_a_stored_column_bears_no_seal() -> None:
    column = stored("test", KEY, parts).action
    assert seal_of(column) is not None
    for piece in (column[:5], column[:], column.copy(), column + 1, column.T):
        assert seal_of(piece) is None


def test_stored_actions_outside_the_box_are_refused_with_their_row() -> None:
    columns, half = stored("test", KEY, parts), np.full(2, 0.5, np.float32)
    outside = (np.abs(np.asarray(columns.action)) > 0.5001).any(axis=1)
    with pytest.raises(DataError) as caught:
        Dataset.of(columns, name="test", action_low=-half, action_high=half)
    assert f"{outside.sum()} of 46 actions lie outside the box" in str(caught.value)
    assert f"first in row {outside.argmax()}; clip" in str(caught.value)


def test_another_key_is_another_folder(cache: Path) -> None:
    stored("test", KEY, parts)
    other = stored("test", {**KEY, "layout": 2}, lambda: [part(7)])
    assert len(other) == 7
    assert len(folders(cache)) == 2


def test_a_file_that_was_written_to_has_another_key(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("one")
    before = file_key(file)
    assert file_key(file) == before
    file.write_text("two")
    os.utime(file, ns=(0, 0))
    assert file_key(file) != before


@pytest.mark.parametrize("name", [*(f"{name}.npy" for name in NAMES), "dataset.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "overwritten", "emptied"])
def test_a_damaged_folder_is_made_again(name: str, damage: str, cache: Path) -> None:
    stored("test", KEY, parts)
    (folder,) = folders(cache)
    file, content = folder / name, (folder / name).read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        spoilt = {"cut": content[:-1], "overwritten": bytes(len(content)), "emptied": b""}
        file.write_bytes(spoilt[damage])
    again = stored("test", KEY, parts)
    assert dataset(again).fingerprint() == dataset(Columns(**together(parts()))).fingerprint()
    assert len(folders(cache)) == 1
    assert len(stored("test", KEY, never)) == 46


def test_what_was_mapped_before_stays_though_its_folder_is_made_again(cache: Path) -> None:
    before = stored("test", KEY, parts)
    (folder,) = folders(cache)
    (folder / "reward.npy").unlink()
    stored("test", KEY, parts)
    assert np.array_equal(before.reward, together(parts())["reward"])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ([], "dataset 'test' has no transitions"),
        ([part(0)], "dataset 'test' has no transitions"),
        (
            [part(3), part(3, width=4)],
            "dataset 'test': observation has rows of shape (3,) (float32) and of shape (4,) "
            "(float32); they must agree",
        ),
        (
            [attrs.evolve(part(3), reward=np.full(3, np.nan, np.float32))],
            "dataset 'test': reward is not finite in 3 of 3 rows, first in row 0; remove or "
            "repair these rows",
        ),
        (
            [attrs.evolve(part(3), reward=np.zeros(3))],
            "dataset 'test': reward must be float32, is float64",
        ),
        (
            [attrs.evolve(part(3), reward=np.zeros(2, np.float32))],
            "dataset 'test': observation must be a matrix with 2 rows, one per reward; its shape "
            "is (3, 3)",
        ),
    ],
)
def test_columns_that_cannot_be_are_refused_and_not_kept(
    wrong: list[Columns], sentence: str, cache: Path
) -> None:
    with pytest.raises(DataError) as caught:
        stored("test", KEY, lambda: wrong)
    assert str(caught.value) == sentence
    assert folders(cache) == []


def test_an_error_of_the_source_goes_through_and_nothing_is_kept(cache: Path) -> None:
    def broken() -> Iterator[Columns]:
        yield part(5)
        raise OSError("the source is gone")

    with pytest.raises(OSError, match="the source is gone"):
        stored("test", KEY, broken)
    assert folders(cache) == []
    assert len(stored("test", KEY, parts)) == 46


def test_without_a_place_to_write_to_data_are_read_into_memory_and_that_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AGENT_CACHE", str(tmp_path / "file"))
    with pytest.warns(GenpolicyWarning) as told:
        columns = stored("test", KEY, parts)
    assert str(told[0].message) == (
        f"data cannot be kept in {str(tmp_path / 'file')!r} (Not a directory), so they are read "
        "anew for every run and lie in memory; set AGENT_CACHE to a folder with room"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stored("test", KEY, parts)
    inside = Columns(**together(parts()))
    assert dataset(columns).fingerprint() == dataset(inside).fingerprint()
    assert seal_of(columns.reward) is None


def test_a_disk_that_gets_full_leaves_nothing_behind(cache: Path) -> None:
    def much() -> Iterator[Columns]:
        yield from (part(1000, seed) for seed in range(20))

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.warns(GenpolicyWarning, match="File too large"):
            columns = stored("test", KEY, much)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert np.array_equal(columns.reward, together(much())["reward"])
    assert folders(cache) == []


def test_a_cache_that_cannot_be_written_to_is_still_read(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored("test", KEY, parts)
    monkeypatch.setattr(storage, "_alone", None)
    assert len(stored("test", KEY, never)) == 46


_KILLED = """
import itertools, time
import numpy as np
from genpolicy.columns import Columns
from genpolicy.storage import stored
def endless():
    seen, one = np.zeros((2000, 3), np.float32), np.zeros(2000, np.float32)
    while True:
        yield Columns(observation=seen, action=seen, reward=one, next_observation=seen,
                      terminal=one > 0, timeout=one > 0)
        print("wrote", flush=True)
        time.sleep(0.01)
stored("test", {key!r}, endless)
"""


@pytest.mark.slow
def test_a_process_that_is_killed_in_the_middle_leaves_no_half(cache: Path) -> None:
    program = [sys.executable, "-c", _KILLED.format(key=KEY)]
    child = subprocess.Popen(program, stdout=subprocess.PIPE)
    assert child.stdout is not None
    for _ in range(5):
        assert child.stdout.readline() == b"wrote\n"
    child.kill()
    child.communicate()
    assert len(folders(cache)) == 1, "the half that it wrote"
    assert len(stored("test", KEY, parts)) == 46
    assert [path.name[0] for path in folders(cache)] == ["t"], "the half is gone, the whole there"


def _load(number: int, made: str) -> tuple[int, str]:
    def slowly() -> Iterator[Columns]:
        Path(made, str(os.getpid())).touch()
        for piece in parts():
            time.sleep(0.05)
            yield piece

    columns = stored("test", KEY, slowly)
    return len(columns), dataset(columns).fingerprint()


@pytest.mark.slow
def test_processes_that_load_at_once_read_the_source_once(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    with multiprocessing.get_context("fork").Pool(3) as pool:
        found = pool.starmap(_load, [(number, str(made)) for number in range(3)], chunksize=1)
    assert set(found) == {(46, dataset(Columns(**together(parts()))).fingerprint())}
    assert len(list(made.iterdir())) == 1


def test_the_folder_says_what_it_is_of(cache: Path) -> None:
    stored("minari:D4RL/pen/human-v2", KEY, parts)
    (folder,) = folders(cache)
    assert folder.name.startswith("minari-D4RL-pen-human-v2-")
    assert json.loads((folder / "dataset.json").read_text())["key"] == KEY


def test_without_a_choice_data_is_kept_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENT_CACHE")
    assert cache_directory().name == "genpolicy"


@pytest.mark.parametrize("rows", [1, 1000, 200_000])
def test_blocks_are_all_rows_in_order(rows: int) -> None:
    array = np.arange(rows * 10, dtype=np.float32).reshape(rows, 10)
    pieces = [array[piece] for piece in blocks(array)]
    assert np.array_equal(np.concatenate(pieces), array)
    assert max(piece.nbytes for piece in pieces) <= 1 << 20


_MEASURED = """
import os, sys, threading, time
import numpy as np
from genpolicy.columns import Columns
from genpolicy.dataset import Dataset
from genpolicy.storage import stored
def anonymous():
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon"):
            return 1024 * int(line.split()[1])
def many():
    for seed in range({blocks}):
        random = np.random.default_rng(seed)
        seen = random.random((1001, 17), np.float32)
        yield Columns(observation=seen[:-1], next_observation=seen[1:],
                      action=random.random((1000, 6), np.float32),
                      reward=random.random(1000, np.float32),
                      terminal=np.zeros(1000, bool), timeout=np.arange(1000) == 999)
def measured(place):
    os.environ["AGENT_CACHE"] = place
    before, peak, over = anonymous(), [0], []
    def watch():
        while not over:
            peak[0] = max(peak[0], anonymous())
            time.sleep(0.002)
    thread = threading.Thread(target=watch)
    thread.start()
    columns = stored("test", {{"layout": 1}}, many)
    Dataset.of(columns, name="test", action_low=-ones, action_high=ones).fingerprint()
    over.append(True)
    thread.join()
    return (peak[0] - before) / sum(array.nbytes for array in columns.arrays().values())
ones = np.ones(6, np.float32)
print(*map(measured, sys.argv[1:]))
"""


@pytest.mark.slow
def test_loading_takes_little_more_memory_than_the_arrays_have(cache: Path) -> None:
    cache.parent.joinpath("file").touch()
    places = [str(cache), str(cache.parent / "file")]
    program = [sys.executable, "-c", _MEASURED.format(blocks=300), *places]
    run = subprocess.run(program, capture_output=True, text=True, check=True)
    stored_share, memory_share = map(float, run.stdout.split())
    assert stored_share < 0.3
    assert memory_share < 1.5
