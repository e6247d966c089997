"""Calls pip, always in a process of its own, and asks a fresh process what is installed now."""

import importlib.util
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from genpolicy.errors import PartError

Listing = list[dict[str, Any]]
"""What ``agent plugins list --json`` prints."""

_LIST: Final = """
import contextlib, sys
from genpolicy_cli.main import main

with open(sys.argv[1], "w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
    status = main(["plugins", "list", "--json"])
raise SystemExit(status)
"""


def pip(command: str, *arguments: str) -> None:
    """Call pip; what it prints goes to the standard error.

    Raises:
        PartError: It is not installed here, or fails.
    """
    if importlib.util.find_spec("pip") is None:
        raise PartError(f"pip is not installed here; type: {_instead(command, arguments)}")
    call = [sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", command, *arguments]
    sys.stderr.flush()
    status = subprocess.run(call, stdout=2, check=False).returncode
    if status:
        raise PartError(f"`pip {shlex.join([command, *arguments])}` failed: see above")


def fresh_listing() -> Listing:
    """Return the plugins as a new process finds them: this one has loaded the former ones.

    Raises:
        PartError: That process fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plugins.json"
        call = [sys.executable, "-P", "-c", _LIST, str(file)]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        try:
            found: Listing = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise PartError(f"the installed plugins cannot be listed: {last}") from None
    return found


def _instead(command: str, arguments: tuple[str, ...]) -> str:
    """Return what to type where pip is missing, as in environments of uv and pipx."""
    typed = shlex.join(each for each in arguments if each != "--yes")  # only pip asks
    if "pipx" in Path(sys.prefix).parts:
        return f"pipx {'inject' if command == 'install' else 'uninject'} genpolicy {typed}"
    python = shlex.quote(sys.executable)
    if shutil.which("uv") or _made_by_uv():
        return f"uv pip {command} --python {python} {typed}"
    return f"{python} -m ensurepip, and then {python} -m pip {command} {typed}"


def _made_by_uv() -> bool:
    facts = Path(sys.prefix) / "pyvenv.cfg"
    return facts.is_file() and "\nuv = " in facts.read_text(encoding="utf-8")
