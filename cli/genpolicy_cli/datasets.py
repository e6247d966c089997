"""``agent datasets``: which there are, what is in them and wrong with them, making them."""

import typer

from genpolicy_cli.dataset_check import check
from genpolicy_cli.dataset_info import info
from genpolicy_cli.dataset_listing import list_datasets
from genpolicy_cli.dataset_making import make
from genpolicy_cli.dataset_references import reference
from genpolicy_cli.dataset_stats import stats

app = typer.Typer(no_args_is_help=True, help="Show, check, make and measure datasets.")
app.command("list")(list_datasets)
app.command()(info)
app.command()(stats)
app.command()(check)
app.command()(make)
app.command()(reference)
