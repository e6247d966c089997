"""Whether the data's steps are those of their environment, told again one by one.

The simulator is put where an observation was made, takes the row's action, and what it observes and
earns is compared with the row, and whether it ends. Noise of the right shapes is found so, actions
and rewards that stand a row too high or too low, and falls that were stored as time-outs.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from genpolicy.data_checks.bodies import Body
from genpolicy.data_checks.endings import end_rows, other_ends
from genpolicy.data_checks.findings import PHYSICS, Finding
from genpolicy.data_checks.replay import (
    MOST,
    NEAR,
    body_of,
    same_steps,
    told_again,
    usual_change,
    usual_reward,
)
from genpolicy.data_checks.surroundings import action_bounds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genpolicy.dataset import Dataset, Floats
    from genpolicy.evaluation.environment import Environment

    Rows = NDArray[np.intp]

ROWS: Final = 400
"""How many steps are told again."""

_MANY: Final = 0.6
"""The share of the steps that must be the same; fewer are wrong, not odd alone."""

_FEW: Final = 10
"""How many steps with an unusual reward there must be for these alone to count."""

_STRANGE: Final = (
    "the data were not made in this environment, or observations, actions and next observations "
    "do not belong together; name the right one (dataset.environment)"
)
_UNPAID: Final = (
    "agents would be scored by other rewards than they learned from; name the environment that "
    "paid these"
)
_SHIFTS: Final = ((1, "next", "back"), (-1, "previous", "on"))


def physics(data: "Dataset", environment: "Environment") -> Iterator[Finding]:
    """Compare steps of the data with those that their environment takes.

    Args:
        data: The data; they name an environment.
        environment: That environment, which observes and takes what the data hold.
    """
    assert data.environment is not None
    low, high = action_bounds(environment)
    body, rewarding, ending = body_of(data.environment, environment, low, high)
    if body is None:
        yield Finding(
            check=PHYSICS,
            verdict="unchecked",
            what=f"the state of {data.environment.id} cannot be set from what it observes",
        )
        return
    rows = _chosen_rows(data, body)
    seen, earned, ended = told_again(body, data.observation[rows], data.action[rows])
    usual = usual_change(data.observation[_going(data)], data.next_observation[_going(data)])
    moved = same_steps(seen, data.next_observation[rows], usual, body.compared)
    yield _dynamics(data, body, rows, moved, usual)
    if rewarding and moved.mean() >= _MANY:
        yield _rewards(data, rows, earned)
    if ending and moved.mean() >= _MANY:
        yield from _ends(data, body, rows, ended)


def _going(data: "Dataset") -> "NDArray[np.bool_]":
    """Return the rows within episodes; all of them where every row is an end."""
    going = ~(data.terminal | data.timeout)
    return going if going.any() else ~going


def _chosen_rows(data: "Dataset", body: Body) -> "Rows":
    """Return rows to compare: half of them where the reward changes, as few as there may be."""
    random, within = np.random.default_rng(0), _going(data)
    told = within & body.tells_all(data.observation)
    going = np.flatnonzero(told if told.any() else within)
    here = data.reward[going]
    differs = (here != data.reward[going - 1]) | (here != data.reward[(going + 1) % len(data)])
    changing = going[differs]
    some = [random.permutation(rows)[: ROWS // 2] for rows in (changing, going)]
    return np.unique(np.concatenate(some))


def _noted(data: "Dataset", advice: str) -> str:
    """Return what to do, with what there is to know of the environment."""
    assert data.environment is not None
    return f"{advice} ({data.environment.note})" if data.environment.note else advice


def _dynamics(
    data: "Dataset", body: Body, rows: "Rows", moved: "NDArray[np.bool_]", usual: "Floats"
) -> Finding:
    share = float(moved.mean())
    assert data.environment is not None
    what = (
        f"{moved.sum()} of {len(rows)} steps lead in {data.environment.id} to the data's "
        "next observation"
    )
    if share >= MOST:
        return Finding(check=PHYSICS, verdict="ok", what=what)
    blame = _blame_of_actions(data, body, rows, usual)
    return Finding(
        check=PHYSICS,
        verdict="odd" if share >= _MANY and not blame else "wrong",
        what=what,
        row=int(rows[moved.argmin()]),
        rows=int((~moved).sum()),
        advice=_noted(data, blame or _STRANGE),
    )


def _blame_of_actions(data: "Dataset", body: Body, rows: "Rows", usual: "Floats") -> str:
    """Return what to do where another row's actions explain the steps."""
    for shift, row, words in _SHIFTS:
        others = data.action[(rows + shift) % len(data)]
        seen, *_ = told_again(body, data.observation[rows], others)
        if same_steps(seen, data.next_observation[rows], usual, body.compared).mean() >= MOST:
            return f"the {row} row's action leads there: move actions {words} by one row"
    return ""


def _ends(
    data: "Dataset", body: Body, rows: "Rows", ended: "NDArray[np.bool_]"
) -> Iterator[Finding]:
    """Compare the ends at rows that were told again, and at some more that end in the data."""
    more = np.setdiff1d(end_rows(data, body), rows)
    if len(more):
        _, _, also = told_again(body, data.observation[more], data.action[more])
        rows, ended = np.concatenate([rows, more]), np.concatenate([ended, also])
    order = np.argsort(rows)
    yield from other_ends(data, rows[order], ended[order])


def _rewards(data: "Dataset", rows: "Rows", earned: "NDArray[np.float64]") -> Finding:
    assert data.environment is not None
    near, usual = NEAR * usual_reward(data.reward), float(np.median(data.reward))
    special = (np.abs(earned - usual) > near) | (np.abs(data.reward[rows] - usual) > near)
    if special.sum() >= _FEW:  # rewards that are nearly always 0 agree there, whatever they are
        rows, earned = rows[special], earned[special]
    paid = np.abs(earned - data.reward[rows]) <= near
    share = float(paid.mean())
    what = f"{paid.sum()} of {len(rows)} steps earn in {data.environment.id} the data's reward"
    if share >= MOST:
        return Finding(check=PHYSICS, verdict="ok", what=what)
    blame = _blame_of_rewards(data, rows, earned, near)
    return Finding(
        check=PHYSICS,
        verdict="odd" if share >= _MANY and not blame else "wrong",
        what=what,
        row=int(rows[paid.argmin()]),
        rows=int((~paid).sum()),
        advice=_noted(data, blame or _UNPAID),
    )


def _blame_of_rewards(
    data: "Dataset", rows: "Rows", earned: "NDArray[np.float64]", near: float
) -> str:
    """Return what to do where another row's rewards explain the steps."""
    for shift, row, words in _SHIFTS:
        others = data.reward[(rows + shift) % len(data)]
        if (np.abs(earned - others) <= near).mean() >= MOST:
            return f"the {row} row's reward is earned there: move rewards {words} by one row"
    return ""
