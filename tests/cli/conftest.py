"""The command line, called in this process or as a real program, in a folder of its own."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from genpolicy.discovery import catalogue
from genpolicy_cli.main import main

TINY = (
    "objective=bc",
    "objective.steps=20",
    "objective.batch_size=32",
    "network=mlp",
    "network.hidden=16",
    "evaluation.episodes=2",
    "evaluation.environments=2",
    "train.looks=1",
)

PLUGIN = """
from genpolicy import PartSpec, hookimpl

@hookimpl
def genpolicy_objectives():
    return [
        PartSpec(name="jumpy", summary="needs jumps", target="drift.parts:Jumpy"),
        PartSpec(name="faulty", summary="raises", target="drift.parts:Faulty"),
        PartSpec(name="endless", summary="diverges", target="drift.parts:Endless"),
    ]
"""

PARTS = """
import attrs
from genpolicy import Backbone, Batch, FlowMapBackbone, Loss, Objective, Stage, option

@attrs.frozen(kw_only=True)
class Base(Objective):
    steps: int = option(20, help="steps")

    def stages(self):
        rates = {"policy": 1e-3}
        return (Stage(name="policy", steps=self.steps, batch_size=8, learning_rates=rates),)

@attrs.frozen(kw_only=True)
class Jumpy(Base):
    def policy_loss(self, batch: Batch, policy: FlowMapBackbone) -> Loss: ...

@attrs.frozen(kw_only=True)
class Faulty(Base):
    def policy_loss(self, batch: Batch, policy: Backbone) -> Loss:
        raise ValueError("this cannot be")

@attrs.frozen(kw_only=True)
class Endless(Base):
    def policy_loss(self, batch: Batch, policy: Backbone) -> Loss:
        return Loss(policy.matching_loss(batch.action, batch.observation).mean() * float("inf"))
"""


PROGRAM = "import sys; from genpolicy_cli.main import main; sys.exit(main())"

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build]
dev-mode-dirs = ["."]

[project]
name = "{name}"
version = "{version}"

[project.entry-points.genpolicy]
parts = "{module}.plugin"
"""


@attrs.frozen
class Done:
    """What a call of ``agent`` came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Done]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AGENT_REGISTRY", str(tmp_path / "registry.db"))
    monkeypatch.delenv("AGENT_DEBUG", raising=False)
    return tmp_path


@pytest.fixture
def agent(capfd: pytest.CaptureFixture[str]) -> Call:
    """Call the command line in this process."""

    def call(*arguments: str) -> Done:
        capfd.readouterr()
        status = main(arguments)
        out, err = capfd.readouterr()
        return Done(status, out, err)

    return call


@attrs.frozen
class Distribution:
    """A third-party distribution, with a plugin and a module of parts."""

    folder: Path

    @property
    def plugin(self) -> Path:
        return self.folder / "drift" / "plugin.py"

    @property
    def parts(self) -> Path:
        return self.folder / "drift" / "parts.py"

    @property
    def info(self) -> Path:
        return self.folder / "genpolicy_drift-1.0.dist-info"

    def change(self, file: Path, text: str) -> None:
        """Rewrite a file and forget what was loaded, as a later call of the program would."""
        file.write_text(text)
        _forget()

    def uninstall(self) -> None:
        shutil.rmtree(self.info)
        _forget()


@pytest.fixture
def drift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Distribution]:
    """Install a third-party distribution for the time of a test."""
    made = Distribution(tmp_path / "site")
    package, info = made.plugin.parent, made.info
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text(PLUGIN)
    (package / "parts.py").write_text(PARTS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: genpolicy-drift\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[genpolicy]\nparts = drift.plugin\n")
    monkeypatch.syspath_prepend(str(made.folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # sources change within a second here
    _forget()
    yield made
    _forget()


@attrs.frozen
class Environment:
    """A virtual environment with this program, in which distributions are installed by pip."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "env" / "bin" / "python"

    def project(
        self, name: str, plugin: str, files: Mapping[str, str] | None = None, version: str = "1.0"
    ) -> Path:
        """Write a distribution's project and return its folder."""
        module, folder = name.replace("-", "_"), self.folder / "projects" / name
        (folder / module).mkdir(parents=True, exist_ok=True)
        project = PYPROJECT.format(name=name, version=version, module=module)
        (folder / "pyproject.toml").write_text(project)
        for path, text in {"__init__.py": "", "plugin.py": plugin, **(files or {})}.items():
            (folder / module / path).write_text(text)
        return folder

    def wheel(self, project: Path) -> Path:
        """Build a project's wheel with its own build backend."""
        from hatchling.build import build_wheel

        wheels = self.folder / "wheels"
        wheels.mkdir(exist_ok=True)
        with contextlib.chdir(project):
            return wheels / build_wheel(str(wheels))

    def install(self, *projects: Path) -> None:
        """Build projects and install their wheels with pip."""
        wheels = [str(self.wheel(project)) for project in projects]
        call = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet"]
        subprocess.run([*call, "--no-index", "--no-deps", *wheels], check=True)

    def install_editable(self, project: Path) -> None:
        """Install a project so that its files are used where they lie."""
        call = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet"]
        options = ["--no-index", "--no-deps", "--no-build-isolation", "-e", str(project)]
        subprocess.run([*call, *options], check=True)

    def run(self, *arguments: str, cwd: Path | None = None, **environ: str) -> Done:
        """Run Python code or a module there."""
        inherited = {key: value for key, value in os.environ.items() if "AGENT_" not in key}
        place = cwd or self.folder
        done = subprocess.run(
            [str(self.python), "-P", *arguments],
            cwd=place,
            env={
                **inherited,
                "AGENT_REGISTRY": str(self.folder / "registry.db"),
                "OMP_NUM_THREADS": "1",
                **environ,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def agent(self, *arguments: str, cwd: Path | None = None, **environ: str) -> Done:
        """Call the program there."""
        return self.run("-c", PROGRAM, *arguments, cwd=cwd, **environ)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Make an environment that sees what is installed beside these tests."""
    made = Environment(tmp_path_factory.mktemp("environment"))
    venv.create(made.folder / "env", with_pip=False)
    done = made.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    here = sysconfig.get_path("purelib")
    (Path(done.out.strip()) / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    return made


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """Return the settings of a run that takes a second."""
    return TINY


@pytest.fixture(scope="session")
def program() -> Call:
    """Call the program in a process of its own."""

    def call(*arguments: str, cwd: Path) -> Done:
        process = _popen(arguments, cwd)
        out, err = process.communicate()
        return Done(process.returncode, out, err)

    return call


@pytest.fixture(scope="session")
def begin() -> Callable[..., "subprocess.Popen[str]"]:
    """Start the program in a process of its own."""
    return lambda *arguments, cwd: _popen(arguments, cwd)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, program: Call) -> Path:
    """Return a folder with one finished run and its registry."""
    folder = tmp_path_factory.mktemp("finished")
    program("run", *TINY, "--tag", "first", cwd=folder)
    return folder


def _popen(arguments: Sequence[str], cwd: Path) -> "subprocess.Popen[str]":
    inherited = {key: value for key, value in os.environ.items() if "AGENT_" not in key}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=cwd,
        env={**inherited, "AGENT_REGISTRY": str(cwd / "registry.db"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _forget() -> None:
    catalogue._catalogue.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "drift"]:
        del sys.modules[name]
