"""Makes the databases that tests bring up to date, one per released schema and kind of database.

Before the schema changes, with the program that still has the old one::

    PYTHONPATH=tests python tests/core/registry/schemas/make.py

writes ``schema-N.sqlite.sql`` and ``schema-N.postgresql.sql`` beside this file. Tests compare what
becomes of them with what :func:`fill` writes today, so it may gain runs, and those there stay.
"""

import math
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from genpolicy.records import (
    ArtifactRecord,
    DatasetRecord,
    EpisodeRecord,
    EvaluationRecord,
    EventRecord,
    MetricsRecord,
    PartRecord,
    RunStart,
)
from genpolicy.registry import Registry, RunWriter, schema
from postgres import Server, running_server

HERE = Path(__file__).parent
ELSEWHERE = Path("/data/elsewhere")
NEVER_SAME = frozenset(
    {"created", "started", "finished", "heartbeat", "seconds", "recorded", "time"}
)
"""What no two registries filled by this have in common."""

_NOTE = "INSERT INTO notes (run_id, note, recorded) VALUES (:run, :note, '2026-01-02 03:04:05.0')"
_OWNED = (
    "UPDATE runs SET owner = 'token', owner_host = 'elsewhere', owner_pid = 12, "
    "heartbeat = '2026-01-02 03:04:05.000000' WHERE id = :run"
)


def fill(registry: Registry, folder: Path) -> None:
    """Write runs of every kind into an empty registry.

    Args:
        registry: The registry.
        folder: Where most runs keep their files.
    """
    _finished(registry.start(_run("finished1", folder, tags=("paper", "Größe"))), folder)
    _diverged(registry.start(_run("diverged1", folder, recipe={"clip": math.inf, "list": [1]})))
    _interrupted(registry.start(_run("stopped1", ELSEWHERE, parent="finished1")))
    _running(registry.start(_run("running1", folder)))
    _measured(registry.start(_run("expert1", folder, recipe={"reference": "expert"}, parts=())))
    with registry._database.writing() as connection:
        for run, note in (("finished1", "odd curve"), ("finished1", "it's fine"), ("running1", "")):
            connection.execute(text(_NOTE), {"run": run, "note": note})
        connection.execute(text(_OWNED), {"run": "running1"})


def _run(id: str, folder: Path, **changes: object) -> RunStart:
    backbone = PartRecord(
        slot="backbone",
        kind="backbone",
        name="genpolicy/flow",
        distribution="genpolicy",
        version="0.1.0",
        source_hash="ab" * 32,
        options={"sigma": 0.1, "clip": -math.inf},
    )
    solver = PartRecord(
        slot="solver",
        kind="solver",
        name="genpolicy-extra/euler",
        distribution="genpolicy-extra",
        version="2.0",
        source_hash="",
        options={},
    )
    fields: dict[str, object] = {
        "seed": 2**62,
        "recipe": {"objective": {"name": "gmpg", "eta": 2.0}, "none": None},
        "recipe_hash": "cd" * 32,
        "origins": {"objective.eta": "command line"},
        "parts": (backbone, solver),
        "dataset": DatasetRecord(
            name="pointmaze/umaze", fingerprint="ef" * 32, transitions=1000, episodes=10
        ),
        "directory": str(folder / "runs" / id),
        "device": "cpu",
        "versions": {"python": "3.11.9", "genpolicy": "0.1.0"},
        "host": {"name": "here", "processors": 2},
        "command": "agent run --backbone flow",
        "git_commit": "12" * 20,
        "git_dirty": False,
    }
    return RunStart(id=id, **{**fields, **changes})  # type: ignore[arg-type]


def _evaluation(
    *returns: float, solved: tuple[bool | None, ...] = (), **changes: object
) -> EvaluationRecord:
    told = solved or tuple(value > 0 for value in returns)
    episodes = tuple(
        EpisodeRecord(
            return_=value,
            length=300,
            success=success,
            steps_to_success=20 + index if success else None,
            seed=index,
        )
        for index, (value, success) in enumerate(zip(returns, told, strict=True))
    )
    fields: dict[str, object] = {
        "stage": "policy",
        "step": 100,
        "protocol": "horizon-300",
        "selection": None,
        "environment": {"id": "PointMaze_UMaze-v3", "scale": math.nan},
        "seed": 5,
        "random_return": 1.0,
        "expert_return": 201.0,
        "seconds": 1.5,
    }
    return EvaluationRecord(episodes=episodes, **{**fields, **changes})  # type: ignore[arg-type]


