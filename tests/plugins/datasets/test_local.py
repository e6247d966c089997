"""Which datasets are on this machine."""

import os
import subprocess
import sys

import pytest

from genpolicy_plugins.datasets.local import minari_ids, ogbench_names

MINARI = "minari"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MINARI_DATASETS_PATH", raising=False)
    return tmp_path


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_nothing_is_here_where_there_is_no_folder():
    assert minari_ids() == ogbench_names() == []


def test_minaris_ids_are_their_folders(home, monkeypatch):
    data = "data/main_data.hdf5"
    touch(home / ".minari/datasets", f"a/b-v0/{data}", f"c-v1/{data}", "half-v0/data/metadata.json")
    touch(home / ".minari/datasets", f".hidden/d-v0/{data}")
    assert minari_ids() == ["a/b-v0", "c-v1"]
    touch(home / "other", f"x/y-v2/{data}")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(home / "other"))
    assert minari_ids() == ["x/y-v2"]


def test_what_minari_itself_lists_is_listed(home, monkeypatch):
    """A dataset that is really there, made by Minari's own writer."""
    from genpolicy.composition.choosing import choose_part
    from genpolicy.discovery import load_catalogue
    from genpolicy.testing.data import random_transitions

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(home / "made"))
    place = choose_part(load_catalogue(), "dataset", "minari:mine/tiny-v0", {}).recipe
    place.write(random_transitions())
    assert minari_ids() == ["mine/tiny-v0"]


def test_ogbenchs_files_are_named_without_their_validation_halves(home):
    names = ("cube-single-play-v0.npz", "cube-single-play-v0-val.npz", "notes.txt")
    touch(home / ".ogbench/data", *names)
    assert ogbench_names() == ["cube-single-play-v0"]


def test_looking_imports_nothing_heavy():
    program = "import sys, genpolicy_plugins.datasets.local as l; l.minari_ids(); l.ogbench_names()"
    asked = f"{program}; print([m for m in ('torch', 'minari', 'numpy') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, env=os.environ, check=True
    )
    assert done.stdout == "[]\n"
