"""Projects whose entry points are not those installed are found and told."""

import json
import sys

import pytest

from genpolicy.discovery.projects import stale_projects

PROJECT = '[project]\nname = "Stray.Drift"\nversion = "1.0"\n'
TABLE = "[project.entry-points.genpolicy]\n"


@pytest.fixture
def lay(tmp_path, monkeypatch):
    """Write a project, install it if wanted, and return what is said about it."""
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    project = tmp_path / "pro ject"
    project.mkdir()

    def lay(text, installed=None, editable=True, here=tmp_path):
        (project / "pyproject.toml").write_text(text)
        if installed is not None:
            info = tmp_path / "site" / "stray_drift-1.0.dist-info"
            info.mkdir(parents=True)
            (info / "METADATA").write_text("Name: stray_drift\nVersion: 1.0\n")
            (info / "entry_points.txt").write_text(f"[genpolicy]\n{installed}")
            origin = {"url": project.as_uri(), "dir_info": {"editable": editable}}
            (info / "direct_url.json").write_text(json.dumps(origin))
        return [(stale.distribution, stale.problem) for stale in stale_projects(here)]

    lay.project = project
    return lay


def test_a_project_that_is_installed_as_it_is_written_is_fine(lay):
    text = f'{PROJECT}{TABLE}parts = "drift.plugin"\n'
    assert lay(text, "parts = drift.plugin\n", here=lay.project) == []


def test_a_new_entry_point_of_an_editable_project_is_told(lay):
    text = f'{PROJECT}{TABLE}parts = "drift.plugin"\nmore = "drift.more"\n'
    file = lay.project / "pyproject.toml"
    assert lay(text, "parts = drift.plugin\n") == [
        (
            "stray-drift",
            f"{file} of stray-drift has the entry point more = 'drift.more', which is not "
            f"installed: run `pip install -e '{lay.project}'` again",
        )
    ]


def test_entry_points_that_changed_or_went_are_told(lay):
    text = f'{PROJECT}{TABLE}parts = "drift.new"\n'
    ((_, problem),) = lay(text, "parts = drift.old\nmore = drift.more\n")
    assert (
        "has the entry point parts = 'drift.new', which is not installed and no longer" in problem
    )
    assert "no longer has more = 'drift.more', parts = 'drift.old', which is still" in problem


def test_a_first_entry_point_of_an_editable_project_is_told(lay):
    ((name, _),) = lay(f'{PROJECT}{TABLE}parts = "drift.plugin"\n', "")
    assert name == "stray-drift"


def test_a_project_that_is_not_installed_is_told_only_inside_its_folder(lay):
    text = f'{PROJECT}{TABLE}parts = "drift.plugin"\n'
    inside = lay.project / "tests"
    inside.mkdir()
    assert lay(text) == []
    assert lay(text, here=inside) == [
        (
            "stray-drift",
            f"stray-drift in {lay.project} is not installed, so it has no parts: `pip install -e "
            f"'{lay.project}'`",
        )
    ]


def test_a_project_without_entry_points_of_ours_is_no_business_of_ours(lay):
    assert lay(f'{PROJECT}[project.scripts]\nx = "y:z"\n', here=lay.project) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[tool.poetry.plugins.genpolicy]\nparts = "drift.plugin"\n',
        f'{PROJECT}dynamic = ["readme", "entry-points"]\n',
    ],
)
def test_entry_points_that_are_written_elsewhere_are_not_compared(lay, text):
    assert lay(text, "parts = drift.plugin\n", here=lay.project) == []


def test_a_copy_that_is_not_editable_is_compared_inside_the_projects_folder(lay):
    text = f'{PROJECT}{TABLE}parts = "drift.new"\n'
    assert lay(text, "parts = drift.old\n", editable=False) == []
    ((_, problem),) = [(s.distribution, s.problem) for s in stale_projects(lay.project)]
    assert problem.endswith(f"run `pip install '{lay.project}'` again")


def test_an_editable_project_whose_file_is_damaged_is_told(lay):
    ((_, problem),) = lay("[project", "parts = drift.plugin\n")
    assert "pyproject.toml of stray-drift cannot be read (" in problem
    assert problem.endswith(": correct it")


def test_an_editable_project_whose_folder_is_gone_is_left_to_python(lay):
    text = f'{PROJECT}{TABLE}parts = "drift.plugin"\n'
    lay(text, "parts = drift.plugin\n")
    (lay.project / "pyproject.toml").unlink()
    assert stale_projects(lay.project.parent) == []


@pytest.mark.parametrize("text", ["[project", "project = 1", ""])
def test_a_damaged_project_that_is_not_installed_is_not_told(lay, text):
    assert lay(text, here=lay.project) == []
