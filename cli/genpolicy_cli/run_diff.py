"""``agent runs diff``: what tells two runs apart, and how far their scores are."""

from collections.abc import Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Final

import attrs

from genpolicy.intervals import Interval
from genpolicy_cli import flags
from genpolicy_cli.listings import Column, Printed, show_rows
from genpolicy_cli.option_groups import grouped
from genpolicy_cli.words import NOTHING, count, interval, option_value, share, short

if TYPE_CHECKING:
    from genpolicy.records import EvaluationRecord
    from genpolicy.registry import RunDetail


@attrs.frozen
class _Row:
    """A line of the comparison."""

    of: str
    what: str
    first: Any
    second: Any
    difference: Interval | None = None
    over: str = ""


@grouped
def diff(
    first: Annotated[str, flags.RUN],
    second: Annotated[str, flags.RUN],
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    *,
    printed: Printed,
) -> None:
    """Compare two runs: recipe, data, parts, versions, host and scores.

    Only what differs is listed, and the scores. A difference is the second's score less the
    first's, with its 95 % interval over the episodes, taken episode by episode where both have the
    same starts; it says nothing of other seeds.
    """
    from genpolicy.registry import Registry

    with Registry.open(registry, read_only=True) as opened:
        one, other = opened.run(first), opened.run(second)
    rows = [*_rows(one, other)]
    show_rows(rows, _COLUMNS, printed.form, remarks=[*_remarks(one, other)])


def _rows(first: "RunDetail", second: "RunDetail") -> Iterator[_Row]:
    from genpolicy.comparison.run_changes import run_changes

    yield _Row("run", "id", first.id, second.id)
    for change in run_changes(first, second):
        yield _Row(change.aspect, change.what, change.first, change.second)
    one, other = first.final_evaluation, second.final_evaluation
    if one is None and other is None:
        return
    for what in ("protocol", "selection", "episodes"):
        yield _Row("scores", what, _told(one, what), _told(other, what))
    yield from _scores(first, second)


def _told(record: "EvaluationRecord | None", what: str) -> Any:
    if record is None:
        return None
    return len(record.episodes) if what == "episodes" else getattr(record, what)


def _scores(first: "RunDetail", second: "RunDetail") -> Iterator[_Row]:
    from genpolicy.comparison import run_changes, score_difference

    one, other = first.final_evaluation, second.final_evaluation
    reason = run_changes.not_comparable(first, second)
    ways = {
        "score": score_difference.score_difference,
        "return_": score_difference.return_difference,
        "success": score_difference.success_difference,
    }
    for what, way in ways.items():
        row = _Row("scores", what.rstrip("_"), _score(one, what), _score(other, what))
        if row.first is None and row.second is None:
            continue
        if reason is not None or one is None or other is None:
            yield attrs.evolve(row, over=f"no difference: {reason}")
        else:
            paired = what != "success" and score_difference.same_starts(one, other)
            yield attrs.evolve(row, difference=way(one, other), over=_over(one, other, paired))


def _score(record: "EvaluationRecord | None", what: str) -> Interval | None:
    return getattr(record, what) if record is not None and record.episodes else None


def _over(first: "EvaluationRecord", second: "EvaluationRecord", paired: bool) -> str:
    sizes = len(first.episodes), len(second.episodes)
    if paired:
        return f"{count(sizes[0], 'pair')} of episodes"
    return f"{sizes[0]:,} and {count(sizes[1], 'episode')}"


def _remarks(first: "RunDetail", second: "RunDetail") -> Iterator[str]:
    from genpolicy.comparison.run_changes import not_comparable

    reason = not_comparable(first, second)
    if first.id == second.id:
        yield "both are the same run"
    elif reason is not None:
        yield f"the scores of these runs do not compare: {reason}"


def _text(row: _Row, value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, Interval):
        return (share if row.what == "success" else interval)(value)
    return short(value) if isinstance(value, str) else option_value(value)


def _first(row: _Row) -> str:
    return _text(row, row.first)


def _second(row: _Row) -> str:
    return _text(row, row.second)


def _difference(row: _Row) -> str:
    return "" if row.difference is None else _text(row, row.difference)


_COLUMNS: Final = (
    Column("of", attrgetter("of")),
    Column("what", attrgetter("what")),
    Column("first", attrgetter("first"), row_text=_first, interval=True),
    Column("second", attrgetter("second"), row_text=_second, interval=True),
    Column(
        "difference", attrgetter("difference"), row_text=_difference, interval=True, wraps=False
    ),
    Column("over", attrgetter("over")),
)
