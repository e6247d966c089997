"""Which process trains a run, and whether it is still there."""

import os
import socket
from pathlib import Path

import attrs


@attrs.frozen
class Owner:
    """A process that trains a run.

    Args:
        token: A random text, different for every claim.
        host: The host and process namespace that the identifier below belongs to.
        pid: Its process identifier there.
    """

    token: str
    host: str
    pid: int

    @property
    def place(self) -> str:
        """The name of its host."""
        return self.host.split()[0]


def this_process(token: str) -> Owner:
    """Return the present process as an owner."""
    return Owner(token, _host(), os.getpid())


def is_dead(owner: Owner) -> bool:
    """Whether a process is known to have ended; one elsewhere is never known to."""
    if os.name != "posix" or owner.host != _host():
        return False
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(owner.pid)


def _host() -> str:
    # Containers may share a host's name, and then a number means another process in each.
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()} {namespace}".strip()


def _is_zombie(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[:1] == ["Z"]
