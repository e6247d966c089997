"""The files of a new distribution."""

import re
import tomllib
from importlib.metadata import version

import pytest

from genpolicy.discovery import Catalogue
from genpolicy.discovery.spec import KINDS
from genpolicy.errors import UsageError
from genpolicy.scaffold import claimed, files_of, names_of, write
from genpolicy.scaffold.templates import plugin

DRIFT = names_of("drift")


def test_every_kind_has_a_module_and_a_test():
    files = files_of(DRIFT, KINDS)
    for kind in KINDS:
        assert f"tests/test_{kind}.py" in files
        source = "recipes/drift.toml" if kind == "recipe" else f"{kind}.py"
        assert f"genpolicy_drift/{source}" in files


def test_one_kind_is_a_small_distribution():
    assert sorted(files_of(DRIFT, ("solver",))) == [
        ".github/workflows/test.yml",
        ".gitignore",
        "LICENSE",
        "README.md",
        "genpolicy_drift/__init__.py",
        "genpolicy_drift/plugin.py",
        "genpolicy_drift/solver.py",
        "pyproject.toml",
        "tests/test_solver.py",
    ]


def test_nothing_of_the_templates_names_is_left():
    for path, text in files_of(DRIFT, KINDS).items():
        assert not re.search("example|genpolicy.scaffold|from [.]", text, re.IGNORECASE), path


def test_a_package_is_imported_for_nothing():
    files = files_of(DRIFT, KINDS)
    empty = [path for path in files if path.endswith("__init__.py")]
    assert empty == ["genpolicy_drift/__init__.py", "genpolicy_drift/recipes/__init__.py"]
    assert [files[path] for path in empty] == ["", ""]


@pytest.mark.parametrize("kind", KINDS)
def test_a_plugin_has_the_hooks_of_its_kinds_alone(kind):
    text = files_of(DRIFT, (kind,))["genpolicy_drift/plugin.py"]
    assert re.findall(r"def (genpolicy_\w+)", text) == [f"genpolicy_{kind}s"]
    assert ("recipe_specs" in text) == (kind == "recipe")


def test_the_project_is_bound_to_the_running_minor_version():
    project = tomllib.loads(files_of(DRIFT, ("solver",))["pyproject.toml"])["project"]
    major, minor, *_ = version("genpolicy").split(".")
    assert project["name"] == "genpolicy-drift"
    assert project["dependencies"] == [f"genpolicy>={major}.{minor},<{major}.{int(minor) + 1}"]
    assert project["entry-points"] == {"genpolicy": {"drift": "genpolicy_drift.plugin"}}
    assert any(need.startswith("pytest") for need in project["optional-dependencies"]["test"])


def test_the_licence_names_whom_git_knows(monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "Ada Lovelace")
    licence = files_of(DRIFT, ("solver",))["LICENSE"]
    assert re.search(r"Copyright \(c\) 20\d\d Ada Lovelace\n", licence)


def test_the_licence_names_the_authors_where_git_knows_nobody(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert "the authors of genpolicy-drift\n" in files_of(DRIFT, ("solver",))["LICENSE"]


def test_the_readme_types_a_contested_name_in_full():
    files = files_of(DRIFT, ("backbone", "solver"), in_full=["backbone"])
    command = "agent run --backbone genpolicy-drift/drift --solver drift"
    assert command in files["README.md"]
    assert "| backbone | `genpolicy-drift/drift` | a straight flow |" in files["README.md"]


def test_a_name_is_contested_by_others_parts_of_the_same_kind():
    catalogue = Catalogue.from_plugins({"genpolicy-first": plugin})
    kinds = ("backbone", "solver")
    found = claimed(catalogue, names_of("example"), kinds)
    assert found == dict.fromkeys(kinds, "genpolicy-first/example")
    assert claimed(catalogue, names_of("first"), kinds) == {}


def test_a_name_is_not_contested_by_its_own_distribution():
    catalogue = Catalogue.from_plugins({"genpolicy-example": plugin})
    assert claimed(catalogue, names_of("example"), KINDS) == {}


def test_writing_into_an_empty_folder_writes_every_file(tmp_path):
    files = files_of(DRIFT, ("solver",))
    write(files, tmp_path)
    assert {path: (tmp_path / path).read_text() for path in files} == files


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="there already, and nothing is overwritten"):
        write({"mine.txt": "theirs"}, tmp_path)
    with pytest.raises(UsageError, match="there already, and nothing is overwritten"):
        write({"mine.txt": "theirs"}, tmp_path / "mine.txt")
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        write({"a.txt": ""}, tmp_path / "file" / "folder")
