"""``agent datasets make``."""

from pathlib import Path
from typing import Annotated

import typer

from genpolicy.errors import UsageError
from genpolicy_cli import flags
from genpolicy_cli.dataset_choice import MadeName, made_dataset, named_dataset
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, out
from genpolicy_cli.words import count


def make(
    name: MadeName,
    transitions: Annotated[
        int | None, typer.Option(help="How many; as many as the dataset has.", min=1)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; the dataset's own.", min=0)] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.npz", help="Write this file.")
    ] = None,
    minari: Annotated[
        str | None, typer.Option(metavar="ID", help="Write a local Minari dataset of this id.")
    ] = None,
    plugin: flags.Files = None,
) -> None:
    """Make a dataset again, in any size; the same seed gives the same arrays."""
    from genpolicy.dataset_abilities import MadeDataset, WritableDataset

    if (out_file is None) == (minari is None):
        raise UsageError("say where to: --out FILE.npz or --minari ID")
    if out_file is not None and (out_file.exists() or out_file.suffix != ".npz"):
        raise UsageError(f"--out names a new file that ends in .npz; got {str(out_file)!r}")
    found = catalogue()
    place = f"npz:{out_file}" if out_file is not None else f"minari:{minari}"
    target = named_dataset(found, place).recipe
    assert isinstance(target, WritableDataset)
    source = made_dataset(found, name).recipe
    assert isinstance(source, MadeDataset)
    with err().status(f"making {name}"):
        data = source.make(transitions=transitions, seed=seed)
        target.write(data)
    out().print(
        f"{place}: {count(len(data), 'transition')} in {count(data.episodes, 'episode')}; "
        f"`agent run --recipe quick --dataset {place}` learns from it",
        soft_wrap=True,
    )
