"""A registry to test, on each kind of database, and records to write into it."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backdoor import Backdoor
from genpolicy.records import (
    DatasetRecord,
    EpisodeRecord,
    EvaluationRecord,
    MetricsRecord,
    PartRecord,
    RunStart,
)
from genpolicy.registry import Registry
from postgres import Server

DATABASES = {"sqlite": "path", "postgresql": "server"}
"""Kinds of databases, and the fixture that only tests of one kind name."""


def part(slot: str, name: str, **options: object) -> PartRecord:
    return PartRecord(
        slot=slot,
        kind=slot,
        name=name,
        distribution=name.split("/")[0],
        version="1.2.3",
        source_hash="ab" * 32,
        options=options,
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Test registries on every kind of database, or on that whose file or server a test names."""
    names = metafunc.fixturenames
    if "database_kind" in names:
        chosen = [kind for kind, own in DATABASES.items() if own in names]
        metafunc.parametrize("database_kind", chosen or list(DATABASES))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of an SQLite registry, which is not there yet."""
    return tmp_path / "registry.db"


@pytest.fixture
def empty(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> str:
    """Where a registry can be created, on each kind of database in turn."""
    if database_kind == "sqlite":
        return f"sqlite:///{tmp_path / 'registry.db'}"
    return str(request.getfixturevalue("server").url(request.getfixturevalue("database")))


@pytest.fixture
def location(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> Iterator[str]:
    """Where a registry is or can be created, on each kind of database in turn."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'registry.db'}"
        return
    server: Server = request.getfixturevalue("server")
    template = request.getfixturevalue("template")
    name = server.borrow(template)
    yield server.url(name)
    server.give_back(name, template)


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """The name of a database with an empty registry, quicker to copy than to make."""
    name = server.new_database()
    Registry.open(server.url(name)).close()
    return name


@pytest.fixture
def registry(location: str) -> Iterator[Registry]:
    with Registry.open(location) as registry:
        yield registry


@pytest.fixture
def backdoor(location: str) -> Backdoor:
    return Backdoor(location)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunStart]:
    def make(id: str = "a1b2c3", **changes: object) -> RunStart:
        fields: dict[str, object] = {
            "seed": 7,
            "recipe": {"objective": {"name": "gmpg", "eta": 2.0}},
            "recipe_hash": "cd" * 32,
            "origins": {"objective.eta": "command line"},
            "parts": (part("backbone", "genpolicy/flow", sigma=0.1), part("solver", "x/euler")),
            "dataset": DatasetRecord(
                name="pointmaze/umaze", fingerprint="ef" * 32, transitions=1000, episodes=10
            ),
            "directory": str(tmp_path / "runs" / id),
            "device": "cpu",
            "versions": {"python": "3.11.9"},
            "host": {"name": "here", "processors": 2},
        }
        return RunStart(id=id, **{**fields, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_evaluation() -> Callable[..., EvaluationRecord]:
    def make(*returns: float, **changes: object) -> EvaluationRecord:
        fields: dict[str, object] = {
            "stage": "policy",
            "step": 100,
            "protocol": "horizon-300",
            "selection": "last",
            "environment": {"id": "PointMaze_UMaze-v3"},
            "seed": 5,
            "random_return": 0.0,
            "expert_return": 200.0,
            "seconds": 1.5,
        }
        episodes = tuple(
            EpisodeRecord(
                return_=value,
                length=300,
                success=value > 0,
                steps_to_success=20 if value > 0 else None,
                seed=index,
            )
            for index, value in enumerate(returns)
        )
        return EvaluationRecord(episodes=episodes, **{**fields, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def metrics() -> Callable[..., MetricsRecord]:
    def make(step: int, stage: str = "policy", **values: float) -> MetricsRecord:
        return MetricsRecord(stage=stage, step=step, values=values or {"loss": step / 10})

    return make


@pytest.fixture
def as_nobody() -> Callable[[Callable[[], object]], str]:
    """Runs something as a user whom file permissions bind, and returns what it gave or raised."""

    def run(act: Callable[[], object]) -> str:
        receiver, sender = os.pipe()
        child = os.fork()
        if child == 0:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            try:
                answer = str(act())
            except Exception as error:
                answer = f"{type(error).__name__}: {error}"
            os.write(sender, answer.encode())
            os._exit(0)
        os.close(sender)
        os.waitpid(child, 0)
        with os.fdopen(receiver) as pipe:
            return pipe.read()

    return run


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)
