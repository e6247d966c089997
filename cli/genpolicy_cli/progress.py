"""How a run goes, as it goes: bars on a terminal, a line now and then elsewhere."""

from collections.abc import Sequence
from typing import Final, Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from genpolicy.observer import Observer
from genpolicy.records import EvaluationRecord, EventRecord
from genpolicy_cli.words import count, interval

_SCORING: Final = "scoring"


class StageLike(Protocol):
    """What is shown of a stage."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def steps(self) -> int:
        """How many steps it takes."""


class Display(Observer):
    """Shows how a run goes; this one shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def tell(self, message: str) -> None:
        """Say something beside the display."""


class Lines(Display):
    """One line per stage and per score, for logs."""

    def __init__(self, console: Console, whose: str = "", *, compiles: bool = False) -> None:
        self._console, self._whose, self._compiles = console, whose, compiles

    def tell(self, message: str) -> None:
        """Print a line."""
        self._console.print(message, soft_wrap=True)

    def on_stage(self, name: str, first_step: int, last_step: int) -> None:
        """Say which stage begins."""
        self.tell(f"{name}: {count(last_step - first_step, 'step')}")
        if self._compiles:
            self.tell(compiling(name))

    def on_event(self, record: EventRecord) -> None:
        """Say what is odd."""
        if record.kind == "warning":
            self.tell(record.message)

    def on_evaluation(self, record: EvaluationRecord) -> None:
        """Say the score."""
        when = "at the end" if record.selection is not None else f"at step {record.step:,}"
        whose = f"{self._whose}: " if self._whose else ""
        self.tell(f"{record.stage}, {when}: {whose}{score_text(record)}")


class Bars(Display):
    """A bar per stage, with speed, time left and the newest score."""

    def __init__(
        self,
        console: Console,
        stages: Sequence[StageLike],
        whose: str = "",
        *,
        compiles: bool = False,
    ) -> None:
        self._whose, self._compiles = whose, compiles
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            _Steps(),
            _Speed(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[score]}", style="green"),
            console=console,
            refresh_per_second=4,
        )
        self._ends: dict[TaskID, int] = {}
        self._by_first: dict[int, TaskID] = {}
        self._first = 0
        for stage in stages:
            self._add(stage)
        self._task: TaskID | None = None
        self._fresh = True

    def __enter__(self) -> Self:
        self._progress.start()
        if self._whose:  # beside every score it would leave the bars no room
            self.tell(f"shown is {self._whose}")
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        self.tell("")

    def tell(self, message: str) -> None:
        """Print a line above the bars."""
        self._progress.console.print(message, soft_wrap=True)

    def on_stage(self, name: str, first_step: int, last_step: int) -> None:
        """Start the stage's bar; those before it are done."""
        for task, end in self._ends.items():
            if end <= first_step:
                self._progress.update(task, completed=self._progress.tasks[task].total)
        self._task, self._first, self._fresh = self._by_first[first_step], first_step, True
        self._progress.start_task(self._task)
        if self._compiles:
            self.tell(compiling(name))

    def on_step(self, step: int) -> None:
        """Move the bar."""
        if self._task is None:
            return
        done = step - self._first
        if self._fresh:  # a resumed stage did not do its first steps just now
            self._progress.reset(self._task, completed=done)
            self._fresh = False
        self._progress.update(self._task, completed=done)

    def on_evaluation(self, record: EvaluationRecord) -> None:
        """Show the score behind the bar."""
        if self._task is not None:
            self._progress.update(self._task, score=score_text(record))
            if record.selection not in (None, "offline"):
                self._progress.update(self._task, total=1, completed=1)

    def on_event(self, record: EventRecord) -> None:
        """Say what is odd; show a bar without end while the agent is scored."""
        if record.kind == "warning":
            self.tell(record.message)
        if record.kind == "scoring":
            self._finish_bars()
            self._task = self._progress.add_task(_SCORING, total=None, score="")

    def _add(self, stage: StageLike) -> None:
        start = max(self._ends.values(), default=0)
        task = self._progress.add_task(stage.name, total=stage.steps, start=False, score="")
        self._ends[task], self._by_first[start] = start + stage.steps, task

    def _finish_bars(self) -> None:
        for task in self._ends:
            self._progress.update(task, completed=self._progress.tasks[task].total)


class _Steps(ProgressColumn):
    """Steps done of all steps."""

    def render(self, task: Task) -> Text:
        """Return them; nothing while the agent is scored."""
        known = f"{task.completed:,.0f}/{task.total:,.0f}" if _has_steps(task) else ""
        return Text(known, justify="right")


class _Speed(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        """Return it, once it can be told."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} steps/s" if speed and _has_steps(task) else "", style="cyan")


def _has_steps(task: Task) -> bool:
    return task.description != _SCORING


def display_for(
    console: Console,
    stages: Sequence[StageLike],
    *,
    quiet: bool,
    whose: str = "",
    compiles: bool = False,
) -> Display:
    """Return the display that suits where it is shown.

    Args:
        console: Where that is.
        stages: What is shown.
        quiet: Whether to show nothing.
        whose: Whose steps and scores are shown, where several train as one program.
        compiles: Whether every stage begins with compiling its losses.
    """
    if quiet:
        return Display()
    if console.is_terminal:
        return Bars(console, stages, whose, compiles=compiles)
    return Lines(console, whose, compiles=compiles)


def compiling(stage: str) -> str:
    """Return what is said while nothing moves."""
    return f"compiling the first step of stage {stage}; this takes a minute or so"


def score_text(record: EvaluationRecord) -> str:
    """Return a score with its interval, or the return where no reference is known."""
    name, value = ("score", record.score) if record.score else ("return", record.return_)
    return f"{name} {interval(value)} ({count(len(record.episodes), 'episode')})"
