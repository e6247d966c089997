"""How long a fresh process takes to its first training step."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

from genpolicy.bench.turns import FLOOR, OURS, Contender, Contest, Turn
from genpolicy.errors import RunError

NOTHING_BUT_TORCH: Final = (sys.executable, "-c", "import torch")
"""What no process that trains can do without."""


def start_contest(command: Sequence[str]) -> Contest:
    """Return the contest of starting: processor seconds and wall seconds of whole processes.

    Args:
        command: A process that does what a run does up to its first step, and ends there.
    """
    return Contest(
        what="first step",
        amount=None,
        contenders=[
            Contender(name=OURS, turn=_process(command)),
            Contender(name=FLOOR, turn=_process(NOTHING_BUT_TORCH)),
        ],
        remarks=("the floor of the first step is a process that imports torch and no more",),
    )


def _process(command: Sequence[str]) -> Turn:
    def turn() -> Mapping[str, float]:
        begin = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
            assert child.stderr is not None
            said = child.stderr.read()
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            last = said.decode(errors="replace").strip().splitlines()[-1:]
            raise RunError(
                f"a process that was to take its first training step ended with status "
                f"{child.returncode}: {' '.join(last) or 'it said nothing'}"
            )
        wall = time.perf_counter() - begin
        return {"CPU": used.ru_utime + used.ru_stime, "wall": wall}

    return turn
