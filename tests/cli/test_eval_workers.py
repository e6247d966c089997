"""``agent run --eval-workers``: processes beside the training one, and how they end."""

import json
import os
import signal
import time
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
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _lives(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{number}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    "signals", [(signal.SIGKILL,), (signal.SIGINT, signal.SIGTERM)], ids=["killed", "stopped"]
)
def test_no_worker_outlives_its_run(signals, place, data, begin, tiny):
    made = ("--dataset", "npz:made.npz", "--quiet", *ONE)
    process = begin("run", *tiny, *made, "evaluation.fitted_q_steps=0", cwd=place)
    _awaited(lambda: data.exists() or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    worker = int(data.read_text())
    for number in signals:
        assert _lives(worker)
        process.send_signal(number)
        time.sleep(0.3)
    process.communicate(timeout=60)
    _awaited(lambda: not _lives(worker))


def test_a_resumed_run_may_have_workers_too(data, begin, tiny, place):
    made = ("--dataset", "npz:made.npz", "--quiet", "evaluation.fitted_q_steps=0")
    _killed_while_a_worker_plays(data, lambda: begin("run", *tiny, *made, *ONE, cwd=place))
    with Registry.open(str(place / "registry.db"), read_only=True) as registry:
        run = registry.runs()[0].id
    _killed_while_a_worker_plays(data, lambda: begin("resume", run, *ONE, cwd=place))


def _killed_while_a_worker_plays(playing, start):
    process = start()
    _awaited(lambda: playing.exists() or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    process.kill()
    process.communicate()
    playing.unlink()


def test_fewer_than_no_workers_are_refused(agent):
    done = agent("run", "--eval-workers", "-1")
    assert done.status == 2
    assert "'--eval-workers'" in done.err
