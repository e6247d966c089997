"""Between which returns scores on known datasets are normalised: ``references.toml``.

Each row names the datasets that it is for, a random policy's and, where one is known, an expert's
mean return, who published or measured them, and how. The first row whose pattern fits counts.
"""

import functools
import tomllib
from fnmatch import fnmatchcase
from importlib import resources

import attrs

from genpolicy.dataset import Reference


@attrs.frozen(kw_only=True)
class KnownReturns:
    """A row of the table.

    Args:
        name: The pattern of the datasets' names, such as ``"d4rl:hopper-*"``.
        random_return: The mean return of random actions.
        expert_return: That of an expert, if anyone has published or measured it.
        source: Who published or measured them.
        measured: How they were measured.
        version: The version of the table in which these numbers are new.
    """

    name: str
    random_return: float
    expert_return: float | None = None
    source: str
    measured: str
    version: int


def reference_of(name: str) -> Reference | None:
    """Return the reference of a dataset, if both of its returns are known.

    Args:
        name: The dataset's name, such as ``"d4rl:hopper-medium-v2"``.
    """
    row = known_returns(name)
    if row is None or row.expert_return is None:
        return None
    return Reference(
        random_return=row.random_return,
        expert_return=row.expert_return,
        source=f"{row.source}: {row.measured}",
    )


def known_returns(name: str) -> KnownReturns | None:
    """Return what is known of a dataset's references, if anything."""
    return next((row for row in rows() if fnmatchcase(name, row.name)), None)


@functools.cache
def rows() -> tuple[KnownReturns, ...]:
    """Return the table, which is read once, when first asked for."""
    text = resources.files(__package__).joinpath("references.toml").read_text(encoding="utf-8")
    return tuple(KnownReturns(**row) for row in tomllib.loads(text)["row"])
