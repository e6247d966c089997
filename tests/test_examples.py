"""A published part, from its wheel: installed by pip beside the program's, used, and taken away.

Both wheels lie in a virtual environment of their own, in which everything that the program depends
on can be imported and the checkout cannot.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import attrs
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "genpolicy-drift"
TINY = (
    "--objective=drift-ql",
    "objective.batch_size=16",
    "backbone.candidates=2",
    "network.hidden=16",
    "critic.hidden=16",
    "evaluation.episodes=2",
    "evaluation.environments=2",
    "train.looks=0",
)
LOAD = """
import sys, genpolicy, numpy
from genpolicy.errors import GenpolicyError
try:
    agent = genpolicy.load(sys.argv[1])
except GenpolicyError as error:
    sys.exit(str(error))
print(agent.act(numpy.zeros((3, agent.shapes.observation_dim))).shape)
"""
MISSING = (
    "'genpolicy-drift/drift-ql' needs the plugin genpolicy-drift 0.3.0, which is not installed: "
    "`pip install genpolicy-drift==0.3.0`"
)


@attrs.frozen
class Place:
    """A virtual environment, and a folder that commands are run in."""

    folder: Path
    wheels: dict[str, Path]

    @property
    def bin(self):
        return self.folder / "venv" / ("Scripts" if os.name == "nt" else "bin")

    @property
    def work(self):
        return self.folder / "work"

    def begin(self, *command):
        """Start one of the environment's programs."""
        program, *arguments = command
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AGENT_", "PYTHON"))}
        return subprocess.Popen(
            [self.bin / program, *arguments],
            cwd=self.work,
            env={**kept, "AGENT_REGISTRY": "registry.db", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *command, status=0):
        """Run one, and return what it printed, both ways."""
        process = self.begin(*command)
        out, err = process.communicate()
        assert process.returncode == status, out + err
        return out, err

    def pip(self, *arguments):
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        command += ["--python", str(self.bin / "python"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def install(self, name):
        self.pip("install", "--quiet", "--no-index", str(self.wheels[name]))

    def run_until_checkpoint(self, *command):
        """Start the program, and return when it has written another checkpoint."""
        before = set(self.work.glob("runs/*/checkpoints/step-*"))
        process, deadline = self.begin("agent", *command), time.monotonic() + 60
        while not set(self.work.glob("runs/*/checkpoints/step-*.safetensors")) - before:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "no checkpoint came"
            time.sleep(0.02)
        return process

    def runs(self):
        out, _ = self.call("agent", "runs", "--json")
        return json.loads(out)


def build(project, folder):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def link_dependencies(folder):
    """Make a folder with all that is installed here but our own distribution."""
    folder.mkdir()
    for kind in ("purelib", "platlib"):
        for entry in Path(sysconfig.get_path(kind)).iterdir():
            ours = entry.name.lower().lstrip("_").startswith(("genpolicy", "editable__"))
            if not ours and not (folder / entry.name).is_symlink():
                (folder / entry.name).symlink_to(entry)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return an environment into which both wheels are installed."""
    folder = tmp_path_factory.mktemp("installed")
    wheels = {
        name: build(project, folder / name)
        for name, project in (("genpolicy", ROOT), ("genpolicy-drift", EXAMPLE))
    }
    made = Place(folder, wheels)
    made.work.mkdir()
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True
    )
    link_dependencies(folder / "dependencies")
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site, _ = made.call("python", "-c", asked)
    (Path(site.strip()) / "dependencies.pth").write_text(str(folder / "dependencies") + "\n")
    for name in wheels:
        made.install(name)
    return made


@pytest.fixture(scope="module")
def finished(place):
    """Return the run of an agent made of the example's parts."""
    out, _ = place.call("agent", "run", *TINY, "objective.steps=20", "--json")
    (run,) = json.loads(out)["runs"]
    return run["run"]


@pytest.fixture(scope="module")
def killed(place):
    """Return the run of another, which was killed after a checkpoint."""
    long = ("objective.steps=500", "train.checkpoint_seconds=0.2")
    process = place.run_until_checkpoint("run", *TINY, *long)
    process.kill()
    process.communicate()
    (run,) = [run["run"] for run in place.runs() if run["state"] != "finished"]
    return run


def test_what_is_installed_is_not_the_checkout(place):
    asked = "import genpolicy, genpolicy_drift as d; print(genpolicy.__file__, d.__file__)"
    out, _ = place.call("python", "-c", asked)
    files = [Path(file) for file in out.split()]
    assert all(file.is_relative_to(place.folder / "venv") for file in files), files
    versions, _ = place.call("agent", "plugins", "list", "--json")
    found = {each["distribution"]: each for each in json.loads(versions)}
    assert found["genpolicy-drift"]["version"] == "0.3.0" != found["genpolicy"]["version"]
    assert found["genpolicy-drift"]["state"] == "ok"
    assert found["genpolicy-drift"]["heavy_modules"] == []
    doctor, _ = place.call("agent", "plugins", "doctor")
    assert "all well: 2 plugins" in doctor
    assert "note:" not in doctor


def test_its_parts_are_listed_and_explained(place):
    assert "drift " in place.call("agent", "list", "backbone")[0]
    assert "drift-quick" in place.call("agent", "recipes")[0]
    assert "OneStepBackbone" in place.call("agent", "info", "objective", "drift-ql")[0]


def test_its_parts_pass_the_checks(place):
    out, _ = place.call("agent", "plugins", "check", "genpolicy-drift")
    assert "all well: 3 part(s)" in out


def test_its_own_tests_pass(place):
    shutil.copytree(EXAMPLE / "tests", place.work / "tests")
    place.call("python", "-m", "pytest", "-q", "tests")  # its status is 0


def test_what_it_trained_is_recorded_and_acts_again(place, finished):
    out, _ = place.call("agent", "runs", "show", finished, "--json")
    recorded = {part["name"]: part["version"] for part in json.loads(out)["start"]["parts"]}
    assert recorded["genpolicy-drift/drift"] == recorded["genpolicy-drift/drift-ql"] == "0.3.0"
    out, _ = place.call("python", "-c", LOAD, f"runs/{finished}/agent")
    assert out.strip() == "(3, 2)"


def test_a_killed_run_goes_on(place, killed):
    process = place.run_until_checkpoint("resume", killed)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert f"run {killed} goes on at step" in err


@pytest.fixture(scope="class")
def uninstalled(place, finished, killed):
    """Take the example away, for the time of a class."""
    place.pip("uninstall", "--yes", "--quiet", "genpolicy-drift")
    yield
    place.install("genpolicy-drift")


@pytest.mark.usefixtures("uninstalled")
class TestWithoutIt:
    def test_loading_says_what_is_missing_and_how_to_get_it(self, place, finished):
        _, err = place.call("python", "-c", LOAD, f"runs/{finished}/agent", status=1)
        assert f"objective {MISSING}" in err

    def test_evaluating_does(self, place, finished):
        _, err = place.call("agent", "evaluate", f"runs/{finished}/agent", status=3)
        assert MISSING in err

    def test_resuming_does(self, place, killed):
        _, err = place.call("agent", "resume", killed, status=3)
        assert MISSING in err

    def test_reproducing_does(self, place, finished):
        _, err = place.call("agent", "reproduce", finished, status=3)
        assert MISSING in err

    def test_its_runs_are_shown_all_the_same(self, place, finished, killed):
        assert {run["run"] for run in place.runs()} == {finished, killed}
        out, _ = place.call("agent", "runs", "show", finished)
        assert "genpolicy-drift" in out

    def test_everything_else_works(self, place):
        assert "drift" not in place.call("agent", "list", "backbone")[0]
        (only,) = json.loads(place.call("agent", "plugins", "list", "--json")[0])
        assert (only["distribution"], only["state"]) == ("genpolicy", "ok")
        _, err = place.call("agent", "run", "--objective", "drift-ql", status=3)
        assert "no installed plugin provides objective 'drift-ql'" in err


def test_installed_again_it_goes_on_where_it_was(place, killed):
    _, err = place.call("agent", "resume", killed)
    assert f"run {killed} goes on at step" in err
    assert {run["state"] for run in place.runs() if run["run"] == killed} == {"finished"}


def test_and_what_was_finished_is_reproduced_to_the_bit(place, finished):
    out, _ = place.call("agent", "reproduce", finished)
    assert "bit-identical: the trained weights and every episode are the same" in out
