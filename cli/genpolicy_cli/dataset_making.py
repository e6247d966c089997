"""``agent datasets make``."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from genpolicy.errors import UsageError
from genpolicy_cli import flags
from genpolicy_cli.dataset_choice import MadeName, named_dataset
from genpolicy_cli.installed import catalogue
from genpolicy_cli.making_place import Place
from genpolicy_cli.making_progress import making_progress
from genpolicy_cli.output import err, out
from genpolicy_cli.words import count

if TYPE_CHECKING:
    from genpolicy.dataset import Dataset
    from genpolicy.making import FileMaker, Maker, Shards


def make(
    name: MadeName,
    transitions: Annotated[
        int | None, typer.Option(help="How many; as many as the dataset has.", min=1)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; the dataset's own.", min=0)] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write this .npz or .hdf5 file.")
    ] = None,
    minari: Annotated[
        str | None, typer.Option(metavar="ID", help="Write a local Minari dataset of this id.")
    ] = None,
    val: Annotated[
        bool, typer.Option("--val", help="Of OGBench's data, write FILE-val.npz as well.")
    ] = False,
    jobs: Annotated[int, typer.Option(help="Processes that make it together.", min=1)] = 1,
    plugin: flags.Files = None,
) -> None:
    """Make a dataset, in any size; the same seed gives the same arrays, however many --jobs.

    What is made lies in FILE.partial until all of it is there: called again after an interruption,
    the same command goes on.
    """
    from genpolicy.dataset_abilities import MadeDataset
    from genpolicy.making import FileMaker, MadeInShards

    place = Place.named(out_file, minari)
    source = named_dataset(catalogue(), name).recipe
    if isinstance(source, MadeInShards):
        work = _Work(name, source.maker(), transitions, seed, jobs)
        if isinstance(work.maker, FileMaker) and place.name.startswith("npz:"):
            _write_files(work, work.maker, place, val=val)
            return
    _check_no_validation(val, name)
    if isinstance(source, MadeInShards):
        _write_shards(work, place)
    elif isinstance(source, MadeDataset):
        _write(source.make(transitions=transitions, seed=seed), place)
    else:
        raise UsageError(f"dataset {name!r} is read from elsewhere and cannot be made here")


@attrs.frozen
class _Work:
    """What is made, how much of it, from which seed and by how many processes."""

    name: str
    maker: "Maker"
    transitions: int | None
    seed: int | None
    jobs: int

    @property
    def total(self) -> int:
        return self.maker.transitions if self.transitions is None else self.transitions

    @contextmanager
    def done(self, folder: Path) -> "Iterator[Shards]":
        """While inside, all shards are there."""
        from genpolicy.making import made

        shards = self.maker.shards(self.total, self.maker.seed if self.seed is None else self.seed)
        with ExitStack() as stack:
            with making_progress(self.name, self.total) as tell:
                making = made(self.maker, shards, folder, jobs=self.jobs, tell=tell)
                there = stack.enter_context(making)
            yield there


def _write_shards(work: _Work, place: Place) -> None:
    """Make a dataset and write it as the place wants it."""
    target = place.target()
    with work.done(place.partial) as shards, err().status(f"writing {place.name}"):
        data = work.maker.dataset(shards)
        target.write(data)
    _tell(data, place)


def _write(data: "Dataset", place: Place) -> None:
    place.target().write(data)
    _tell(data, place)


def _write_files(work: _Work, maker: "FileMaker", place: Place, *, val: bool) -> None:
    """Make a dataset and write a file of its own kind, and the one to validate with if asked."""
    from genpolicy.making import partial_folder

    file = place.file
    assert file is not None
    if val and place.beside.exists():
        raise UsageError(f"--val names a new file too; {str(place.beside)!r} is there")
    with work.done(partial_folder(file)) as shards:
        if val:
            other, some = maker.validation(work.total)
            part = attrs.evolve(work, name=f"{work.name} (val)", maker=other, transitions=some)
            with part.done(partial_folder(place.beside)) as validation:
                other.write(validation, place.beside)
        with err().status(f"writing {file}"):
            maker.write(shards, file)
    out().print(
        f"{file}: {count(work.total, 'transition')}; `agent run --dataset {work.name} "
        f"dataset.path={file}` learns from it",
        soft_wrap=True,
    )


def _check_no_validation(val: bool, name: str) -> None:
    if val:
        raise UsageError(
            f"--val goes with OGBench's data and --out FILE.npz; {name!r} is not written so"
        )


def _tell(data: "Dataset", place: Place) -> None:
    out().print(
        f"{place.name}: {count(len(data), 'transition')} in {count(data.episodes, 'episode')}; "
        f"`agent run --recipe quick --dataset {place.name}` learns from it",
        soft_wrap=True,
    )
