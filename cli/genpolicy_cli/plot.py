"""``agent plot``."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from genpolicy.errors import PartError, UnknownRunError, UsageError
from genpolicy_cli import completion, flags
from genpolicy_cli.output import out, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genpolicy.registry import Registry, RunDetail

ENDINGS: Final = (".png", ".svg")


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
    out_file: Annotated[
        Path, typer.Option("--out", help="Write this picture.", metavar="FILE.png|FILE.svg")
    ] = Path("learning-curves.png"),
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
) -> None:
    """Draw learning curves of recorded runs, the seeds of one recipe as one curve."""
    if out_file.suffix.lower() not in ENDINGS:
        raise UsageError(f"a picture ends in .png or .svg; got {str(out_file)!r}")
    _require_matplotlib()
    from genpolicy.comparison.curves import learning_curves
    from genpolicy.registry import Registry
    from genpolicy_cli.curve_figure import curve_figure

    with Registry.open(registry, read_only=True) as opened:
        found = _chosen(opened, runs or [], tag, dataset)
    curves = learning_curves(found)
    for remark in curves.remarks:
        say(remark)
    _write(curve_figure(curves), out_file)
    out().print(str(out_file), soft_wrap=True)


def _require_matplotlib() -> None:
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise PartError(
            "`agent plot` draws with matplotlib, which is not installed: "
            "pip install 'genpolicy[plot]'"
        ) from error


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


def _write(figure: "Figure", file: Path) -> None:
    """Write a picture; the same runs give the same bytes."""
    from matplotlib import rc_context

    kind = file.suffix.lower().removeprefix(".")
    picture = BytesIO()
    with rc_context({"svg.hashsalt": "genpolicy"}):
        figure.savefig(
            picture, format=kind, metadata={"Date": None} if kind == "svg" else {"Software": None}
        )
    try:
        file.write_bytes(picture.getvalue())
    except OSError as error:
        raise UsageError(
            f"{str(file)!r} cannot be written: {error.strerror}; name another file with --out"
        ) from error
