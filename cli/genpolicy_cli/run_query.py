"""Options that say which recorded runs are meant."""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

import attrs
import typer

from genpolicy.errors import UsageError, did_you_mean
from genpolicy.records import KINDS, ReportedState
from genpolicy_cli import completion

if TYPE_CHECKING:
    from genpolicy.registry import RunQuery

STATES: Final[tuple[ReportedState, ...]] = get_args(ReportedState)

_PANEL: Final = "Which runs"
_HOURS: Final = {"m": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}
_WHEN: Final = "A date, an ISO time, or an age such as 7d or 12h"


def _part(kind: str) -> Any:
    article = "an" if kind[0] in "aeio" else "a"
    return _option(f"Only with {article} {kind} so called.", "NAME", completion.names_of(kind))


def _option(help: str, metavar: str, completed: Any = None) -> Any:
    return typer.Option(
        help=help, metavar=metavar, autocompletion=completed, rich_help_panel=_PANEL
    )


@attrs.frozen
class Filters:
    """The options; a group for :func:`~genpolicy_cli.option_groups.grouped`.

    Those that may be given again mean any of what is given, tags all of them. Names are patterns:
    ``*`` stands for any letters, ``?`` for one.
    """

    dataset: Annotated[
        list[str] | None,
        _option(
            "Only on this data; names may hold * and ?, and options be given again.",
            "NAME",
            completion.names_of("dataset"),
        ),
    ] = None
    objective: Annotated[list[str] | None, _part("objective")] = None
    backbone: Annotated[list[str] | None, _part("backbone")] = None
    network: Annotated[list[str] | None, _part("network")] = None
    critic: Annotated[list[str] | None, _part("critic")] = None
    solver: Annotated[list[str] | None, _part("solver")] = None
    inference: Annotated[list[str] | None, _part("inference")] = None
    state: Annotated[
        list[str] | None,
        _option(f"Only in this state: {', '.join(STATES)}.", "STATE", completion.states),
    ] = None
    tag: Annotated[
        list[str] | None,
        _option("Only with this tag; given again, with all.", "WORD", completion.tags),
    ] = None
    seed: Annotated[list[int] | None, _option("Only with this seed.", "N")] = None
    since: Annotated[str | None, _option(f"Only entered then or later. {_WHEN}.", "WHEN")] = None
    until: Annotated[str | None, _option("Only entered before then.", "WHEN")] = None
    min_score: Annotated[float | None, _option("Only with a score of at least this.", "X")] = None
    max_score: Annotated[float | None, _option("Only with a score of at most this.", "X")] = None

    @property
    def given(self) -> bool:
        """Whether any was given."""
        return self != Filters()

    @property
    def remarks(self) -> list[str]:
        """What is to be said where runs are compared that were chosen so."""
        if self.min_score is None and self.max_score is None:
            return []
        return ["runs were chosen by their scores: what is left of a method is not the method"]

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The names of parts that were given, by kind."""
        return {kind: tuple(getattr(self, kind)) for kind in KINDS if getattr(self, kind)}

    def query(
        self,
        *,
        ids: tuple[str, ...] = (),
        sort: str = "created",
        reverse: bool = False,
        limit: int | None = None,
    ) -> "RunQuery":
        """Return the query that they stand for.

        Args:
            ids: Runs that are named, by how they begin.
            sort: What to sort by.
            reverse: Whether to turn that order round.
            limit: How many at most.

        Raises:
            UsageError: There is no such state, or a time cannot be read.
        """
        from genpolicy.registry import RunQuery

        return RunQuery(
            ids=ids,
            parts=self.parts,
            datasets=tuple(self.dataset or ()),
            states=tuple(map(_state, self.state or ())),
            tags=tuple(self.tag or ()),
            since=None if self.since is None else moment_of(self.since, "--since"),
            until=None if self.until is None else moment_of(self.until, "--until"),
            seeds=tuple(self.seed or ()),
            min_score=self.min_score,
            max_score=self.max_score,
            sort=sort,
            reverse=reverse,
            limit=limit,
        )


def _state(name: str) -> ReportedState:
    for state in STATES:
        if name == state:
            return state
    raise UsageError(f"there is no state {name!r}{did_you_mean(name, STATES)}")


def moment_of(text: str, option: str) -> datetime:
    """Return the point in time that somebody typed.

    Args:
        text: A date, a time in ISO's form, in the user's zone unless it names one, or an age.
        option: The option that it was given to.

    Raises:
        UsageError: It is none of these.
    """
    age = re.fullmatch(r"(\d+(?:\.\d+)?)([mhdw])", text.strip().lower())
    try:
        if age:
            passed = timedelta(hours=float(age[1]) * _HOURS[age[2]])
            return datetime.now().astimezone() - passed
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} takes a date such as 2026-07-01, a time such as 2026-07-01T18:30, or an age "
            f"such as 90m, 12h, 7d or 2w; got {text!r}"
        ) from None
