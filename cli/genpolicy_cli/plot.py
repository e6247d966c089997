"""``agent plot``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genpolicy.errors import UnknownRunError
from genpolicy_cli import completion, flags
from genpolicy_cli.output import out, say
from genpolicy_cli.picture import prepare_picture, write_picture

if TYPE_CHECKING:
    from genpolicy.registry import Registry, RunDetail


def plot(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Ids of runs, or how they begin; all recorded runs.",
            autocompletion=completion.runs,
            show_default=False,
        ),
    ] = None,
    tag: Annotated[
        str | None, typer.Option(help="Only runs with this tag.", metavar="WORD")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Only runs on this data.",
            metavar="NAME",
            autocompletion=completion.names_of("dataset"),
        ),
    ] = None,
    out_file: Annotated[Path, flags.PICTURE] = Path("learning-curves.png"),
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
) -> None:
    """Draw learning curves of recorded runs, the seeds of one recipe as one curve."""
    prepare_picture(out_file, "agent plot")
    from genpolicy.comparison.curves import learning_curves
    from genpolicy.registry import Registry
    from genpolicy_cli.curve_figure import curve_figure

    with Registry.open(registry, read_only=True) as opened:
        found = _chosen(opened, runs or [], tag, dataset)
    curves = learning_curves(found)
    for remark in curves.remarks:
        say(remark)
    write_picture(curve_figure(curves), out_file)
    out().print(str(out_file), soft_wrap=True)


def _chosen(
    registry: "Registry", runs: Sequence[str], tag: str | None, dataset: str | None
) -> "list[RunDetail]":
    """Return the runs that are meant: in the order named, or oldest first."""
    names = runs or [run.id for run in reversed(registry.runs(dataset=dataset))]
    details = {detail.id: detail for detail in map(registry.run, names)}
    found = [
        detail
        for detail in details.values()
        if tag in (None, *detail.start.tags) and dataset in (None, detail.start.dataset.name)
    ]
    if not found:
        raise UnknownRunError(_nothing_found(registry.name, runs, tag, dataset))
    return found


def _nothing_found(name: str, runs: Sequence[str], tag: str | None, dataset: str | None) -> str:
    wanted = [f"with the tag {tag!r}"] if tag is not None else []
    wanted += [f"on {dataset!r}"] if dataset is not None else []
    if runs:
        return f"none of the runs named is {' and '.join(wanted)}"
    return " ".join([f"{name} holds no run", *wanted])
