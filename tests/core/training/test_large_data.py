"""Data ten times larger than the memory that a process may take train."""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOM = 24 << 20
"""Bytes that the process may take beyond those that it has before it meets the data."""

WIDTH, LENGTH = 60, 1000

_PROGRAM = """
import json, os, resource, sys
from pathlib import Path
from genpolicy_cli.main import main

def taken(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))

small, large, room, *more = sys.argv[1:]
settings = ["--objective", "bc", "--backbone", "gaussian", "--quiet", "objective.steps=100"]
settings += ["--network", "mlp", "network.hidden=16,16", "evaluation.fitted_q_steps=0", *more]
assert main(["run", "--dataset", small, *settings]) == 0
limit = taken("VmData") + int(room)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
sys.exit(main(["run", "--dataset", large, *settings]))
"""


def write(path: Path, episodes: int) -> None:
    random = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        rows = episodes * LENGTH
        seen = file.create_dataset("observations", (rows, WIDTH), np.float32)
        done = file.create_dataset("actions", (rows, 6), np.float32)
        for episode in range(episodes):
            here = slice(episode * LENGTH, (episode + 1) * LENGTH)
            seen[here] = random.random((LENGTH, WIDTH), np.float32)
            done[here] = random.random((LENGTH, 6), np.float32)
        file["rewards"] = random.random(rows, np.float32)
        file["timeouts"] = np.arange(rows) % LENGTH == LENGTH - 1


@pytest.mark.slow
def test_data_ten_times_larger_than_memory_train(tmp_path: Path) -> None:
    row = 4 * (2 * WIDTH + 6 + 1) + 2
    write(tmp_path / "small.hdf5", 2)
    write(tmp_path / "large.hdf5", 10 * ROOM // (row * LENGTH) + 1)
    places = {"AGENT_CACHE": "cache", "AGENT_REGISTRY": "registry.db", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM, "hdf5:small.hdf5", "hdf5:large.hdf5", str(ROOM)],
        env={**os.environ, **places},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    stored = [json.loads(path.read_text()) for path in tmp_path.rglob("dataset.json")]
    assert len(stored) == 2
