"""``agent plugins install``, ``uninstall``, ``freeze`` and ``doctor``, with a real pip."""

import re
import subprocess
import sys

import pytest

from genpolicy.errors import PartError
from genpolicy_cli import installer
from genpolicy_cli.plugin_install import _troubled

PLUGIN = """
from genpolicy import PartSpec, hookimpl

@hookimpl
def genpolicy_{kind}s():
    return [PartSpec(name={name!r}, summary="a test", target={target!r})]
"""

OFFLINE = ("--", "--no-index", "--no-deps", "--no-build-isolation")


def plugin(name, kind="backbone", target="nowhere:Part"):
    return PLUGIN.format(name=name, kind=kind, target=target)


@pytest.fixture(scope="module")
def crowded(environment):
    """Return the environment with a broken plugin in it."""
    environment.install(environment.project("stray-broken", "raise RuntimeError('no GPU')"))
    return environment


@pytest.fixture
def added(crowded):
    """Install a good plugin beside the broken one for the time of a test."""
    wheel = crowded.wheel(crowded.project("stray-good", plugin("steady")))
    yield crowded.agent("plugins", "install", str(wheel), *OFFLINE)
    crowded.run("-m", "pip", "uninstall", "--yes", "--quiet", "stray-good")


@pytest.mark.slow
def test_install_says_which_parts_are_new_while_another_plugin_is_broken(added):
    assert added.status == 0, added.err
    assert added.out == "new: backbone steady (stray-good 1.0)\n"
    assert "Successfully installed stray-good-1.0" in added.err


@pytest.mark.slow
def test_installing_again_says_that_no_part_is_new(crowded, added):
    wheel = crowded.folder / "wheels" / "stray_good-1.0-py2.py3-none-any.whl"
    done = crowded.agent("plugins", "install", str(wheel), *OFFLINE)
    assert (done.status, done.out) == (0, "no part is new\n")


@pytest.mark.slow
def test_installing_a_broken_plugin_says_so(crowded):
    wheel = crowded.wheel(crowded.project("stray-worse", "import surely_not_installed"))
    done = crowded.agent("plugins", "install", str(wheel), *OFFLINE)
    assert done.status == 3
    assert (
        "stray-worse is broken: plugin stray-worse 1.0 failed to load (ModuleNotFound" in done.out
    )
    assert "error: installed with problems: stray-worse; `agent plugins doctor` shows" in done.err
    assert crowded.agent("plugins", "uninstall", "stray-worse").status == 0


@pytest.mark.slow
def test_what_pip_refuses_is_an_error(crowded):
    done = crowded.agent("plugins", "install", "stray-absent", "--", "--no-index")
    assert done.status == 3
    assert "No matching distribution found for stray-absent" in done.err
    assert done.err.endswith("error: `pip install stray-absent --no-index` failed: see above\n")


@pytest.mark.slow
def test_uninstall_says_which_parts_are_gone(crowded, added):
    done = crowded.agent("plugins", "uninstall", "Stray_Good")
    assert (done.status, done.out) == (0, "gone: backbone steady (stray-good 1.0)\n")
    assert "steady" not in crowded.agent("list", "backbone").out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("genpolicy",), "genpolicy is this program itself: `pip uninstall genpolicy` removes it"),
        (("attrs",), "no installed plugin is called 'attrs'; there are: "),
        (("stray-good", "stray-brocken"), "'stray-brocken'; did you mean 'stray-broken'?"),
    ],
)
def test_uninstall_refuses_what_is_no_plugin_before_it_removes_anything(
    crowded, added, names, sentence
):
    done = crowded.agent("plugins", "uninstall", *names)
    assert (done.status, done.out) == (2, "")
    assert sentence in done.err
    assert "steady" in crowded.agent("list", "backbone").out


@pytest.mark.slow
def test_what_freeze_prints_brings_the_plugins_back(crowded, added):
    frozen = crowded.agent("plugins", "freeze").out
    by_pip = crowded.run("-m", "pip", "freeze").out.splitlines()
    ours, *lines = frozen.splitlines()
    assert ours.startswith(("-e ", "genpolicy"))
    strays = [line for line in lines if "stray-" in line]
    assert strays == [re.sub("^stray_", "stray-", line) for line in by_pip if "stray" in line]
    assert crowded.agent("plugins", "uninstall", "stray-good").status == 0
    file = crowded.folder / "requirements.txt"
    file.write_text("\n".join(strays))
    again = crowded.agent("plugins", "install", "--", "-r", str(file), *OFFLINE[1:])
    assert again.out == "new: backbone steady (stray-good 1.0)\n"


