"""Distributions built and installed by real tools."""

import subprocess
import sys
import zipfile

import pytest

pytestmark = pytest.mark.slow

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "genpolicy-river"
version = "2.1"

[project.entry-points.genpolicy]
parts = "genpolicy_river.plugin"
"""


def pip_install(what, folder):
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--target", folder, what]
    subprocess.run(command, check=True, capture_output=True)


def make_wheel(folder, plugin):
    info = "genpolicy_brook-1.0.dist-info"
    files = {
        "genpolicy_brook/__init__.py": "",
        "genpolicy_brook/plugin.py": plugin,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: genpolicy-brook\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{info}/entry_points.txt": "[genpolicy]\nparts = genpolicy_brook.plugin\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    wheel = folder / "genpolicy_brook-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    return wheel


def test_a_project_built_and_installed_by_pip_provides_its_part(site, tmp_path, plugin_code):
    site.write("project/pyproject.toml", PYPROJECT)
    site.write("project/genpolicy_river/__init__.py", "")
    site.write("project/genpolicy_river/model.py", "class River: ...")
    code = plugin_code("river", "genpolicy_river.model:River")
    site.write("project/genpolicy_river/plugin.py", code)
    pip_install(tmp_path / "project", tmp_path / "installed")
    answer = site.ask(find=("river",), load=("river",), PYTHONPATH=str(tmp_path / "installed"))
    assert answer["found"] == ["genpolicy-river/river"]
    assert answer["loaded"] == ["River"]
    assert answer["plugins"]["genpolicy-river:parts"]["version"] == "2.1"
    assert answer["problems"] == answer["notes"] == []


def test_a_wheel_whose_import_fails_is_reported_beside_one_that_works(site, tmp_path, plugin_code):
    wheel = make_wheel(tmp_path, "import surely_not_installed\n" + plugin_code("brook"))
    pip_install(wheel, tmp_path / "installed")
    answer = site.ask(find=("brook", "flow"), PYTHONPATH=str(tmp_path / "installed"))
    (problem,) = answer["problems"]
    assert problem.startswith("plugin genpolicy-brook 1.0 failed to load (ModuleNotFoundError")
    assert "genpolicy-brook 1.0 failed to load" in answer["found"][0]
    assert answer["found"][1] == "genpolicy/flow"
