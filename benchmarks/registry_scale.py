"""How fast the registry answers when it holds 100, 1 000 and 10 000 runs.

    python benchmarks/registry_scale.py make /tmp/scale 100 1000 10000
    python benchmarks/registry_scale.py measure /tmp/scale

``make`` writes a registry per size: each run with 1 000 metric rows, ten looks of 20 episodes and
a final evaluation of 100, on data and with parts whose names are invented. ``measure`` times the
commands as processes, less what the same command costs on a registry of one run, and prints the
median CPU seconds of five.
"""

import argparse
import os
import random
import statistics
import subprocess
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

from sqlalchemy import insert, update

from genpolicy.records import DatasetRecord, EpisodeRecord, EvaluationRecord, PartRecord, RunStart
from genpolicy.registry import Registry, schema
from genpolicy.registry.database import Database, sqlite_database
from genpolicy.registry.rows import insert_run, write_record

METRIC_ROWS = 1000
TIMES = 5
OPTIONS = {f"option_{number}": [256] * number for number in range(8)}
SHAPES = {1: (1, 1, 1), 100: (2, 10, 5), 1000: (5, 20, 10), 10_000: (10, 20, 50)}
COMMANDS = {
    "list": ("runs",),
    "list all": ("runs", "--limit", "100000", "--csv"),
    "filter": ("runs", "--objective", "method-1*", "--min-score", "60", "--sort", "score"),
    "leaderboard": ("leaderboard",),
    "show": ("runs", "show", "000000"),
    "sql": ("runs", "sql", "SELECT objective, avg(score_mean) FROM v_runs GROUP BY objective"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("act", choices=("make", "measure"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("sizes", nargs="*", type=int, default=[100, 1000, 10_000])
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    act = make if asked.act == "make" else measure
    for size in [1, *asked.sizes] if asked.act == "make" else asked.sizes:
        act(asked.folder, size)


def make(folder: Path, size: int) -> None:
    path = folder / f"{size}.db"
    path.unlink(missing_ok=True)
    Registry.open(path).close()
    database = sqlite_database(path)
    cells = product(*map(range, SHAPES[size]))
    while batch := list(islice(cells, 100)):
        write(database, batch)
    database.close()
    with Registry.open(path) as registry:
        registry.compact()
    print(f"{size} runs: {path.stat().st_size / 1e6:.0f} MB", flush=True)


def write(database: Database, cells: list[tuple[int, int, int]]) -> None:
    with database.writing() as connection:
        for cell in cells:
            run = start(*cell)
            insert_run(connection, run, {})
            for evaluation in evaluations(*cell):
                write_record(connection, run.id, evaluation)
            connection.execute(insert(schema.metrics), list(metrics(run.id)))
            finished = update(schema.runs).where(schema.runs.c.id == run.id)
            connection.execute(finished.values(state="finished", seconds=180.0, step=50_000))


def start(dataset: int, method: int, seed: int) -> RunStart:
    names = {
        "backbone": f"genpolicy/backbone-{method % 4}",
        "network": "genpolicy/mlp",
        "objective": f"genpolicy/method-{method}",
        "critic": "genpolicy/double-q",
        "solver": "genpolicy/euler",
        "inference": "genpolicy/sample",
        "dataset": f"genpolicy/world/{dataset}",
    }
    return RunStart(
        id=f"{dataset:02}{method:02}{seed:02}" + "0" * 6,
        seed=seed,
        recipe={
            "parts": {kind: {"name": name, "options": OPTIONS} for kind, name in names.items()},
            "train": OPTIONS,
            "evaluation": OPTIONS,
            "seed": seed,
        },
        recipe_hash=f"{dataset:02}{method:02}" + "ab" * 30,
        origins={f"{kind}.hidden": "default" for kind in names},
        parts=tuple(part(kind, name) for kind, name in names.items()),
        dataset=DatasetRecord(
            name=f"world/{dataset}", fingerprint=f"{dataset:064}", transitions=10**6, episodes=1000
        ),
        directory=f"/runs/{dataset}-{method}-{seed}",
        device="cpu",
        versions={f"package-{number}": "1.0.0" for number in range(60)},
        host={"name": "scale", "processors": 2},
        tags=("scale",),
    )


def part(kind: str, name: str) -> PartRecord:
    return PartRecord(
        slot=kind,
        kind=kind,
        name=name,
        distribution="genpolicy",
        version="1.0.0",
        source_hash="cd" * 32,
        options=OPTIONS,
    )


def evaluations(dataset: int, method: int, seed: int) -> Iterator[EvaluationRecord]:
    draw = random.Random(dataset * 10_000 + method * 100 + seed)
    level = 30 + 2.5 * method + draw.gauss(0, 6)
    for step in range(5_000, 50_001, 5_000):
        yield evaluation(draw, level * step / 50_000, step, "default-look", None, 20)
    yield evaluation(draw, level, 50_000, "default", "last", 100)


def evaluation(
    draw: random.Random, level: float, step: int, protocol: str, selection: str | None, count: int
) -> EvaluationRecord:
    returns = [draw.gauss(level, 20) for _ in range(count)]
    return EvaluationRecord(
        stage="policy",
        step=step,
        protocol=protocol,
        selection=selection,
        environment={"id": "World-v0"},
        seed=100_000,
        episodes=tuple(episode(number, value) for number, value in enumerate(returns)),
        random_return=0.0,
        expert_return=100.0,
        seconds=2.0,
    )


def episode(number: int, value: float) -> EpisodeRecord:
    solved = value > 50
    return EpisodeRecord(
        return_=value,
        length=300,
        success=solved,
        steps_to_success=80 if solved else None,
        seed=number,
    )


def metrics(run_id: str) -> Iterator[dict[str, object]]:
    names = ("policy_loss", "critic_loss", "q_mean", "gradient_norm")
    for row in range(METRIC_ROWS):
        step, name = 200 * (row // len(names)), names[row % len(names)]
        yield {
            "run_id": run_id,
            "stage": "policy",
            "step": step,
            "name": name,
            "value": 1.0 / (1 + step),
            "special": None,
        }


def measure(folder: Path, size: int) -> None:
    for name, words in COMMANDS.items():
        pairs = [(cpu(folder, 1, words), cpu(folder, size, words)) for _ in range(TIMES)]
        beyond = statistics.median(full - empty for empty, full in pairs)
        startup = statistics.median(empty for empty, _ in pairs)
        print(f"| {size:,} | {name} | {beyond:.2f} | {startup:.2f} |", flush=True)


def cpu(folder: Path, size: int, words: tuple[str, ...]) -> float:
    before = os.times()
    command = ["agent", *words, "--registry", str(folder / f"{size}.db")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    used = after.children_user - before.children_user
    return used + after.children_system - before.children_system


if __name__ == "__main__":
    main()
