"""Keeps the standard output clean while foreign code is imported, for those who parse it."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def remember_stdout() -> Iterator[io.StringIO]:
    """Collect what Python code prints; what C code or child processes write goes to stderr."""
    text = io.StringIO()
    with _descriptor_to_stderr(), redirect_stdout(text):
        yield text


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send everything that is printed to the standard error."""
    with _descriptor_to_stderr(), redirect_stdout(sys.stderr):
        yield


@contextmanager
def _descriptor_to_stderr() -> Iterator[None]:
    _flush()
    kept = _divert()
    try:
        yield
    finally:
        _flush()
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


def _divert() -> int | None:
    """Point descriptor 1 at the standard error; return a copy of it, or None if one is closed."""
    try:
        os.fstat(2)
        kept = os.dup(1)
    except OSError:
        return None
    os.dup2(2, 1)
    return kept


def _flush() -> None:
    for stream in (sys.stdout, sys.__stdout__):
        if stream is not None and not stream.closed:
            stream.flush()
