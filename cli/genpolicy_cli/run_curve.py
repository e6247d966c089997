"""A run's learning curve in letters, four dots high and two wide each."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import attrs

from genpolicy_cli.words import count, interval

if TYPE_CHECKING:
    from genpolicy.comparison.curves import Point
    from genpolicy.registry import RunDetail

_WIDTH: Final = 60
_HEIGHT: Final = 11
_BRAILLE: Final = 0x2800
_DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_FINAL: Final = "●"


def curve_lines(run: "RunDetail") -> list[str]:
    """Return the lines of a picture: looks by step, the final score as a disc.

    Nothing is drawn of a run without looks during training, or none that is a finite number.
    """
    from genpolicy.comparison.curves import learning_curves
    from genpolicy.comparison.selection import looks_of

    if run.start.reference is not None or not looks_of(run):
        return []
    curves = learning_curves([run])
    (seed,) = curves.curves[0].seeds
    points = [p for stretch in seed.stretches for p in stretch.points if math.isfinite(p.value)]
    last = seed.final.mean if seed.final and math.isfinite(seed.final.mean) else None
    if not points:
        return []
    looks = count(len(looks_of(run)), "look")
    title = f"{curves.unit} by step: {looks} of {_sizes(curves.look_episodes)}"
    final = f", {_FINAL} final {interval(seed.final)}" if last is not None else ""
    return [title + final, *_drawn(points, run.step, last)]


def _sizes(sizes: Sequence[int]) -> str:
    least = f"{sizes[0]:,} to " if len(sizes) > 1 else ""
    return least + count(sizes[-1], "episode")


@attrs.frozen
class _Frame:
    """Where a value and a step lie, in dots from the top left."""

    low: float
    high: float
    first: int
    last: int

    def place(self, step: int, value: float) -> tuple[int, int]:
        across = (step - self.first) / (self.last - self.first) * (2 * _WIDTH - 1)
        down = (self.high - value) / (self.high - self.low) * (4 * _HEIGHT - 1)
        return round(across), round(down)


def _drawn(points: "Sequence[Point]", steps: int, final: float | None) -> Iterator[str]:
    values = [*(point.value for point in points), *([] if final is None else [final])]
    first = points[0].step
    frame = _Frame(*_range(values), first, max(steps, points[-1].step, first + 1))
    cells = _cells([frame.place(point.step, point.value) for point in points])
    if final is not None:
        across, down = frame.place(frame.last, final)
        cells[down // 4, across // 2] = _FINAL
    labels = {0: frame.high, _HEIGHT // 2: _middle(frame), _HEIGHT - 1: frame.low}
    texts = {row: f"{value:.4g}" for row, value in labels.items()}
    margin = max(map(len, texts.values()))
    for row in range(_HEIGHT):
        line = "".join(cells.get((row, column), " ") for column in range(_WIDTH))
        yield f"{texts.get(row, ''):>{margin}} {'┤' if row in texts else '│'}{line}".rstrip()
    yield f"{'':{margin}} └{'─' * _WIDTH}"
    yield f"{'':{margin}}  {frame.first:<{_WIDTH // 2},}{f'{frame.last:,} steps':>{_WIDTH // 2}}"


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _middle(frame: _Frame) -> float:
    """Return the value in the middle of the row that is labelled there."""
    down = (4 * (_HEIGHT // 2) + 1.5) / (4 * _HEIGHT - 1)
    return frame.high - down * (frame.high - frame.low)


def _cells(dots: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """Return the letters by row and column that join dots by lines."""
    bits: dict[tuple[int, int], int] = {}
    for across, down in _joined(dots):
        cell = down // 4, across // 2
        bits[cell] = bits.get(cell, 0) | _DOTS[across % 2][down % 4]
    return {cell: chr(_BRAILLE + found) for cell, found in bits.items()}


def _joined(dots: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    yield dots[0]
    for (left, top), (right, bottom) in pairwise(dots):
        length = max(abs(right - left), abs(bottom - top), 1)
        for part in range(length + 1):
            share = part / length
            yield round(left + share * (right - left)), round(top + share * (bottom - top))
