"""``agent run --eval-workers``: processes beside the training one, and how they end."""

import json
import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from genpolicy.registry import Registry

TESTS = Path(__file__).parents[1]
ONE = ("--eval-workers", "1")
pytestmark = pytest.mark.slow


@pytest.fixture
def data(place, monkeypatch):
    """Write data in whose environment workers hang, and return where they then say who they are."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), *_inherited()]))
    dice, hanging = np.random.default_rng(0), place / "hanging"
    np.savez(
        place / "made.npz",
        observation=dice.normal(size=(64, 3)).astype(np.float32),
        action=dice.uniform(-1, 1, (64, 2)).astype(np.float32),
        reward=dice.normal(size=64).astype(np.float32),
        terminal=np.arange(64) % 16 == 15,
        environment=json.dumps(
            {"id": "drives:Drive-v0", "horizon": 8, "kwargs": {"hangs": str(hanging)}}
        ),
    )
    return hanging


def _inherited():
    return filter(None, [os.environ.get("PYTHONPATH")])


def _awaited(done):
    deadline = time.monotonic() + 300
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _lives(number):
    try:
        os.kill(number, 0)
        if not Path("/proc/self/stat").exists():
            return True
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@contextmanager
def _played_by_a_worker(playing, process):
    """Wait until a worker plays for a process; the worker is gone once the process is."""
    _awaited(lambda: _said(playing) or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    worker = int(_said(playing))
    assert _lives(worker)
    yield worker
    process.communicate(timeout=300)
    _awaited(lambda: not _lives(worker))
    playing.unlink()


def _said(playing):
    return playing.read_text() if playing.exists() else ""


def test_no_worker_outlives_its_run_whether_that_is_stopped_or_resumed_and_killed(
    data, begin, tiny, place
):
    made = ("--dataset", "npz:made.npz", "--quiet", "evaluation.fitted_q_steps=0")
    process = begin("run", *tiny, *made, *ONE, cwd=place)
    with _played_by_a_worker(data, process) as worker:
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None, "the first signal asks for a clean end, which takes the look"
        assert _lives(worker)
        process.send_signal(signal.SIGTERM)
    with Registry.open(str(place / "registry.db"), read_only=True) as registry:
        run = registry.runs()[0].id
    process = begin("resume", run, *ONE, cwd=place)
    with _played_by_a_worker(data, process):
        process.kill()


def test_fewer_than_no_workers_are_refused(agent):
    done = agent("run", "--eval-workers", "-1")
    assert done.status == 2
    assert "'--eval-workers'" in done.err