def _finished(writer: RunWriter, folder: Path) -> None:
    writer.on_stage("critic", 0, 50)
    for step in range(10, 101, 10):
        stage = "critic" if step <= 50 else "policy"
        values = {"loss": 1.0 / step, "q/max": float(step), "ratio": 0.1 + 0.2}
        writer.on_metrics(MetricsRecord(stage=stage, step=step, values=values))
    writer.on_evaluation(_evaluation(0.0, 50.5, 7.25, step=50, stage="critic"))
    writer.on_evaluation(_evaluation(90.0, 0.0, 110.1, 33.3, 1e-3, selection="last"))
    writer.on_evaluation(_evaluation(120.0, 130.0, step=50, selection="best"))
    writer.on_evaluation(_evaluation(1.0, 2.0, selection="last", protocol="horizon-10"))
    for path in (folder / "runs" / "finished1" / "agent", ELSEWHERE / "agent"):
        writer.on_artifact(
            ArtifactRecord(kind="agent", path=str(path), sha256="9f" * 32, bytes=2**40, step=100)
        )
    writer.finish("finished", "all done")


def _diverged(writer: RunWriter) -> None:
    values = {"loss": math.nan, "q": math.inf, "v": -math.inf, "kl": -0.5}
    writer.on_metrics(MetricsRecord(stage="policy", step=3, values=values))
    writer.on_evaluation(_evaluation(math.nan, 4.0, step=1, selection="last"))
    writer.on_evaluation(_evaluation(math.inf, -math.inf, step=2, solved=(None, None)))
    writer.on_evaluation(_evaluation(5.0, 6.0, step=3, solved=(True, None)))
    writer.on_evaluation(_evaluation(8.0, step=4, random_return=None, expert_return=None))
    writer.on_evaluation(_evaluation(step=5))
    writer.on_event(EventRecord(kind="warning", message="the loss is\nodd", step=3))
    writer.finish("failed", "the loss stopped being finite")


def _interrupted(writer: RunWriter) -> None:
    writer.on_metrics(MetricsRecord(stage="policy", step=10, values={"loss": 2.0}))
    writer.on_artifact(
        ArtifactRecord(
            kind="checkpoint", path="/data/elsewhere/c", sha256="7e" * 32, bytes=1, step=10
        )
    )
    writer.on_evaluation(_evaluation(77.0, 78.0, selection="best"))
    writer.finish("interrupted", "stopped by the user")


def _running(writer: RunWriter) -> None:
    writer.on_metrics(MetricsRecord(stage="policy", step=10, values={"loss": 2.0}))
    writer.close()


def _measured(writer: RunWriter) -> None:
    writer.on_evaluation(_evaluation(201.0, 199.5, 202.5, step=0, selection="last"))
    writer.finish("finished")


def _dump_sqlite(target: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        with Registry.open(folder / "registry.db") as registry:
            fill(registry, folder)
        with closing(sqlite3.connect(folder / "registry.db")) as file:
            target.write_text("\n".join(file.iterdump()) + "\n")


def _dump_postgresql(server: Server, target: Path) -> None:
    with Registry.open(server.url("postgres")) as registry:
        fill(registry, Path("/data"))
    program, where = server.programs / "pg_dump", server.url("postgres").replace("+psycopg", "")
    command = [program, "--inserts", "--no-owner", "--no-privileges", where]
    dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    plain = [line for line in dump.splitlines() if line and not line.startswith(("--", "\\"))]
    target.write_text("\n".join(plain) + "\n")


def main() -> None:
    """Write both files."""
    number = schema.SCHEMA_VERSION
    _dump_sqlite(HERE / f"schema-{number}.sqlite.sql")
    with running_server() as server:
        _dump_postgresql(server, HERE / f"schema-{number}.postgresql.sql")


if __name__ == "__main__":
    main()
