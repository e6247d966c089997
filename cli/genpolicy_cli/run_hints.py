"""What may have been meant, where no recorded run fits."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from genpolicy.errors import did_you_mean
from genpolicy_cli.run_query import Filters
from genpolicy_cli.words import short

if TYPE_CHECKING:
    from genpolicy.registry import Registry


def no_such_runs(registry: "Registry", filters: Filters) -> str:
    """Return a sentence that says so, with the names that no run has and what is near them.

    Args:
        registry: Where runs were looked for.
        filters: What was asked for.
    """
    return "; ".join(["no such runs", *_unheard_of(registry, filters)])


def _unheard_of(registry: "Registry", filters: Filters) -> Iterator[str]:
    if filters.dataset:
        yield from _strange("dataset", filters.dataset, _recorded(registry, "dataset", "v_runs"))
    for kind, names in filters.parts.items():
        yield from _strange(
            kind, names, _recorded(registry, "name", f"v_parts WHERE kind = '{kind}'")
        )
    if filters.tag:
        yield from _strange("tag", filters.tag, _recorded(registry, "tag", "v_tags"))


def _recorded(registry: "Registry", column: str, source: str) -> list[str]:
    found = registry.sql(f"SELECT DISTINCT {column} FROM {source}", limit=10_000, seconds=5.0)
    return [str(name) for (name,) in found.rows]


def _strange(kind: str, names: Sequence[str], recorded: Sequence[str]) -> Iterator[str]:
    for name in names:
        if not any(_fits(name, known) for known in recorded):
            near = did_you_mean(name, sorted({short(known) for known in recorded}))
            yield f"no recorded run has the {kind} {name!r}{near}"


def _fits(pattern: str, known: str) -> bool:
    names = (known.lower(), known.lower().rpartition("/")[2])
    return any(fnmatchcase(name, pattern.lower()) for name in names)
