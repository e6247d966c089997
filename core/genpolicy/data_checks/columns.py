"""Whether the columns say something: numbers that never change, and how far actions reach."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from genpolicy.data_checks.findings import Finding

if TYPE_CHECKING:
    from genpolicy.dataset import Dataset, Floats

CONSTANT = "constant columns"
BOX = "action box"
_SMALL = 0.05
"""A share of the box within which actions that are meant for it do not stay."""


def constant_columns(data: "Dataset") -> Iterator[Finding]:
    """Find observed numbers, actions and rewards that are the same in every row."""
    if len(data) < 2:
        return
    told = {
        "observation": "nothing is seen there; leave them out if a sensor was off",
        "action": "nothing is done there; leave them out, or look whether they were recorded",
    }
    for name, advice in told.items():
        yield from _constant(name, getattr(data, name).reshape(len(data), -1), advice)
    if not np.ptp(data.reward):
        yield Finding(
            check=CONSTANT,
            verdict="odd",
            what=f"every reward is {data.reward[0]:g}",
            row=0,
            rows=len(data),
            advice="no critic can tell actions apart; imitate with --objective bc",
        )


def _constant(name: str, columns: "Floats", advice: str) -> Iterator[Finding]:
    same = np.flatnonzero(np.ptp(columns, axis=0) == 0)
    if same.size:
        which = ", ".join(map(str, same[:8])) + (", …" if same.size > 8 else "")
        yield Finding(
            check=CONSTANT,
            verdict="odd",
            what=f"{same.size} of {columns.shape[1]} columns of {name} never change: {which}",
            row=0,
            rows=int(same.size),
            advice=advice,
        )


def unused_box(data: "Dataset") -> Iterator[Finding]:
    """Find boxes that the actions fill nearly nothing of: bounds in another unit."""
    width = np.broadcast_to(data.action_high - data.action_low, data.action.shape[1:])
    reach = np.ptp(data.action, axis=0)
    empty = (reach > 0) & np.isfinite(width) & (reach < _SMALL * width)
    if empty.any():
        yield Finding(
            check=BOX,
            verdict="odd",
            what=f"{empty.sum()} of {empty.size} action columns stay within {_SMALL:.0%} of "
            f"the box from {data.action_low.tolist()} to {data.action_high.tolist()}",
            row=None,
            rows=int(empty.sum()),
            advice="give bounds in the actions' own unit (action_low, action_high)",
        )
