"""The hash of a part's source follows every file that it may come from."""

import hashlib
import importlib
import sys

import pytest

from genpolicy.discovery import source_hash
from genpolicy_plugins.backbones.flow import Flow
from genpolicy_plugins.networks.mlp import MLP


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write modules below a new folder, and return what a fresh process would hash."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)

    def hash_with(files, module="printed.parts"):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        for name in set(sys.modules) - before:
            del sys.modules[name]
        importlib.invalidate_caches()
        return source_hash(importlib.import_module(module).Part)

    yield hash_with
    for name in set(sys.modules) - before:
        del sys.modules[name]


FILES = {
    "printed/__init__.py": "",
    "printed/parts.py": "class Part: ...",
    "printed/inner/__init__.py": "",
    "printed/inner/help.py": "x = 1",
    "printed/recipes/fast.toml": "summary = 'a'",
}


@pytest.mark.parametrize(
    "change",
    [
        {"printed/parts.py": "class Part: pass"},
        {"printed/inner/help.py": "x = 2"},
        {"printed/recipes/fast.toml": "summary = 'b'"},
        {"printed/new.py": ""},
    ],
)
def test_any_source_file_of_the_package_counts(written, change):
    before = written(FILES)
    assert len(before) == 64
    assert written(FILES) == before
    assert written(change) != before


def test_what_is_no_source_does_not_count(written):
    before = written(FILES)
    files = {"printed/__pycache__/old.py": "y", "printed/notes.md": "n", "beside/other.py": "z"}
    assert written(files) == before


def test_content_that_moves_between_files_counts(written):
    before = written({**FILES, "printed/a.py": "xy", "printed/b.py": ""})
    assert written({"printed/a.py": "x", "printed/b.py": "y"}) != before


def test_it_does_not_depend_on_where_the_package_lies(written, tmp_path):
    before = written(FILES)
    moved = {f"far/away/{name}": text for name, text in FILES.items()}
    sys.path.insert(0, str(tmp_path / "far/away"))
    try:
        assert written(moved) == before
    finally:
        sys.path.remove(str(tmp_path / "far/away"))


def test_below_a_namespace_the_package_of_one_distribution_counts(written):
    files = {f"shared/{name}": text for name, text in FILES.items()}
    before = written(files, "shared.printed.parts")
    other = {"shared/other/__init__.py": "", "shared/other/plugin.py": "q = 1"}
    assert written(other, "shared.printed.parts") == before
    assert written({"shared/printed/new.py": ""}, "shared.printed.parts") != before


def test_a_module_in_no_package_counts_alone(written):
    before = written({"alone.py": "class Part: ..."}, "alone")
    assert before == hashlib.sha256(b"alone.py\x0015\x00class Part: ...").hexdigest()
    assert written({"neighbour.py": ""}, "alone") == before
    assert written({"alone.py": "class Part: pass"}, "alone") != before


def test_parts_of_one_package_share_its_hash():
    assert source_hash(Flow) == source_hash(MLP) != ""


def test_a_class_without_a_file_has_no_source_hash():
    assert source_hash(int) == ""
