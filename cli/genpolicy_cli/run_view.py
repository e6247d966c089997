"""All that is recorded of a run, on screen or as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from genpolicy.recipe_settings import settings_of
from genpolicy.records import HELD_OUT, EvaluationRecord, PartRecord
from genpolicy_cli.listings import Column, Form, named_cells, show_rows
from genpolicy_cli.output import out, plain, print_json
from genpolicy_cli.recipe_view import SETTINGS, settings_rows
from genpolicy_cli.results import held_out_rows, offline_rows, score_facts, score_rows
from genpolicy_cli.run_columns import COLUMNS
from genpolicy_cli.run_curve import curve_lines
from genpolicy_cli.tables import facts as facts_table
from genpolicy_cli.words import (
    NOTHING,
    count,
    duration,
    interval,
    moment,
    option_value,
    share,
    short,
)

if TYPE_CHECKING:
    from genpolicy.registry import RunDetail, RunSummary

_VERSIONS = ("python", "genpolicy", "torch", "numpy", "gymnasium", "mujoco")
_NEWEST = 3

_Section = tuple[str, tuple[str, ...], Sequence[tuple[str, ...]]]
"""A title, the names of columns, and rows of texts."""


def detail_facts(detail: "RunDetail") -> dict[str, Any]:
    """Return everything as JSON values, scores worked out."""
    values: dict[str, Any] = plain(detail)
    for shown, record in zip(values["evaluations"], detail.evaluations, strict=True):
        shown |= plain(score_facts(record)) | {"episodes": shown["episodes"]}
    final = detail.final_evaluation
    return {"run": detail.id, **values, "final": score_facts(final)}


def show_run(detail: "RunDetail", summary: "RunSummary", form: Form) -> None:
    """Print all that is recorded of a run.

    As a table or Markdown: its facts, recipe, parts, scores, learning curve, last metrics, files,
    events and notes. As CSV: what a listing tells of it, its recipe and its last metrics, as names
    with their values. As JSON: everything.

    Args:
        detail: What is recorded.
        summary: What a listing tells of it.
        form: How to print it.
    """
    if form == "json":
        print_json(detail_facts(detail))
    elif form == "csv":
        show_rows([*_named_values(detail, summary)], _columns(("name", "value")), form)
    else:
        _show_sections(detail, form)


def _show_sections(detail: "RunDetail", form: Form) -> None:
    facts = [*_facts(detail)]
    if form == "table":
        out().print(facts_table(facts))
    else:
        show_rows(facts, _columns(("name", "value")), form, title=f"run {detail.id}")
    for title, columns, rows in _sections(detail):
        if not rows:
            continue
        if form == "markdown":
            out().print()
        show_rows(rows, _columns(columns), form, title=title)
        if title == "scores":
            _show_curve(detail, form)


def _show_curve(detail: "RunDetail", form: Form) -> None:
    lines = curve_lines(detail)
    if lines:
        fence = "```" if form == "markdown" else ""
        out().print("\n".join([fence, *lines, fence]), soft_wrap=True)


def _sections(detail: "RunDetail") -> Iterator[_Section]:
    start = detail.start
    settings = settings_rows(settings_of(start.recipe, start.origins))
    yield "", SETTINGS, settings
    parts = [(p.slot, short(p.name), *_provider(p)) for p in start.parts]
    yield "parts", ("slot", "part", "from", "version", "source"), parts
    evaluations = [_evaluation_row(record) for record in detail.evaluations]
    columns = ("stage", "step", "protocol", "of", "score", "return", "success", "episodes")
    yield "scores", columns, evaluations
    metrics = [row for rows in _last_metrics(detail).values() for row in rows]
    yield "last metrics", ("stage", "step", "metric", "value"), metrics
    newest = detail.artifacts[-_NEWEST:]  # older checkpoints are gone
    files = [(a.kind, f"{a.step:,}", a.sha256[:12], a.path) for a in newest]
    yield "files", ("file", "step", "sha256", "path"), files
    events = [(moment(e.time), f"{e.step:,}", e.kind, e.message) for e in detail.events]
    yield "events", ("time", "step", "event", "what happened"), events
    yield "notes", ("time", "note"), [(moment(n.time), n.message) for n in detail.notes]


def _named_values(detail: "RunDetail", summary: "RunSummary") -> Iterator[tuple[str, str]]:
    for column in COLUMNS:
        yield from named_cells(column, summary)
    for setting in settings_of(detail.start.recipe, detail.start.origins):
        if setting.option is not None:
            yield f"{setting.slot}.{setting.option}", option_value(setting.value)
    for record in {record.stage: record for record in detail.metrics}.values():
        yield from ((f"{record.stage}: {k}", str(v)) for k, v in record.values.items())


def _columns(names: Sequence[str]) -> list[Column]:
    right = ("step", "score", "return", "success", "episodes")
    return [
        Column(name, itemgetter(place), right=name in right) for place, name in enumerate(names)
    ]


def _provider(part: PartRecord) -> tuple[str, str, str]:
    return part.distribution, part.version, part.source_hash[:12]


def _facts(detail: "RunDetail") -> Iterator[tuple[str, str]]:
    start, data = detail.start, detail.start.dataset
    yield "run", detail.id
    yield "state", f"{detail.state}: {detail.message}" if detail.message else detail.state
    if start.measured is not None:
        yield "measured", start.measured
    final = detail.final_evaluation
    if final is not None and final.episodes:
        yield from score_rows(final)
        yield from offline_rows(_before_online(detail, final))
    yield from held_out_rows(_held_out(detail))
    yield (
        "dataset",
        f"{data.name}: {data.transitions:,} transitions, {count(data.episodes, 'episode')}",
    )
    yield "fingerprint", data.fingerprint
    yield "seed", str(start.seed)
    yield "steps", f"{detail.step:,}"
    yield "started", moment(detail.started)
    yield "ended", moment(detail.finished)
    yield "duration", duration(detail.seconds)
    if detail.resumed_from is not None:
        yield "resumed from", f"step {detail.resumed_from:,}"
    yield "device", start.device
    yield "host", ", ".join(str(value) for value in start.host.values())
    yield (
        "versions",
        ", ".join(f"{name} {start.versions[name]}" for name in _VERSIONS if name in start.versions),
    )
    plugins = {p.distribution: p for p in start.parts if p.distribution != "genpolicy"}
    if plugins:
        yield (
            "plugins",
            ", ".join(f"{n} {p.version}, source {p.source_hash[:12]}" for n, p in plugins.items()),
        )
    yield "git", _git(detail)
    for name, path in start.files.items():
        slots = ", ".join(part.slot for part in start.parts if part.distribution == name)
        yield "not packaged", f"{slots} from the single file {path}, needed to load or resume it"
    if start.reference is None:
        yield "folder", start.directory
    if start.command:
        yield "command", start.command
    if start.tags:
        yield "tags", ", ".join(start.tags)
    yield "recipe hash", start.recipe_hash


def _held_out(detail: "RunDetail") -> Mapping[str, float]:
    """Return what data alone say of a run's agent, if it was scored by them."""
    found = [record.values for record in detail.metrics if record.stage == HELD_OUT]
    return found[-1] if found else {}


def _before_online(detail: "RunDetail", final: EvaluationRecord) -> EvaluationRecord | None:
    """Return the score with which a run went online, unless it came no further."""
    found = [record for record in detail.evaluations if record.selection == "offline"]
    return found[-1] if found and found[-1] is not final else None


def _git(detail: "RunDetail") -> str:
    start = detail.start
    if start.git_commit is None:
        return NOTHING
    return start.git_commit + (" with uncommitted changes" if start.git_dirty else "")


def _evaluation_row(record: EvaluationRecord) -> tuple[str, ...]:
    return (
        record.stage,
        f"{record.step:,}",
        record.protocol,
        record.selection or "look",
        interval(record.score),
        interval(record.return_),
        share(record.success),
        f"{len(record.episodes):,}",
    )


def _last_metrics(detail: "RunDetail") -> dict[str, list[tuple[str, ...]]]:
    last: dict[str, list[tuple[str, ...]]] = {}
    for record in detail.metrics:
        last[record.stage] = [
            (record.stage, f"{record.step:,}", name, f"{value:.4g}")
            for name, value in record.values.items()
        ]
    return last
