"""Whether rows follow each other as episodes do: next observations, terminals and time-outs."""

from typing import TYPE_CHECKING

import numpy as np

from genpolicy.data_checks.findings import Finding, first_of
from genpolicy.transforms.episodes import episode_lengths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genpolicy.dataset import Dataset, Floats

    Flags = NDArray[np.bool_]

ALIGNMENT = "alignment"
ENDS = "ends"
_CLOSE = 1e-3
"""Of a column's deviation: further apart, two observations are not the same one rounded."""

_RARE = 0.1
"""Of the rows: fewer terminals that episodes walk past may be goals that were given afterwards."""


def misalignment(data: "Dataset") -> Finding | None:
    """Find rows whose ``next_observation`` is not what their episode's next row begins with."""
    goes_on = ~(data.terminal | data.timeout)[:-1]
    differs = goes_on & ~begins_the_next_row(data)
    if not differs.any():
        return None
    count, first = first_of(differs)
    rows = np.flatnonzero(differs)
    rounded = _same(data, data.next_observation[rows], data.observation[rows + 1])
    return Finding(
        check=ALIGNMENT,
        verdict="odd" if rounded else "wrong",
        what=f"{count} of {goes_on.sum()} rows that neither end nor are cut have a "
        f"next_observation that is not the next row's observation, first row {first}",
        row=first,
        rows=count,
        advice=_realigned(data, rows, rounded=rounded),
    )


def _realigned(data: "Dataset", rows: "NDArray[np.intp]", *, rounded: bool) -> str:
    """Return what to do about rows that are followed by something else."""
    if rounded:
        return "they differ by rounding alone: store both with the same precision"
    following, last = data.next_observation[rows], len(data) - 1
    if _same(data, following, data.observation[rows]):
        return "it is the row's own observation: move next_observation back by one row"
    if _same(data, following, data.observation[np.minimum(rows + 2, last)]):
        return "it is the observation two rows on: move next_observation on by one row"
    if 2 * len(rows) > len(data):
        return "leave next_observation out: it is then the next row's observation"
    return "an episode that was cut there needs a timeout"


def _same(data: "Dataset", one: "Floats", other: "Floats") -> bool:
    """Return whether most rows are the same but for rounding."""
    near = np.abs(one - other) <= _CLOSE * data.observation.std(axis=0) + 1e-12
    return bool(near.all(axis=1).mean() > 0.8)


def begins_the_next_row(data: "Dataset") -> "Flags":
    """Return of every row but the last whether it leads to the next row's observation."""
    same: Flags = (data.next_observation[:-1] == data.observation[1:]).all(axis=1)
    return same


def walks_past_terminals(data: "Dataset") -> Finding | None:
    """Find terminals after which the episode goes on."""
    if not np.ptp(data.observation, axis=0).any():
        return None
    ends = data.terminal[:-1]
    goes_on = ends & begins_the_next_row(data)
    if 2 * goes_on.sum() <= ends.sum():
        return None
    count, first = first_of(goes_on)
    walks_on = count < _RARE * len(data) and not _jumps(data, goes_on)
    return Finding(
        check=ENDS,
        verdict="odd" if walks_on else "wrong",
        what=f"{count} of {ends.sum()} terminals are followed by a row that begins where they "
        f"led, first row {first}",
        row=first,
        rows=count,
        advice="if a goal was reached there and the recording went on, leave it so; else it is "
        "no terminal"
        if walks_on
        else "either the task did not end there, or next_observation is the first observation "
        "of the next episode",
    )


def _jumps(data: "Dataset", rows: "Flags") -> bool:
    """Return whether marked rows lead ten times as far as those within episodes."""
    far, usual = _reach(data, rows), _reach(data, ~(data.terminal | data.timeout)[:-1])
    return bool(far > 10 * usual > 0)


