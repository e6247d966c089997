"""``agent datasets``: which there are, making them, measuring their references."""

from typing import Annotated

import typer

from genpolicy_cli import flags, parts
from genpolicy_cli.dataset_making import make
from genpolicy_cli.dataset_references import reference

app = typer.Typer(no_args_is_help=True, help="Show, make and measure datasets.")
app.command()(make)
app.command()(reference)


@app.command("list")
def list_datasets(
    as_json: Annotated[bool, flags.AS_JSON] = False, plugin: flags.Files = None
) -> None:
    """List the datasets that can be named."""
    parts.list_parts("dataset", as_json)
