"""Pictures as files."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from genpolicy.errors import PartError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDINGS: Final = (".png", ".svg")


def prepare_picture(file: Path, command: str) -> None:
    """Refuse, before any work is done, a picture that could not be drawn.

    Args:
        file: Where it is to be written.
        command: What draws it, such as ``"agent plot"``.

    Raises:
        UsageError: The file's ending is no picture's.
        PartError: Matplotlib is not installed.
    """
    if file.suffix.lower() not in ENDINGS:
        raise UsageError(f"a picture ends in .png or .svg; got {str(file)!r}")
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise PartError(
            f"`{command}` draws with matplotlib, which is not installed: "
            "pip install 'genpolicy[plot]'"
        ) from error


def write_picture(figure: "Figure", file: Path) -> None:
    """Write a picture; the same figure gives the same bytes.

    Raises:
        UsageError: The file cannot be written.
    """
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