def _reach(data: "Dataset", rows: "Flags") -> float:
    """Return how far marked rows lead from where they begin, at the median."""
    here = np.flatnonzero(rows)
    steps = data.next_observation[here] - data.observation[here]
    return float(np.median(np.linalg.norm(steps, axis=1))) if here.size else 0.0


def jumping_cuts(data: "Dataset") -> Finding | None:
    """Find time-outs that lead to the first observation of the next episode."""
    cuts, others = data.timeout[:-1], ~(data.terminal | data.timeout)[:-1]
    if not (cuts.any() and others.any()):
        return None
    begins = cuts & begins_the_next_row(data)
    if 2 * begins.sum() <= cuts.sum() or not _jumps(data, cuts):
        return None
    times = _reach(data, cuts) / _reach(data, others)
    count, first = first_of(begins)
    return Finding(
        check=ENDS,
        verdict="wrong",
        what=f"{count} of {cuts.sum()} time-outs lead to the next row's observation, "
        f"{times:.0f} times as far as other steps: that is the next episode's first",
        row=first,
        rows=count,
        advice="store what was seen after the last step, or leave next_observation out",
    )


def ended_and_cut(data: "Dataset") -> Finding | None:
    """Find rows that are both a terminal and a time-out."""
    both = data.terminal & data.timeout
    if not both.any():
        return None
    count, first = first_of(both)
    return Finding(
        check=ENDS,
        verdict="wrong",
        what=f"{count} rows are both, first row {first}",
        row=first,
        rows=count,
        advice="take the terminal",
    )


def clocked_terminals(data: "Dataset") -> Finding | None:
    """Find terminals where the environment's clock cuts episodes."""
    if data.environment is None:
        return None
    horizon = data.environment.horizon
    ends = np.flatnonzero(data.terminal | data.timeout)
    clocked = data.terminal[ends] & (np.diff(ends, prepend=-1) == horizon) & (horizon > 1)
    if 2 * clocked.sum() <= len(ends) or len(ends) < 2:
        return None
    return Finding(
        check=ENDS,
        verdict="wrong",
        what=f"{clocked.sum()} of {len(ends)} episodes have a terminal after exactly {horizon} "
        "steps, where the environment cuts: that is a timeout",
        row=int(ends[clocked.argmax()]),
        rows=int(clocked.sum()),
        advice="mark these rows as timeout, not as terminal",
    )


def equal_episodes(data: "Dataset") -> Finding | None:
    """Find terminals that all come after the same number of steps, as a clock's would."""
    lengths = episode_lengths(data)
    if len(lengths) < 3 or lengths[0] == 1 or not data.terminal.any() or data.timeout.any():
        return None
    if (lengths[:-1] != lengths[0]).any() or clocked_terminals(data) is not None:
        return None
    count, first = first_of(data.terminal)
    return Finding(
        check=ENDS,
        verdict="odd",
        what=f"all {count} terminals come after {lengths[0]} steps, as where a clock cuts",
        row=first,
        rows=count,
        advice="if the task did not end there, they are timeouts",
    )


def terminals_everywhere(data: "Dataset") -> Finding | None:
    """Find data of which every row is a terminal, though rows go on where others stopped."""
    seen = data.observation
    if len(data) < 3 or not data.terminal.all() or not np.ptp(seen, axis=0).any():
        return None
    scale = seen.std(axis=0) + 1e-12
    there = np.random.default_rng(0).permutation(len(data))
    near = np.median(np.linalg.norm((seen[1:] - seen[:-1]) / scale, axis=1))
    far = np.median(np.linalg.norm((seen - seen[there]) / scale, axis=1))
    walk = bool(2 * near < far)
    return Finding(
        check=ENDS,
        verdict="wrong" if walk else "odd",
        what=f"every row is a terminal{', though rows lie near the ones before' * walk}",
        row=0,
        rows=len(data),
        advice="mark only rows where the task ended; if every episode is one step, leave it so",
    )
