import multiprocessing
import os
import random
import signal
import time
from contextlib import suppress

import pytest

from genpolicy.errors import RegistryError
from genpolicy.registry import Registry, RunQuery

PROCESSES, TRANSACTIONS = 12, 36
fork = multiprocessing.get_context("fork")


def write_one_run(path, run, metrics, gate):
    gate.wait()
    with Registry.open(path) as registry:
        writer = registry.start(run)
        for step in range(TRANSACTIONS):
            writer.on_metrics(metrics(step))
            assert writer.flush()
        assert writer.finish("finished")


@pytest.mark.slow
def test_twelve_processes_write_one_new_registry_and_lose_nothing(empty, make_run, metrics):
    gate = fork.Barrier(PROCESSES + 1)
    runs = [make_run(f"run{index}") for index in range(PROCESSES)]
    workers = [fork.Process(target=write_one_run, args=(empty, run, metrics, gate)) for run in runs]
    for worker in workers:
        worker.start()
    gate.wait()
    looks = 0
    while any(worker.is_alive() for worker in workers):
        looks += read_while_they_write(empty)
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    assert looks
    with Registry.open(empty, read_only=True) as registry:
        assert len(registry.runs(RunQuery(states=("finished",)))) == PROCESSES
        for run in runs:
            detail = registry.run(run.id)
            assert [record.step for record in detail.metrics] == list(range(TRANSACTIONS))
            assert detail.start == run


def read_while_they_write(location):
    with suppress(RegistryError), Registry.open(location, read_only=True) as registry:
        for summary in registry.runs():
            steps = [record.step for record in registry.run(summary.id).metrics]
            assert steps == list(range(len(steps)))
        time.sleep(0.02)
        return 1
    return 0  # it is not there yet


def write_until_killed(path, make_evaluation, metrics, acknowledge, first_step):
    with Registry.open(path) as registry:
        writer = registry.claim("a1b2c3")
        writer.rewind(first_step)
        for step in range(first_step + 1, 1_000_000):
            writer.on_metrics(metrics(step, loss=float(step), q=1.0))
            if step % 3 == 0:
                writer.on_evaluation(make_evaluation(1.0, 2.0, 3.0, step=step, selection=None))
            if step % 2 == 0:
                assert writer.flush()
                os.write(acknowledge, f"{step}\n".encode())


@pytest.mark.slow
def test_a_killed_writer_leaves_everything_that_was_flushed(
    location, make_run, make_evaluation, metrics, backdoor
):
    dice = random.Random(0)
    with Registry.open(location) as registry:
        registry.start(make_run()).close()
    done = 0
    for _ in range(7):
        before = done
        receiver, sender = os.pipe()
        arguments = (location, make_evaluation, metrics, sender, done)
        worker = fork.Process(target=write_until_killed, args=arguments)
        worker.start()
        os.close(sender)
        with os.fdopen(receiver) as pipe:
            first = pipe.readline()  # from here on it writes, however slow the machine
            time.sleep(dice.uniform(0.0, 0.3))
            os.kill(worker.pid, signal.SIGKILL)
            worker.join()
            acknowledged = (first + pipe.read()).split("\n")
        done = int(acknowledged[-2])  # what follows the last line break was cut short
        assert before < done
        check_after_kill(location, backdoor, done)
    assert done > 20


def check_after_kill(location, backdoor, done):
    assert backdoor.faults() == []
    assert backdoor.execute("SELECT state FROM runs") == [("running",)]
    with Registry.open(location, read_only=True) as registry:
        detail = registry.run("a1b2c3")
    steps = [record.step for record in detail.metrics]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) >= done
    assert all(record.values == {"loss": record.step, "q": 1.0} for record in detail.metrics)
    evaluated = [record.step for record in detail.evaluations]
    assert evaluated[: done // 3] == list(range(3, done + 1, 3))
    assert all(len(record.episodes) == 3 for record in detail.evaluations)
