"""Whether the steps that end the task in the simulator are the data's terminals, and no others."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from genpolicy.data_checks.bodies import Body
from genpolicy.data_checks.findings import PHYSICS, Finding, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genpolicy.dataset import Dataset

    Flags = NDArray[np.bool_]
    Rows = NDArray[np.intp]

_EACH: Final = 50
"""How many terminals, and how many time-outs, are told again."""

_FEW: Final = 0.1
"""The share that may differ: a fall by a hair is none in another version of a simulator."""

_UNMARKED: Final = (
    "mark them terminal, not timeout, or agents learn that such a step goes on; if the data's task "
    "has other ends, name its environment"
)
_UNENDED: Final = (
    "mark those that a clock cut as timeout; ends that another task, or another healthy range, "
    "gave need an environment that ends there"
)


def end_rows(data: "Dataset", body: Body) -> "Rows":
    """Return rows that end in the data and tell their state, some of either kind."""
    random, told = np.random.default_rng(0), np.flatnonzero(data.terminal | data.timeout)
    told = told[body.tells_all(data.observation[told])]
    terminal = data.terminal[told]
    kinds = (told[terminal], told[~terminal])
    return np.concatenate([random.permutation(rows)[:_EACH] for rows in kinds])


def other_ends(data: "Dataset", rows: "Rows", ended: "Flags") -> Iterator[Finding]:
    """Compare ends; of data without an end, in a simulator that goes on, nothing is said.

    Args:
        data: The data; they name an environment.
        rows: Rows of the data, in their order.
        ended: Whether the simulator's task ends at each of them.
    """
    terminal = data.terminal[rows]
    if not (ended | terminal).any():
        return
    found = [*_unmarked(data, rows, ended, terminal), *_unended(data, rows, ended, terminal)]
    if not found:
        both, name = (ended & terminal).sum(), _name(data)
        what = (
            f"{both} of {ended.sum()} steps that end the task in {name} are terminals, and "
            f"{both} of {terminal.sum()} terminals end it there"
        )
        found = [Finding(check=PHYSICS, verdict="ok", what=what)]
    yield from found


def _unmarked(
    data: "Dataset", rows: "Rows", ended: "Flags", terminal: "Flags"
) -> Iterator[Finding]:
    missed, ends = ended & ~terminal, int(ended.sum())
    count = int(missed.sum())
    if count > _FEW * ends:
        most = count > 1 and 2 * count > ends
        start = f"{count} of {ends} steps that end the task in {_name(data)} are no terminal here"
        yield _finding(data, rows[missed], start, _UNMARKED, "wrong" if most else "odd")


def _unended(data: "Dataset", rows: "Rows", ended: "Flags", terminal: "Flags") -> Iterator[Finding]:
    beyond, ends = terminal & ~ended, int(terminal.sum())
    count = int(beyond.sum())
    if count > _FEW * ends:
        most = count > 1 and count >= (1 - _FEW) * ends
        start = f"{count} of {ends} terminals do not end the task in {_name(data)}"
        yield _finding(data, rows[beyond], start, _UNENDED, "wrong" if most else "odd")


def _finding(data: "Dataset", rows: "Rows", what: str, advice: str, verdict: Verdict) -> Finding:
    assert data.environment is not None
    note = f" ({data.environment.note})" if data.environment.note else ""
    return Finding(
        check=PHYSICS,
        verdict=verdict,
        what=f"{what}, first in row {rows[0]}",
        row=int(rows[0]),
        rows=len(rows),
        advice=f"{advice}{note}",
    )


def _name(data: "Dataset") -> str:
    assert data.environment is not None
    return data.environment.id