@pytest.mark.slow
def test_an_editable_project_is_installed_and_told_when_it_must_be_again(crowded):
    project = crowded.project("stray-edited", plugin("steady"))
    install = ("plugins", "install", *OFFLINE, "-e", str(project))
    command = f"`pip install -e {project}`"
    inside = crowded.agent("plugins", "doctor", cwd=project)
    assert (
        f"stray-edited in {project} is not installed, so it has no parts: {command}" in inside.out
    )
    done = crowded.agent(*install)
    assert done.out == "new: backbone steady (stray-edited 1.0)\n", done.err
    assert f"-e {project}\n" in crowded.agent("plugins", "freeze").out
    with (project / "pyproject.toml").open("a") as file:
        file.write('more = "stray_edited.more"\n')
    (project / "stray_edited" / "more.py").write_text(plugin("steadier"))
    doctor = crowded.agent("plugins", "doctor")
    assert doctor.status == 3
    assert (
        f"{project / 'pyproject.toml'} of stray-edited has the entry point more = "
        f"'stray_edited.more', which is not installed: run {command} again" in doctor.out
    )
    assert "stray-edited" in doctor.err.splitlines()[-1]
    assert crowded.agent(*install).out == "new: backbone steadier (stray-edited 1.0)\n"


@pytest.fixture
def without_pip(monkeypatch, tmp_path):
    """Hide pip and uv, and call nothing."""

    def refuse(*_, **__):
        raise AssertionError("nothing is to be called")

    monkeypatch.setattr(installer.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(installer.shutil, "which", lambda name: None)
    monkeypatch.setattr(installer.subprocess, "run", refuse)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/my env/python")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "arguments", "typed"),
    [
        ("install", ("a b", "-U"), "uv pip install --python '/my env/python' 'a b' -U"),
        ("uninstall", ("--yes", "a"), "uv pip uninstall --python '/my env/python' a"),
    ],
)
def test_without_pip_the_command_of_uv_is_told(without_pip, command, arguments, typed):
    (without_pip / "pyvenv.cfg").write_text("home = /usr\nuv = 0.9\n")
    with pytest.raises(PartError) as caught:
        installer.pip(command, *arguments)
    assert str(caught.value) == f"pip is not installed here; type: {typed}"


@pytest.mark.parametrize(
    ("command", "arguments", "typed"),
    [
        ("install", ("a",), "pipx inject genpolicy a"),
        ("uninstall", ("--yes", "a"), "pipx uninject genpolicy a"),
    ],
)
def test_without_pip_the_command_of_pipx_is_told(
    without_pip, monkeypatch, command, arguments, typed
):
    monkeypatch.setattr(sys, "prefix", "/home/x/pipx/venvs/genpolicy")
    with pytest.raises(PartError, match=f"type: {typed}$"):
        installer.pip(command, *arguments)


def test_without_pip_or_another_installer_the_way_to_get_it_is_told(without_pip):
    with pytest.raises(PartError) as caught:
        installer.pip("install", "a")
    python = "'/my env/python'"
    assert str(caught.value).endswith(f"{python} -m ensurepip, and then {python} -m pip install a")


def test_a_listing_that_fails_is_told_by_its_last_line(monkeypatch):
    done = subprocess.CompletedProcess([], 1, "", "Traceback\nImportError: no typer\n")
    monkeypatch.setattr(installer.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(PartError, match="cannot be listed: ImportError: no typer"):
        installer.fresh_listing()


def test_a_plugin_that_prints_when_python_ends_does_not_spoil_the_listing(tmp_path, monkeypatch):
    code = "import atexit\natexit.register(print, 'bye')\n" + plugin("steady")
    (tmp_path / "chatty.py").write_text(code)
    monkeypatch.setenv("AGENT_PLUGIN_FILES", str(tmp_path / "chatty.py"))
    assert "file:chatty" in [plugin["distribution"] for plugin in installer.fresh_listing()]


def test_problems_are_told_of_what_was_named_and_of_what_had_none_before():
    def listed(name, *problems):
        return {"distribution": name, "version": "1.0", "problems": list(problems)}

    before = [listed("old", "p"), listed("named", "p"), listed("hurt"), listed("fine")]
    after = [listed("old", "p"), listed("named", "p"), listed("hurt", "q"), listed("fine")]
    found = _troubled(after, before, ["Named[extra]>=1", "-U"])
    assert [plugin["distribution"] for plugin in found] == ["named", "hurt"]
