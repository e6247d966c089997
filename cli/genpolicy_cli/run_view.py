"""All that is recorded of a run, on screen or as JSON."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from genpolicy.records import EvaluationRecord
from genpolicy_cli.output import out, plain
from genpolicy_cli.recipe_view import settings_of, settings_table
from genpolicy_cli.results import score_facts, score_rows
from genpolicy_cli.tables import facts, listing
from genpolicy_cli.words import NOTHING, count, duration, interval, moment, share

if TYPE_CHECKING:
    from genpolicy.registry import RunDetail

_VERSIONS = ("python", "genpolicy", "torch", "numpy", "gymnasium", "mujoco")
_NEWEST = 3


def detail_facts(detail: "RunDetail") -> dict[str, Any]:
    """Return everything as JSON values, scores worked out."""
    values: dict[str, Any] = plain(detail)
    for shown, record in zip(values["evaluations"], detail.evaluations, strict=True):
        shown |= plain(score_facts(record)) | {"episodes": shown["episodes"]}
    final = detail.final_evaluation
    return {"run": detail.id, **values, "final": score_facts(final)}


def show_detail(detail: "RunDetail") -> None:
    """Print a run's facts, recipe, scores, last metrics, files and events."""
    console = out()
    console.print(facts(_facts(detail)))
    console.print(settings_table(settings_of(detail.start.recipe, detail.start.origins)))
    if detail.evaluations:
        rows = [_evaluation_row(record) for record in detail.evaluations]
        columns = ("stage", "step", "protocol", "of", "score", "return", "success", "episodes")
        console.print(listing(columns, rows, title="scores"))
    metrics = [row for rows in _last_metrics(detail).values() for row in rows]
    if metrics:
        console.print(listing(("stage", "step", "metric", "value"), metrics, title="last metrics"))
    if detail.artifacts:
        newest = detail.artifacts[-_NEWEST:]  # older checkpoints are gone
        rows = [(a.kind, f"{a.step:,}", a.sha256[:12], a.path) for a in newest]
        console.print(listing(("file", "step", "sha256", "path"), rows, title="files"))
    events = [(moment(e.time), f"{e.step:,}", e.kind, e.message) for e in detail.events]
    if events:
        console.print(listing(("time", "step", "event", "what happened"), events, title="events"))


def _facts(detail: "RunDetail") -> Iterator[tuple[str, str]]:
    start, data = detail.start, detail.start.dataset
    yield "run", detail.id
    yield "state", f"{detail.state}: {detail.message}" if detail.message else detail.state
    if start.reference is not None:
        yield "reference policy", start.reference
    final = detail.final_evaluation
    if final is not None and final.episodes:
        yield from score_rows(final)
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
