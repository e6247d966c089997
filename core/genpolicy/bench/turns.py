"""Who is measured against whom, and how: in turns, so that all meet whatever else the machine does.

In every round each contender has one turn, in which it does its work so often in a row that the
clock's grain and a first cold call do not count. What is told is the median over rounds, with the
quartiles; a ratio is taken within each round first, for both sides of it met the same machine.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import attrs
import torch

OURS: Final = "genpolicy"
FLOOR: Final = "floor"

_TURN_SECONDS: Final = 0.05
_MOST_IN_A_ROW: Final = 1000

Turn = Callable[[], Mapping[str, float]]
"""Does the work; returns the seconds that one piece of it took, by what is measured of it: ``""``
where that is all there is."""


@attrs.frozen(eq=False, kw_only=True)
class Contender:
    """One who does a contest's work.

    Args:
        name: ``"genpolicy"``, ``"floor"`` or a peer's.
        turn: Its turn.
    """

    name: str
    turn: Turn


@attrs.frozen(eq=False, kw_only=True)
class Contest:
    """A piece of work, and those who do it.

    Args:
        what: The work, such as ``"step: policy"``.
        amount: How many steps, samples or actions it comes to, where they can be counted.
        contenders: Ourselves among them.
        batch: How many rows it is done on, where it is done on rows.
        flops: Floating-point operations of its matrix products, where they are known.
        remarks: What is to be said of it.
    """

    what: str
    amount: int | None
    contenders: Sequence[Contender]
    batch: int | None = None
    flops: int | None = None
    remarks: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Spread:
    """What rounds came to.

    Args:
        median: Their median.
        low: Their lower quartile.
        high: Their upper quartile.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the median of values and their quartiles."""
        if len(values) == 1:
            return cls(median=values[0], low=values[0], high=values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median=median, low=low, high=high)


@attrs.frozen(kw_only=True)
class Figure:
    """What a contest came to.

    Args:
        what: The work.
        batch: How many rows it was done on, where it was done on rows.
        amount: How many steps, samples or actions it comes to, where they can be counted.
        seconds: How long each contender took, by name.
        ratios: How many times as long we took as each of the others, by name.
        rounds: How many turns each had.
        flops: Floating-point operations of its matrix products, where they are known.
    """

    what: str
    batch: int | None
    amount: int | None
    seconds: Mapping[str, Spread]
    ratios: Mapping[str, Spread]
    rounds: int
    flops: int | None = None

    @property
    def per_second(self) -> float | None:
        """How many steps, samples or actions per second, where they can be counted."""
        return None if self.amount is None else self.amount / self.seconds[OURS].median


def hold(
    contest: Contest,
    *,
    rounds: int,
    seconds: float | None = None,
    told: Callable[[], object] = lambda: None,
) -> list[Figure]:
    """Let all contenders take turns.

    Args:
        contest: The contest; all have a first turn that does not count.
        rounds: How many turns each has.
        seconds: After how long no further round begins; there is always one.
        told: Called after every round.

    Returns:
        A figure for each thing that is measured of the work.
    """
    for contender in contest.contenders:
        contender.turn()
    found: dict[str, dict[str, list[float]]] = {}
    begin = time.perf_counter()
    for number in range(rounds):
        if number and seconds is not None and time.perf_counter() - begin > seconds:
            break
        for contender in contest.contenders:
            for measure, value in contender.turn().items():
                found.setdefault(measure, {}).setdefault(contender.name, []).append(value)
        told()
    return [*_figures(contest, found)]


def timed(work: Callable[[], object], device: torch.device, warm: int = 3) -> Turn:
    """Return turns that do a piece of work again and again.

    Args:
        work: The work.
        device: Where it is done; what is queued there is waited for.
        warm: How often it is done before the first turn, which is when it is set up.
    """
    in_a_row = 0

    def turn() -> Mapping[str, float]:
        nonlocal in_a_row
        if not in_a_row:
            alone = _warmed(work, device, warm)
            in_a_row = min(max(round(_TURN_SECONDS / alone), 1), _MOST_IN_A_ROW)
        return {"": _seconds(work, device, in_a_row) / in_a_row}

    return turn


def _warmed(work: Callable[[], object], device: torch.device, warm: int) -> float:
    """Do a piece of work until it is set up, or a second has passed; return its last seconds."""
    begin = time.perf_counter()
    for _ in range(warm):
        last = _seconds(work, device, 1)
        if time.perf_counter() - begin > 1.0:
            break
    return last


def _seconds(work: Callable[[], object], device: torch.device, times: int) -> float:
    _wait_for(device)
    begin = time.perf_counter()
    for _ in range(times):
        work()
    _wait_for(device)
    return time.perf_counter() - begin


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _figures(
    contest: Contest, found: Mapping[str, Mapping[str, Sequence[float]]]
) -> Iterator[Figure]:
    for measure, by_name in found.items():
        ours = by_name[OURS]
        yield Figure(
            what=f"{contest.what} ({measure})" if measure else contest.what,
            batch=contest.batch,
            amount=contest.amount,
            seconds={name: Spread.of(values) for name, values in by_name.items()},
            ratios={
                name: Spread.of([a / b for a, b in zip(ours, values, strict=True)])
                for name, values in by_name.items()
                if name != OURS
            },
            rounds=len(ours),
            flops=contest.flops,
        )
