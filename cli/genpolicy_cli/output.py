"""Where output goes: results to the standard output, everything else to the standard error."""

import json
import math
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import attrs
from rich.console import Console

from genpolicy_cli.advice import completed

_PIPED_WIDTH: Final = 200  # what is piped somewhere is not to be cut at a terminal's width


def out() -> Console:
    """Return the console for results."""
    return _console(stderr=False)


def err() -> Console:
    """Return the console for progress, hints and complaints."""
    return _console(stderr=True)


def say(message: str) -> None:
    """Tell the user something that stops nothing."""
    err().print(f"warning: {completed(message)}", style="yellow", soft_wrap=True)


def print_json(value: object) -> None:
    """Print records or plain values as JSON on the standard output."""
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def plain(value: Any) -> Any:
    """Return a record or value as JSON can hold it: NaN and infinities become texts."""
    if attrs.has(type(value)):
        return {
            field.name.rstrip("_"): plain(getattr(value, field.name))
            for field in attrs.fields(type(value))
        }
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPED_WIDTH
    # The stream of now: libraries that are quiet while they load swap it for a while.
    return Console(file=stream, width=width, markup=False, highlight=False)
