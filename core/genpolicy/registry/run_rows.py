"""All rows of a run, taken from one registry and put into another, or back into the same."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from sqlalchemy import Connection, Table, delete, insert, select

from genpolicy.registry import schema
from genpolicy.registry.encoding import printable
from genpolicy.registry.places import Places

Row = Mapping[str, Any]
Key = tuple[Any, ...]

NOBODY: Final[Row] = {"owner": None, "owner_host": None, "owner_pid": None}
"""The columns of a run that no process has claimed."""

KEYS: Final[Mapping[str, Sequence[str]]] = {
    "artifacts": ("kind", "path", "step"),
    "evaluations": ("stage", "step", "protocol", "selection"),
    "events": ("kind", "message", "step", "recorded"),
    "metrics": ("stage", "step", "name"),
    "notes": ("note",),
    "tags": ("tag",),
}
"""The columns that tell a row from others of its run."""

_CHILDREN: Final = (
    (schema.parts, "position"),
    (schema.tags, "tag"),
    (schema.notes, "id"),
    (schema.metrics, "step"),
    (schema.artifacts, "id"),
    (schema.events, "id"),
)


@attrs.frozen(kw_only=True)
class RunRows:
    """A run as the tables hold it, with absolute paths and without the numbers of its rows.

    Args:
        run: Its row in ``runs``.
        children: Its rows in other tables, by the table's name.
        evaluations: Its rows in ``evaluations``, each with those in ``episodes``.
    """

    run: Row
    children: Mapping[str, Sequence[Row]]
    evaluations: Sequence[tuple[Row, Sequence[Row]]]

    @property
    def id(self) -> str:
        """Its identifier."""
        return str(self.run["id"])

    @property
    def directory(self) -> Path:
        """Where it keeps its files."""
        return Path(self.run["directory"])

    @property
    def resumptions(self) -> list[Row]:
        """The events of its resumptions, oldest first."""
        events = self.children["events"]
        return sorted((row for row in events if row["kind"] == "resumed"), key=_recorded)

    @property
    def keys(self) -> Iterator[Key]:
        """What tells each of its records, tags and notes from all others."""
        for table in KEYS.keys() & self.children.keys():
            for row in self.children[table]:
                yield key_of(table, row)
        for row, _ in self.evaluations:
            yield key_of("evaluations", row)

    def changed(self, **columns: Any) -> "RunRows":
        """Return it with other values in its row in ``runs``."""
        return attrs.evolve(self, run={**self.run, **columns})

    def moved(self, directory: Path) -> "RunRows":
        """Return it as it is when its folder is elsewhere."""
        artifacts = [
            {**row, "path": _moved(row["path"], self.directory, directory)}
            for row in self.children["artifacts"]
        ]
        children = {**self.children, "artifacts": artifacts}
        return attrs.evolve(self.changed(directory=str(directory)), children=children)

    def in_order(self) -> "RunRows":
        """Return it with what happened in the order in which it was recorded."""
        timed = ("artifacts", "events")
        ordered = {name: sorted(self.children[name], key=_recorded) for name in timed}
        evaluations = sorted(self.evaluations, key=lambda pair: _recorded(pair[0]))
        return attrs.evolve(self, children={**self.children, **ordered}, evaluations=evaluations)


def key_of(table: str, row: Row) -> Key:
    """Return what tells a row from others of its run."""
    values = (row[name] for name in KEYS[table])
    return (table, *(printable(each) if isinstance(each, str) else each for each in values))


def read_rows(connection: Connection, run_id: str, places: Places) -> RunRows | None:
    """Return all rows of a run, or ``None`` if there is no such run."""
    found = connection.execute(select(schema.runs).where(schema.runs.c.id == run_id)).one_or_none()
    if found is None:
        return None
    run = {**found._mapping, "directory": places.decode(found.directory)}
    children = {
        table.name: list(_children(connection, table, order, run_id)) for table, order in _CHILDREN
    }
    children["artifacts"] = _with_paths(children["artifacts"], places.decode)
    return RunRows(run=run, children=children, evaluations=_evaluations(connection, run_id))


def insert_rows(connection: Connection, rows: RunRows, places: Places) -> None:
    """Write all rows of a run that is not there."""
    run = {**rows.run, "directory": places.encode(rows.run["directory"])}
    connection.execute(insert(schema.runs).values(run))
    artifacts = _with_paths(rows.children["artifacts"], places.encode)
    for table, _ in _CHILDREN:
        children = artifacts if table is schema.artifacts else rows.children[table.name]
        _insert_all(connection, table, [{**row, "run_id": rows.id} for row in children])
    for evaluation, episodes in rows.evaluations:
        statement = insert(schema.evaluations).values(**evaluation, run_id=rows.id)
        (number,) = connection.execute(statement).inserted_primary_key or (None,)
        own = [{**episode, "evaluation_id": number} for episode in episodes]
        _insert_all(connection, schema.episodes, own)


def delete_rows(connection: Connection, run_ids: Sequence[str]) -> None:
    """Delete runs, and with them every row that refers to one."""
    for run_id in run_ids:
        connection.execute(delete(schema.runs).where(schema.runs.c.id == run_id))


def replace_rows(connection: Connection, rows: RunRows, places: Places) -> None:
    """Put a run in the place of what is recorded of it."""
    delete_rows(connection, [rows.id])
    insert_rows(connection, rows, places)


def _children(connection: Connection, table: Table, order: str, run_id: str) -> Iterator[Row]:
    columns = [column for column in table.c if column.name not in ("id", "run_id")]
    query = select(*columns).where(table.c.run_id == run_id).order_by(table.c[order])
    for row in connection.execute(query):
        yield dict(row._mapping)


def _evaluations(connection: Connection, run_id: str) -> list[tuple[Row, Sequence[Row]]]:
    table, below = schema.evaluations, schema.episodes
    mine = table.c.run_id == run_id
    query = select(below).join(table).where(mine).order_by(below.c.position)
    episodes: defaultdict[int, list[Row]] = defaultdict(list)
    for row in connection.execute(query):
        values = dict(row._mapping)
        episodes[values.pop("evaluation_id")].append(values)
    found: list[tuple[Row, Sequence[Row]]] = []
    for row in connection.execute(select(table).where(mine).order_by(table.c.id)):
        values = dict(row._mapping)
        del values["run_id"]
        found.append((values, episodes[values.pop("id")]))
    return found


def _with_paths(rows: Sequence[Row], change: Callable[[str], str]) -> list[Row]:
    return [{**row, "path": change(row["path"])} for row in rows]


def _moved(path: str, old: Path, new: Path) -> str:
    below = os.path.normpath(path)
    if not Path(below).is_relative_to(old):
        return path
    return str(new / Path(below).relative_to(old))


def _recorded(row: Row) -> Any:
    return row["recorded"], row["step"]


def _insert_all(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    if rows:
        connection.execute(insert(table), rows)
