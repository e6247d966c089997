"""With which others a run trained as one program, as its record tells."""

import itertools
from collections.abc import Sequence
from typing import Final

from genpolicy.errors import UnknownRunError
from genpolicy.records import EventRecord
from genpolicy.registry import Registry, RunDetail

_KIND: Final = "batch"
_RESUMED: Final = "resumed"


def event_of(number: int, names: Sequence[str], step: int) -> EventRecord:
    """Return what a member's record says of its batch.

    Args:
        number: Its number among them, from 1.
        names: The ids of all, in their order.
        step: The step before which they come together.
    """
    message = f"member {number} of {len(names)} that train as one program: {', '.join(names)}"
    return EventRecord(kind=_KIND, message=message, step=step)


def companions(run: RunDetail) -> tuple[str, ...]:
    """Return the ids of all that a run trained with, itself among them; none if it was alone."""
    said = [event.message for event in run.events if event.kind == _KIND]
    return tuple(said[-1].rpartition(": ")[2].split(", ")) if said else ()


def left_at(run: RunDetail) -> int | None:
    """Return the step after which a run first went on without its companions, if it did."""
    told = [event for event in run.events if event.kind in (_KIND, _RESUMED)]
    for event, following in itertools.pairwise([*told, None]):
        together = following is not None and following.kind == _KIND
        if event is not None and event.kind == _RESUMED and not together and companions(run):
            return event.step
    return None


def known(registry: Registry, run: str) -> RunDetail | None:
    """Return what is recorded of a run, if it is still there."""
    try:
        return registry.run(run)
    except UnknownRunError:
        return None
