"""Steps from each schema to the next; alembic is imported only when one is to be taken."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from sqlalchemy import Column, Connection, Double, Integer

from genpolicy.registry.backfill import fill_episode_sums

if TYPE_CHECKING:
    from alembic.operations import Operations

Step = Callable[["Operations"], None]


def _store_sums_of_episodes(operations: "Operations") -> None:
    """Give every evaluation what its episodes come to."""
    for column in (
        Column("episode_count", Integer, nullable=False, server_default="0"),
        Column("return_mean", Double),
        Column("return_deviation", Double),
        Column("success_count", Integer),
        Column("steps_to_success_mean", Double),
    ):
        operations.add_column("evaluations", column)
    fill_episode_sums(operations.get_bind())


STEPS: Final[Mapping[int, Step]] = {2: _store_sums_of_episodes}
"""What takes the schema to each version from the one before; revision 1 is the first."""


def migrate_tables(
    connection: Connection, old: int, new: int, steps: Mapping[int, Step] = STEPS
) -> None:
    """Take the tables from one schema to another.

    Args:
        connection: A connection inside a transaction.
        old: The version they have.
        new: The version they shall have.
        steps: What takes the schema to each version.
    """
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    operations = Operations(MigrationContext.configure(connection))
    for version in range(old + 1, new + 1):
        steps[version](operations)
