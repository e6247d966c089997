"""What may have been meant, where no recorded run fits."""

from collections.abc import Iterator
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
    from genpolicy.registry import RunQuery

    for name in filters.dataset or ():
        if not registry.count(RunQuery(datasets=(name,))):
            yield _strange(registry, "dataset", name, "dataset", "v_runs")
    for kind, names in filters.parts.items():
        for name in names:
            if not registry.count(RunQuery(parts={kind: (name,)})):
                yield _strange(registry, kind, name, "name", f"v_parts WHERE kind = '{kind}'")
    for name in filters.tag or ():
        if not registry.count(RunQuery(tags=(name,))):
            yield _strange(registry, "tag", name, "tag", "v_tags")


def _strange(registry: "Registry", kind: str, name: str, column: str, source: str) -> str:
    near = ""
    if not {"*", "?"} & set(name):
        near = did_you_mean(name, _recorded(registry, column, source))
    return f"no recorded run has the {kind} {name!r}{near}"


def _recorded(registry: "Registry", column: str, source: str) -> list[str]:
    found = registry.sql(f"SELECT DISTINCT {column} FROM {source}", limit=10_000, seconds=5.0)
    return sorted({short(str(name)) for (name,) in found.rows})
