"""The program in processes of its own that begin at once: forks of one that has it all imported.

To import the program costs seconds, to fork it milliseconds. The process that forks imports and
does nothing else, so it has one thread, and its forks begin as whole as a new process.
"""

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import attrs

_SERVE: Final = "import sys; sys.path.insert(0, sys.argv[1]); import ready; ready.serve()"


@attrs.frozen
class Ended:
    """What a process came to.

    Args:
        status: Its exit status, or minus the signal that killed it.
        said: What it wrote.
    """

    status: int
    said: str


@attrs.frozen(kw_only=True)
class Fate:
    """What becomes of a process from outside.

    Args:
        after: Seconds after which it gets a signal, if it lives that long.
        awaited: Names, with ``*`` in them, of files in its folder; the seconds are counted from
            when some came that were not there at first.
        files: How many of them.
        signal: Which signal.
        memory: How much address space it may take beyond what it has at first, in bytes.
        file_size: How large its files may get, in bytes; larger ones fail as on a full disk.
    """

    after: float | None = None
    awaited: str | None = None
    files: int = 1
    signal: int = signal.SIGKILL
    memory: int | None = None
    file_size: int | None = None


UNDISTURBED: Final = Fate()


class Ready:
    """A process that has imported the program, and forks it when asked to.

    Args:
        rehearsal: Arguments of a run; what it imports is imported once and for all.
        folder: Where to rehearse.
    """

    def __init__(self, rehearsal: Sequence[str], folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(Path(__file__).parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            text=True,
        )
        self._said = folder / "said"
        self._said.mkdir()
        self._ask({"rehearse": list(rehearsal), "folder": str(folder)})

    def run(self, *arguments: str, folder: Path, fate: Fate = UNDISTURBED) -> Ended:
        """Run the program in a folder and wait for its end."""
        return self.run_at_once([arguments], folder, fate)[0]

    def run_at_once(
        self, calls: Sequence[Sequence[str]], folder: Path, fate: Fate = UNDISTURBED
    ) -> list[Ended]:
        """Run the program several times at once and wait for all."""
        order = {"calls": [list(call) for call in calls], "fate": attrs.asdict(fate)}
        return [Ended(**each) for each in self._ask({**order, "folder": str(folder)})]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def _ask(self, order: dict[str, Any]) -> Any:
        order["said"] = str(self._said)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def serve() -> None:
    """Carry out orders, one per line."""
    import genpolicy_cli.main  # noqa: F401

    answers = os.dup(1)
    os.dup2(2, 1)  # what is printed by mistake is no answer
    for line in sys.stdin:
        order = json.loads(line)
        answer = _rehearse(**order) if "rehearse" in order else _carry_out(**order)
        os.write(answers, (json.dumps(answer) + "\n").encode())


def _rehearse(rehearse: list[str], folder: str, said: str) -> None:
    """Let a fork find out what a run imports, and import that here."""
    names = Path(folder) / "modules.txt"
    child = os.fork()
    if child == 0:
        status = _run(rehearse, folder, said)
        names.write_text("\n".join(sys.modules))
        os._exit(status)
    os.waitpid(child, 0)
    for name in names.read_text().splitlines():
        with suppress(Exception):
            importlib.import_module(name)
    threads = os.listdir("/proc/self/task")
    assert len(threads) == 1, f"{len(threads)} threads: forks would not be whole"


def _carry_out(
    calls: list[list[str]], folder: str, fate: dict[str, Any], said: str
) -> list[dict[str, Any]]:
    wanted = Fate(**fate)
    moment = _Moment(folder, wanted)
    children = [_start(call, folder, wanted, said) for call in calls]
    ended: dict[int, Ended] = {}
    while living := [child for child in children if child not in ended]:
        if moment.has_come():
            for child in living:
                os.kill(child, wanted.signal)
        for child in living:
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                file = _said(said, child)
                words = file.read_text() if file.exists() else ""
                ended[child] = Ended(os.waitstatus_to_exitcode(status), words)
        time.sleep(0.002)
    return [attrs.asdict(ended[child]) for child in children]


class _Moment:
    """When processes get their signal."""

    def __init__(self, folder: str, fate: Fate) -> None:
        self._folder, self._fate = Path(folder), fate
        self._known, self._come = self._found(), set[Path]()
        self._began = None if fate.awaited else time.monotonic()
        self._over = fate.after is None

    def has_come(self) -> bool:
        """Whether it has come, of which it is told once."""
        if self._over:
            return False
        if self._began is None:
            self._come |= self._found() - self._known
            self._began = time.monotonic() if len(self._come) >= self._fate.files else None
        if self._began is not None:
            self._over = time.monotonic() - self._began >= (self._fate.after or 0.0)
        return self._over

    def _found(self) -> set[Path]:
        return set(self._folder.glob(self._fate.awaited)) if self._fate.awaited else set()


def _start(call: list[str], folder: str, fate: Fate, said: str) -> int:
    child = os.fork()
    if child == 0:
        if fate.memory is not None:
            size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (size + fate.memory, -1))
        if fate.file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (fate.file_size, -1))
        os._exit(_run(call, folder, said))
    return child


def _run(call: list[str], folder: str, said: str) -> int:
    """Run the program as a new process would, and return its exit status."""
    from genpolicy_cli.main import main

    try:
        os.chdir(folder)
        os.environ["AGENT_REGISTRY"] = str(Path(folder) / "registry.db")
        words = os.open(_said(said, os.getpid()), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for stream in (1, 2):
            os.dup2(words, stream)
        status = main(call)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        return 70
    return status


def _said(said: str, process: int) -> Path:
    return Path(said) / f"{process}.txt"
