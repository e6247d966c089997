"""``agent datasets list``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import attrs

from genpolicy.errors import BrokenPartError
from genpolicy_cli import flags
from genpolicy_cli.installed import catalogue
from genpolicy_cli.listings import Column, Printed, show_rows
from genpolicy_cli.option_groups import grouped
from genpolicy_cli.output import say

if TYPE_CHECKING:
    from genpolicy.discovery import Catalogue, PartEntry

HERE: Final = "on this machine"


@attrs.frozen
class _Row:
    """A dataset that can be named."""

    entry: "PartEntry"
    name: str
    where: str

    @property
    def provider(self) -> str:
        """The distribution that it comes from."""
        return f"{self.entry.distribution} {self.entry.version}"


COLUMNS: Final = (
    Column("name", lambda row: row.name, wraps=False),
    Column("what it is", lambda row: row.entry.spec.summary),
    Column("where", lambda row: row.where),
    Column("from", lambda row: row.provider),
)


@grouped
def list_datasets(printed: Printed, plugin: flags.Files = None) -> None:
    """List the datasets that can be named, and those that are on this machine."""
    found = catalogue()
    rows = [row for entry in found.parts("dataset") for row in _rows(found, entry)]
    show_rows(rows, COLUMNS, printed.form)


def _rows(found: "Catalogue", entry: "PartEntry") -> Iterator[_Row]:
    """Yield a dataset, and what is here of those that it reads."""
    name = found.short_name(entry)
    yield _Row(entry, name, entry.spec.where)
    try:
        here = found.local_names(entry)
    except BrokenPartError as error:
        say(str(error))
        return
    yield from (_Row(entry, f"{name}:{each}", HERE) for each in here)
