"""What goes with what: combinations of parts tried against each other, without any data."""

import re
from collections.abc import Mapping
from itertools import product
from typing import Final

import attrs

from genpolicy.composition.fit import check_fit
from genpolicy.composition.layers import Layer
from genpolicy.composition.resolve import resolve
from genpolicy.discovery.catalogue import Catalogue
from genpolicy.errors import FitError, OptionError, PartError

KINDS: Final = ("objective", "backbone", "solver", "critic")
"""The kinds whose fit depends on each other, in the order in which they span a table."""


_OFFENDER: Final = re.compile(r", but '[^']*' is only one that [^;]*")
"""What a sentence of :mod:`genpolicy.composition.fit` says of the part that does not fit."""


@attrs.frozen(kw_only=True)
class Cell:
    """One combination of parts.

    Args:
        parts: The names that were given, by kind; every other part is the default.
        problems: One sentence per reason why they do not go together; none if they do.
    """

    parts: Mapping[str, str]
    problems: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether the parts go together."""
        return not self.problems

    @property
    def cause(self) -> str:
        """The first reason why they do not, without the name of the part that it is about."""
        return _OFFENDER.sub("", self.problems[0]) if self.problems else ""


@attrs.frozen(kw_only=True)
class FitTable:
    """Combinations of the parts of up to two kinds.

    Args:
        fixed: The names that are the same in all of them, by kind.
        axes: The kinds that vary: rows, then columns.
        names: The names along each axis.
        cells: One per combination, row by row.
    """

    fixed: Mapping[str, str]
    axes: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    cells: tuple[Cell, ...]

    @property
    def causes(self) -> tuple[str, ...]:
        """The first reason of every cell that has one, each once, in order of appearance."""
        return tuple(dict.fromkeys(cell.cause for cell in self.cells if not cell.fits))


def fit_table(catalogue: Catalogue, fixed: Mapping[str, str]) -> FitTable:
    """Try given parts with every part of the first two kinds that are not given.

    Args:
        catalogue: The installed parts.
        fixed: Names by kind, among :data:`KINDS`.

    Raises:
        UnknownPartError: Nobody provides a part that is given.
    """
    for kind, name in fixed.items():
        catalogue.find(kind, name)
    axes = tuple(kind for kind in KINDS if kind not in fixed)[:2]
    if "critic" in axes and not _has_critic(catalogue, fixed):
        axes = tuple(kind for kind in axes if kind != "critic")
    names = tuple(catalogue.names(kind) for kind in axes)
    cells = [
        _try(catalogue, {**fixed, **dict(zip(axes, combination, strict=True))})
        for combination in product(*names)
    ]
    return FitTable(fixed=fixed, axes=axes, names=names, cells=tuple(cells))


def _has_critic(catalogue: Catalogue, parts: Mapping[str, str]) -> bool:
    try:
        recipe = resolve(catalogue, [Layer("asked", parts)], recipe="none")
    except (OptionError, PartError):
        return True
    return "critic" in recipe.chosen


def _try(catalogue: Catalogue, parts: Mapping[str, str]) -> Cell:
    problems: tuple[str, ...] = ()
    try:
        check_fit(resolve(catalogue, [Layer("asked", parts)], recipe="none"), catalogue)
    except FitError as error:
        problems = error.problems
    except (OptionError, PartError) as error:
        problems = (str(error),)
    return Cell(parts=parts, problems=problems)
