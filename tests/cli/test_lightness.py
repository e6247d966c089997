"""What only looks around imports nothing heavy."""

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


def test_asking_the_registry_imports_no_torch(finished):
    (run,) = (finished / "runs").iterdir()
    for arguments in (("runs",), ("runs", "show", run.name)):
        done = probe("torch,minari,gymnasium,mujoco", *arguments, cwd=finished)
        assert done.returncode == 0, done.stderr
        assert done.stderr == "LOADED\n"


def test_completing_a_name_imports_nothing_heavy(place):
    environ = {"_AGENT_COMPLETE": "complete_bash", "COMP_WORDS": "agent run --backbone "}
    done = probe(HEAVY, cwd=place, COMP_CWORD="3", **environ)
    assert "flow" in done.stdout.splitlines()
    assert done.stderr == "LOADED\n"
