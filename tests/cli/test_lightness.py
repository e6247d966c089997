"""What only looks around imports nothing heavy."""

import os
import subprocess
import sys

import pytest

PROBE = """
import sys
from genpolicy_cli.main import main
try:
    status = main(sys.argv[2:])
finally:
    heavy = [name for name in sys.argv[1].split(",") if name in sys.modules]
    print("LOADED", *heavy, file=sys.stderr)
sys.exit(status)
"""
HEAVY = "torch,minari,gymnasium,sqlalchemy,mujoco"
NUMERIC = f"{HEAVY},numpy,scipy,h5py,alembic,matplotlib,onnx"


def probe(heavy, *arguments, cwd, **environ):
    return subprocess.run(
        [sys.executable, "-c", PROBE, heavy, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={"PATH": "", **environ},
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("run", "--help"),
        ("density", "--help"),
        ("export", "--help"),
        ("bench", "--help"),
        ("runs", "--help"),
        ("list",),
        ("list", "backbone", "--json"),
        ("info", "recipe", "quick"),
        ("recipes", "--dataset", "hopper-medium"),
        ("plugins", "list"),
        ("datasets", "list"),
    ],
)
def test_a_light_command_imports_nothing_heavy(place, arguments):
    done = probe(HEAVY, *arguments, cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "LOADED\n"


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("run", "--help"), ("list",), ("list", "--json"), ("plugins", "list")],
)
def test_what_is_asked_most_does_not_even_import_numpy(place, arguments):
    done = probe(NUMERIC, *arguments, cwd=place)
    assert (done.returncode, done.stderr) == (0, "LOADED\n")


@pytest.mark.parametrize("arguments", [("--help",), ("list",), ("plugins", "list")])
def test_a_plugin_that_is_installed_makes_nothing_heavy(place, drift, arguments):
    done = probe(NUMERIC, *arguments, cwd=place, PYTHONPATH=_before(drift.folder))
    assert (done.returncode, done.stderr) == (0, "LOADED\n")
    assert arguments == ("--help",) or "drift" in done.stdout


def _before(folder):
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_asking_the_registry_imports_no_torch(finished):
    (run,) = (finished / "runs").iterdir()
    for arguments in (("runs",), ("runs", "show", run.name)):
        done = probe("torch,minari,gymnasium,mujoco", *arguments, cwd=finished)
        assert done.returncode == 0, done.stderr
        assert done.stderr == "LOADED\n"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("agent run --backbone ", "flow"),
        ("agent run --recipe q", "quick"),
        ("agent run --protocol ", "fql"),
        ("agent info obj", "objective"),
        ("agent pl", "plugins"),
    ],
)
def test_completing_a_name_imports_nothing_heavy(place, typed, offered):
    environ = {"_AGENT_COMPLETE": "complete_bash", "COMP_WORDS": typed}
    last = str(len(typed.split(" ")) - 1)
    done = probe(NUMERIC, cwd=place, COMP_CWORD=last, **environ)
    assert offered in done.stdout.splitlines()
    assert done.stderr == "LOADED\n"
