"""The file that says whose a run's folder is, locked by the process that trains the run.

A registry may be copied, and a copy knows nothing of what happens to the original. The folder is
there once: this file in it names the run, and whoever trains it holds a lock on it. Where there are
no such locks, as on some network drives, the file still tells whose the folder is.
"""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import attrs

from genpolicy.registry.clock import LOST_AFTER_SECONDS
from genpolicy.registry.processes import Owner, is_dead

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

FILE_NAME: Final = ".run"


@attrs.define(eq=False)
class Mark:
    """The mark in a run's folder, held by this process until it is let go.

    Args:
        path: The file.
        run_id: The run.
        owner: This process.
        registry: The place of the registry that it records the run in.
    """

    path: Path
    run_id: str
    owner: Owner
    registry: str
    _file: IO[str] | None = None

    def hold(self) -> None:
        """Put a file that is locked in the place of the one there; other folders get none."""
        with suppress(OSError):
            if is_marked(self.path.parent, self.run_id):
                self._file = _written(self.path, self.run_id, self.registry, self.owner)

    def beat(self) -> None:
        """Show that the process is at work."""
        if self._file is not None:
            with suppress(OSError):
                os.utime(self._file.fileno())

    def let_go(self) -> None:
        """Unlock the file, which stays."""
        if self._file is not None:
            with suppress(OSError):
                _lock(self._file, fcntl.LOCK_UN if fcntl else 0)  # forked processes have it open
            self._file.close()
            self._file = None


def mark(folder: Path, run_id: str, registry: str) -> None:
    """Say that a folder, which was made for it, is a run's.

    Raises:
        OSError: It cannot be written.
    """
    _written(folder / FILE_NAME, run_id, registry, None).close()


def is_marked(folder: Path, run_id: str) -> bool:
    """Whether a folder says that it is a run's, and is no link to another's."""
    return not folder.is_symlink() and _told(folder / FILE_NAME).get("run") == run_id


def holder(folder: Path) -> Owner | None:
    """Return the process that trains the run whose folder this is, if one does.

    One that was not heard of for a minute is not taken to.
    """
    path = folder / FILE_NAME
    try:
        owner = Owner(**_told(path)["owner"])
        silent = time.time() - path.stat().st_mtime
        if silent > LOST_AFTER_SECONDS or not _is_locked(path) or is_dead(owner):
            return None
    except (OSError, KeyError, TypeError):
        return None
    return owner


def is_of_another_registry(folder: Path, registry: str) -> str | None:
    """Return the registry that a folder's run is recorded in, if that is there and another."""
    other = _told(folder / FILE_NAME).get("registry")
    if not isinstance(other, str) or other == registry:
        return None
    if not os.path.isabs(other):  # a server's
        return other
    with suppress(OSError):
        return None if os.path.samefile(other, registry) else other
    return other if os.path.exists(other) else None


def _written(path: Path, run_id: str, registry: str, owner: Owner | None) -> IO[str]:
    """Put a new file in the place of another's, which may be locked; return it, open."""
    made = path.with_name(f"{FILE_NAME}.{os.getpid()}")
    file = made.open("w", encoding="utf-8")
    try:
        if owner is not None:
            with suppress(OSError):  # where files cannot be locked, it goes on without
                _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB if fcntl else 0)
        told = {"run": run_id, "registry": registry, "owner": owner and attrs.asdict(owner)}
        json.dump(told, file)
        file.flush()
        made.replace(path)
    except BaseException:
        file.close()
        made.unlink(missing_ok=True)
        raise
    return file


def _told(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _is_locked(path: Path) -> bool:
    with path.open(encoding="utf-8") as file:
        try:
            _lock(file, fcntl.LOCK_SH | fcntl.LOCK_NB if fcntl else 0)
        except BlockingIOError:
            return True
    return False


def _lock(file: IO[str], how: int) -> None:
    if fcntl is not None:
        fcntl.flock(file, how)
