import math
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from genpolicy.training import room
from genpolicy.training.room import free_memory

CPU = torch.device("cpu")
STATUS = "Name:\tx\nVmSize:\t    4000 kB\nVmData:\t     1000 kB\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 10 000 kB to have, no limits and no control groups."""
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 50000 kB\nMemAvailable:  10000 kB\n")
    (tmp_path / "proc" / "self" / "status").write_text(STATUS)
    monkeypatch.setattr(room, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(room, "_CGROUPS", tmp_path / "cgroup")
    return tmp_path


@pytest.fixture
def unlimited() -> Iterator[None]:
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    before = {kind: resource.getrlimit(kind) for kind in kinds}
    yield
    for kind, limits in before.items():
        resource.setrlimit(kind, limits)


def group(machine: Path, line: str, folder: str, limit: str, used: str) -> Path:
    (machine / "proc" / "self" / "cgroup").write_text(line)
    where = machine / "cgroup" / folder
    where.mkdir(parents=True)
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    names = ("memory.max", "memory.current") if line.startswith("0:") else names
    for name, value in zip(names, (limit, used), strict=True):
        (where / name).write_text(value)
    (where / "memory.stat").write_text("anon 5\ninactive_file 300\n")
    return where


def test_without_limits_it_is_what_the_machine_has(machine: Path) -> None:
    assert free_memory(CPU) == 10_000 * 1024


@pytest.mark.parametrize(
    ("kind", "used"), [(resource.RLIMIT_AS, 4000), (resource.RLIMIT_DATA, 1000)]
)
def test_limits_of_the_process_count(
    kind: int, used: int, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {kind: (6000 * 1024, -1)}
    monkeypatch.setattr(
        room.resource, "getrlimit", lambda asked: limits.get(asked, (resource.RLIM_INFINITY, -1))
    )
    assert free_memory(CPU) == (6000 - used) * 1024


@pytest.mark.parametrize(
    ("line", "folder"),
    [
        ("0::/user/me\n", "user/me"),
        ("0::/user/me\n", "user"),
        ("4:memory:/box\n", "memory/box"),
        ("4:memory:/elsewhere\n", "memory"),
    ],
)
def test_limits_of_control_groups_and_of_those_above_count(
    line: str, folder: str, machine: Path
) -> None:
    group(machine, line, folder, "5000", "1000")
    assert free_memory(CPU) == 5000 - 1000 + 300


def test_a_group_without_a_limit_limits_nothing(machine: Path) -> None:
    group(machine, "0::/\n", "", "max", "1000")
    assert free_memory(CPU) == 10_000 * 1024


def test_where_nobody_knows_there_is_room(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_PROC", machine / "nothing")
    assert free_memory(CPU) == math.inf
    assert free_memory(torch.device("meta")) == math.inf


def test_this_machine_has_some() -> None:
    assert 0 < free_memory(CPU) < 1e15


@pytest.mark.usefixtures("unlimited")
def test_a_real_limit_is_seen() -> None:
    used = room._status(Path("/proc/self/status"), "VmData")
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (int(used) + (200 << 20), hard))
    assert free_memory(CPU) <= 200 << 20
