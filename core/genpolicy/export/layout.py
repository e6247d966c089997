"""Where each draw of an agent stands in the noise that its exported graph is given."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import torch
from torch import Tensor

from genpolicy.acting import Draw
from genpolicy.acting.draws import Kind
from genpolicy.errors import UsageError


@attrs.frozen(kw_only=True)
class RowDraw:
    """One draw, as so many samples for every row of observations.

    Args:
        draw: The draw for one row.
        count: How many samples for each.
    """

    draw: Draw
    count: int

    @property
    def sample(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.draw.shape[1:]

    @property
    def columns(self) -> int:
        """How many numbers that is for each row."""
        return self.count * math.prod(self.sample)

    def take(self, rows: int, generator: torch.Generator | None) -> Tensor:
        """Draw it for so many rows, as the agent does, ``[rows, columns]``."""
        shape = (rows * self.count, *self.sample)
        drawn = attrs.evolve(self.draw, shape=shape).take(generator, torch.device("cpu"))
        return drawn.reshape(rows, self.columns)

    def as_drawn(self, columns: Tensor) -> Tensor:
        """Return given noise, ``[rows, columns]``, as it would have been drawn."""
        return columns.reshape(-1, *self.sample).to(self.draw.dtype)


@attrs.frozen
class Layout:
    """Everything that is drawn for a row of observations, in order.

    Args:
        draws: Each of them.
    """

    draws: tuple[RowDraw, ...]

    @classmethod
    def of(cls, two: Sequence[Draw], three: Sequence[Draw]) -> "Layout":
        """Return the layout that shows in what is drawn for two rows and for three.

        Raises:
            UsageError: Something is drawn for all rows together.
        """
        if len(two) != len(three):
            raise UsageError("how often it draws noise depends on how many observations there are")
        return cls(tuple(_row_draw(*pair) for pair in zip(two, three, strict=True)))

    def width(self, kind: Kind) -> int:
        """Return how many numbers of a kind there are for each row."""
        return sum(each.columns for each in self.draws if each.draw.kind == kind)

    def take(self, rows: int, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """Draw the graph's inputs as the agent draws its noise.

        Args:
            rows: For how many observations.
            generator: Where it comes from; ``None`` for torch's global random numbers.

        Returns:
            ``noise`` and, if anything of its kind is drawn, ``uniform``.
        """
        drawn = [(each.draw.kind, each.take(rows, generator)) for each in self.draws]
        empty = torch.zeros(rows, 0)
        noise = torch.cat([empty, *(x for kind, x in drawn if kind == "normal")], dim=1)
        uniform = torch.cat([empty, *(x for kind, x in drawn if kind == "uniform")], dim=1)
        return {"noise": noise, "uniform": uniform} if uniform.shape[1] else {"noise": noise}

    def as_drawn(self, noise: Tensor, uniform: Tensor | None) -> Iterator[Tensor]:
        """Yield every draw, in order, out of the graph's inputs."""
        for each, start in zip(self.draws, self._starts(), strict=True):
            given = noise if each.draw.kind == "normal" else uniform
            assert given is not None
            yield each.as_drawn(given[:, start : start + each.columns])

    def as_json(self) -> list[dict[str, Any]]:
        """Return which columns of which input hold which draw."""
        return [
            {
                "input": "noise" if each.draw.kind == "normal" else "uniform",
                "columns": [start, start + each.columns],
                "shape": ["batch", each.count, *each.sample],
            }
            for each, start in zip(self.draws, self._starts(), strict=True)
        ]

    def _starts(self) -> Iterator[int]:
        passed: dict[Kind, int] = {"normal": 0, "uniform": 0}
        for each in self.draws:
            yield passed[each.draw.kind]
            passed[each.draw.kind] += each.columns


def _row_draw(two: Draw, three: Draw) -> RowDraw:
    count = two.shape[0] // 2 if two.shape else 0
    expected = (3 * count, *two.shape[1:])
    if two.shape[:1] != (2 * count,) or three.shape != expected or two.kind != three.kind:
        raise UsageError("it draws noise for all observations together, not for each")
    return RowDraw(draw=attrs.evolve(two, shape=(count, *two.shape[1:])), count=count)
