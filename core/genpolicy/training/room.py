"""How much memory a process may still take."""

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import torch

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

_PROC: Final = Path("/proc")
_CGROUPS: Final = Path("/sys/fs/cgroup")


def free_memory(device: torch.device) -> float:
    """Return how many bytes can still be had on a device; infinity where nobody knows.

    On a CPU that is the least of what the machine has available and of what the limits of the
    process and of its control group leave.
    """
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return math.inf
    return min(_available(), _left_by_limits(), _left_by_groups())


def _available() -> float:
    return _status(_PROC / "meminfo", "MemAvailable")


def _left_by_limits() -> float:
    """Return what ``ulimit`` leaves: of the address space, and of the memory that is written to."""
    if resource is None:
        return math.inf
    pairs = ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData"))
    rest = [math.inf]
    for limit, used in pairs:
        most = resource.getrlimit(limit)[0]
        taken = _status(_PROC / "self" / "status", used)
        if most != resource.RLIM_INFINITY and taken < math.inf:
            rest.append(max(0.0, most - taken))
    return min(rest)


def _left_by_groups() -> float:
    rest = [math.inf]
    for group in _groups():
        for limit, used in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            with suppress(OSError, ValueError):  # "max" where there is no limit
                most, taken = (int((group / name).read_text()) for name in (limit, used))
                rest.append(max(0.0, most - taken + _reclaimable(group)))
    return min(rest)


def _groups() -> Iterator[Path]:
    """Yield the control groups that count this process's memory, and those that hold them."""
    try:
        lines = (_PROC / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            root = _CGROUPS / controllers
            group = root / path.lstrip("/")
            yield from (each for each in (group, *group.parents) if each.is_relative_to(root))


def _reclaimable(group: Path) -> int:
    """Return how much of a group's memory is files that would make room."""
    for line in (group / "memory.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return int(value)
    return 0


def _status(path: Path, name: str) -> float:
    """Return a number of kibibytes, in bytes."""
    with suppress(OSError):
        for line in path.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return 1024.0 * int(line.split()[1])
    return math.inf
