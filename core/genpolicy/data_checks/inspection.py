"""All checks of data, one after the other."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from genpolicy.data_checks.columns import BOX, CONSTANT, constant_columns, unused_box
from genpolicy.data_checks.ends import (
    ALIGNMENT,
    ENDS,
    clocked_terminals,
    ended_and_cut,
    equal_episodes,
    jumping_cuts,
    misalignment,
    terminals_everywhere,
    walks_past_terminals,
)
from genpolicy.data_checks.findings import PHYSICS, Finding
from genpolicy.data_checks.physics import physics
from genpolicy.data_checks.repeats import REPEATS, repeated_episodes
from genpolicy.data_checks.surroundings import ENVIRONMENT, actions_beyond, other_sizes
from genpolicy.errors import DataError
from genpolicy.evaluation import make_environment

if TYPE_CHECKING:
    from genpolicy.dataset import Dataset
    from genpolicy.evaluation.environment import Environment

ARRAYS: Final = "arrays"

_Check = Callable[["Dataset"], Finding | Iterable[Finding] | None]

_OF_ENDS: Final[tuple[_Check, ...]] = (
    ended_and_cut,
    terminals_everywhere,
    walks_past_terminals,
    jumping_cuts,
    clocked_terminals,
    equal_episodes,
)


def inspect_data(data: "Dataset") -> Iterator[Finding]:
    """Look at data in every way; a check that finds nothing says that all is well.

    Args:
        data: Single steps, an episode's in the order in which they were taken.
    """
    yield Finding(
        check=ARRAYS,
        verdict="ok",
        what="finite numbers of one length and the right shapes, actions inside their box",
    )
    yield from _found(ALIGNMENT, data, [misalignment], "every step is followed by what it led to")
    ends = f"{int(data.terminal.sum())} terminals, {int(data.timeout.sum())} time-outs"
    yield from _found(ENDS, data, _OF_ENDS, f"{ends}, where episodes end")
    yield from _found(CONSTANT, data, [constant_columns], "every column changes")
    yield from _found(BOX, data, [unused_box], _reach(data))
    yield from _found(REPEATS, data, [repeated_episodes], "no episode is there twice")
    yield from _in_its_environment(data)


def refused(error: DataError) -> Finding:
    """Return the finding that data cannot be had at all, in the words of what refused them."""
    return Finding(check=ARRAYS, verdict="wrong", what=str(error))


def _found(check: str, data: "Dataset", looks: Iterable[_Check], well: str) -> Iterator[Finding]:
    """Yield what some looks find, or that all is well."""
    findings = [finding for look in looks for finding in _listed(look(data))]
    yield from findings or [Finding(check=check, verdict="ok", what=well)]


def _listed(found: Finding | Iterable[Finding] | None) -> Iterable[Finding]:
    if found is None:
        return ()
    return (found,) if isinstance(found, Finding) else found


def _reach(data: "Dataset") -> str:
    """Say how much of the box the actions reach."""
    width = np.broadcast_to(data.action_high - data.action_low, data.action.shape[1:])
    bounded = np.isfinite(width) & (width > 0)
    if not bounded.any():
        return "no action is bounded"
    share = (np.ptp(data.action, axis=0)[bounded] / width[bounded]).mean()
    return f"actions reach over {min(float(share), 1.0):.0%} of it"


def _in_its_environment(data: "Dataset") -> Iterator[Finding]:
    """Yield what the environment says of the data, where there is one."""
    if data.environment is None:
        what = "the data name no environment"
        advice = "with dataset.environment=ID steps are compared with the simulator's"
        yield Finding(check=ENVIRONMENT, verdict="unchecked", what=what, advice=advice)
        yield Finding(check=PHYSICS, verdict="unchecked", what=what)
        return
    try:
        environment = make_environment(data.environment)
    except DataError as error:
        yield Finding(check=ENVIRONMENT, verdict="unchecked", what=str(error))
        yield Finding(
            check=PHYSICS, verdict="unchecked", what="without it, nothing can be compared"
        )
        return
    try:
        yield from _compared(data, environment)
    finally:
        environment.close()


def _compared(data: "Dataset", environment: "Environment") -> Iterator[Finding]:
    assert data.environment is not None
    try:
        findings = list(other_sizes(data, environment))
    except DataError as error:
        findings = [Finding(check=ENVIRONMENT, verdict="wrong", what=str(error))]
    if findings:
        yield from findings
        yield Finding(check=PHYSICS, verdict="unchecked", what="the sizes differ")
        return
    beyond = actions_beyond(data, environment)
    numbers, taken = data.observation.shape[1], data.action.shape[1:]
    well = f"{data.environment.id} observes {numbers} numbers and takes actions of shape {taken}"
    yield beyond or Finding(check=ENVIRONMENT, verdict="ok", what=well)
    yield from physics(data, environment)
