"""Disks that fill up."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A real file system of a given size; skip in words where this user may not mount one."""
    folder.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("needs mount")
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this user may not mount file systems")
    try:
        yield folder
    finally:
        with suppress(OSError):
            subprocess.run(["umount", "-l", str(folder)], check=True)


def enlarge(disk: Path, size: str) -> None:
    """Give such a file system more space."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)
