"""With which others a run trained as one program, as its record tells."""

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
    """Return the step after which a run went on without its companions, if it did."""
    told = [event for event in run.events if event.kind in (_KIND, _RESUMED)]
    apart = [
        event.step
        for event, following in zip(told, [*told[1:], None], strict=True)
        if event.kind == _RESUMED and (following is None or following.kind == _RESUMED)
    ]
    return apart[0] if apart and companions(run) else None


def known(registry: Registry, run: str) -> RunDetail | None:
    """Return what is recorded of a run, if it is still there."""
    try:
        return registry.run(run)
    except UnknownRunError:
        return None
