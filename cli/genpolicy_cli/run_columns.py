"""What a listing can tell of each run."""

from collections.abc import Sequence
from difflib import get_close_matches
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from genpolicy.errors import UsageError
from genpolicy.recipe_settings import nearest_key
from genpolicy.records import BENCH, KINDS
from genpolicy_cli.listings import Column, interval, number
from genpolicy_cli.words import NOTHING, duration, moment, option_value, share, short

if TYPE_CHECKING:
    from genpolicy.registry import RunSummary

HASH: Final = 6
"""How many digits of a hash people are told."""


def objective_of(run: "RunSummary") -> str | None:
    """Return the objective's full name; in parentheses what was measured where none trained."""
    objective = run.parts.get("objective")
    if run.reference == BENCH:
        return f"({BENCH} {_name(objective)})"
    return f"({run.reference})" if run.reference else objective


def _part(kind: str) -> Column:
    def value(run: "RunSummary") -> str | None:
        return objective_of(run) if kind == "objective" else run.parts.get(kind)

    return Column(kind, value, _name)


def _name(full_name: str | None) -> str:
    return short(full_name or "")


def _setting(key: str) -> Column:
    return Column(key, lambda run: run.setting(key), _typed)


def _typed(value: Any) -> str:
    return NOTHING if value is None else short(option_value(value))


def _seed(seed: int) -> str:
    return str(seed)


def _episodes(count: int) -> str:
    return f"{count:,}" if count else ""


def _beginning(digits: str) -> str:
    return digits[:HASH]


def _word(text: Any) -> str:
    return NOTHING if text is None else str(text)


COLUMNS: Final = (
    Column("run", attrgetter("id"), wraps=False),
    Column("state", attrgetter("state"), wraps=False),
    Column("dataset", attrgetter("dataset")),
    *map(_part, KINDS),
    number("seed", attrgetter("seed"), _seed),
    interval("score", attrgetter("score")),
    interval("return", attrgetter("return_")),
    interval("success", attrgetter("success"), share),
    number("episodes", attrgetter("episodes"), _episodes),
    Column("protocol", attrgetter("protocol"), _word),
    Column("selection", attrgetter("selection"), _word),
    Column("started", attrgetter("started"), moment),
    Column("created", attrgetter("created"), moment),
    number("duration", attrgetter("seconds"), duration),
    number("steps", attrgetter("step")),
    Column("tags", attrgetter("tags")),
    Column("device", attrgetter("device")),
    Column("recipe", attrgetter("recipe_hash"), _beginning),
    Column("parent", attrgetter("parent"), _word),
    Column("fingerprint", attrgetter("fingerprint"), _beginning),
)
"""Of :class:`~genpolicy.registry.RunSummary`, in the order in which they are named."""

NAMES: Final = tuple(column.name for column in COLUMNS)

SHOWN: Final = (
    "run",
    "state",
    "dataset",
    "objective",
    "backbone",
    "seed",
    "score",
    "episodes",
    "started",
    "duration",
)
"""Those that are shown unless others are asked for."""


def chosen(names: str | None) -> list[Column]:
    """Return the columns that are meant, in the order of their names.

    Args:
        names: Names with commas between them, also keys of settings such as ``objective.beta``;
            ``None`` for the usual ones.

    Raises:
        UsageError: There is no such column; the message names all.
    """
    wanted = SHOWN if names is None else [name.strip() for name in names.split(",")]
    known = {column.name: column for column in COLUMNS}
    for name in wanted:
        if "." not in name:
            check_known(name, NAMES, "have no column")
    return [known.get(name) or _setting(name) for name in dict.fromkeys(wanted)]


def tell_settings(columns: Sequence[Column]) -> bool:
    """Return whether columns tell settings, with which runs are then to be read."""
    return any("." in column.name for column in columns)


def check_settings(columns: Sequence[Column], runs: "Sequence[RunSummary]") -> None:
    """Refuse columns of settings that none of the runs has, if there are runs.

    Args:
        columns: What is to be told.
        runs: The runs, with their settings.

    Raises:
        UsageError: There is such a column; the message names the nearest setting.
    """
    known = dict.fromkeys(key for run in runs for key in run.settings if "." in key)
    for column in columns:
        if runs and "." in column.name and column.name not in known:
            hint = nearest_key(column.name, [*NAMES, *known])
            raise UsageError(f"none of the runs listed has {column.name!r}{hint}")


def check_known(name: str, known: Sequence[str], what: str) -> None:
    """Refuse a name that is not among those that runs know.

    Args:
        name: What was typed.
        known: All that it could be.
        what: What to say of runs, such as ``"have no column"``.

    Raises:
        UsageError: It is none of them.
    """
    if name not in known:
        nearest = get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f", did you mean {nearest[0]!r}?" if nearest else ";"
        raise UsageError(f"runs {what} {name!r}{hint} choose from {', '.join(known)}")
