"""A run from beginning to end: trained, saved, scored and written into the registry.

::

    from genpolicy.runs.launch import run
    result = run(recipe, registry="registry.db", output="runs")
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import torch

from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.config_file import to_config
from genpolicy.composition.fit import check_fit
from genpolicy.dataset import Dataset, DatasetRecipe
from genpolicy.devices import choose_device
from genpolicy.discovery.catalogue import Catalogue, load_catalogue
from genpolicy.errors import RunError, StoppedError
from genpolicy.evaluation.workers import Workers
from genpolicy.observer import Observer
from genpolicy.records import DatasetRecord, EvaluationRecord, EventRecord, RunStart, RunState
from genpolicy.registry import Registry, RunDetail, RunWriter
from genpolicy.registry.marks import mark
from genpolicy.registry.writer import warn
from genpolicy.runs import surroundings
from genpolicy.runs.blame import explain, in_words
from genpolicy.runs.ids import new_run_id
from genpolicy.tracker import Guarded, TrackerRecipe
from genpolicy.training.checkpoint import write_atomically
from genpolicy.training.compiling import COMPILED, EAGER
from genpolicy.training.runner import Outcome, Runner
from genpolicy.training.sampler import Sampler

Say = Callable[[str], None]
"""Told in words, possibly from another thread, what is odd but stops nothing."""


@attrs.frozen(kw_only=True)
class RunResult:
    """What a finished run came to.

    Args:
        run: Its id.
        seed: Its seed.
        recipe: What was trained.
        dataset: What it learnt from.
        folder: Where its agent was saved.
        evaluation: Its final score; ``None`` for data without an environment.
        offline: The score with which it began to act online, if it did.
        seconds: How long it took, from the first step after its start or resumption.
        problem: What the registry did not take, in words, if anything.
        held_out: For data without an environment, what the data tell of it, by metric.
    """

    run: str
    seed: int
    recipe: AgentRecipe
    dataset: str
    folder: Path
    evaluation: EvaluationRecord | None
    seconds: float
    problem: str | None
    offline: EvaluationRecord | None = None
    held_out: Mapping[str, float] = attrs.field(factory=dict)


class Launch:
    """A run that is recorded and about to train.

    Args:
        runner: The run.
        writer: Where it is recorded.
        say: Told what is odd.
        parent: The run that it repeats, if any.
    """

    def __init__(
        self, runner: Runner, writer: RunWriter, say: Say = warn, parent: str | None = None
    ) -> None:
        self.runner, self.writer, self._say, self.parent = runner, writer, say, parent
        self._mirrors: Sequence[Observer] = ()
        self._told: Sequence[Observer] = ()
        self._began = time.monotonic()
        self._over = False

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.runner.run_id

    def stop(self) -> None:
        """Ask the run to save a checkpoint and stop; it can be resumed."""
        self.runner.stop()

    def note(self, message: str) -> None:
        """Say something odd, from any thread, and record it while the run goes on."""
        self._say(message)
        if not self._over:
            step = self.runner.learner.step
            self.writer.on_event(EventRecord(kind="warning", message=message, step=step))

    def mirror(
        self, trackers: Mapping[str, TrackerRecipe], record: RunStart, resumed: int | None = None
    ) -> None:
        """Let trackers show how the run goes.

        Args:
            trackers: Trackers by name; one that fails is reported once and left alone.
            record: What is known of the run.
            resumed: The step that it goes on from, if it does.
        """
        self._mirrors = [Guarded(each, record, name, self.note) for name, each in trackers.items()]
        if resumed is not None:
            event = EventRecord(kind="resumed", message=f"from step {resumed}", step=resumed)
            for mirror in self._mirrors:
                mirror.on_event(event)

    def run(self, observers: Sequence[Observer] = ()) -> RunResult:
        """Train what is left, save the agent, score it and record how it ended.

        Raises:
            StoppedError: It was asked to stop.
            RunError: It could not go on, be it by the fault of a part.
            KeyboardInterrupt: It was interrupted at once.
        """
        told = self.begin(observers)
        try:
            outcome = self.runner.run(told)
        except BaseException as error:
            failure = self.failed(error)
            raise failure from (error if failure is not error else error.__cause__)
        return self.finished(outcome)

    def begin(self, observers: Sequence[Observer] = ()) -> Sequence[Observer]:
        """Return all who are told how the run goes, itself in its record among them."""
        self._began = time.monotonic()
        self._told = [*self._mirrors, *observers]
        return [self.writer, *self._told]

    def failed(self, error: BaseException) -> BaseException:
        """Record that the run could not go on, and return what to raise."""
        if isinstance(error, StoppedError):
            self._end("interrupted", str(error))
            return error
        if isinstance(error, KeyboardInterrupt):
            self._end("interrupted", "ended at once; the last checkpoint is kept")
            return error
        failure = explain(error, self.runner)
        self._end("failed", in_words(failure))
        return failure

    def finished(self, outcome: Outcome) -> RunResult:
        """Record that the run is finished, and return what it came to."""
        seconds = time.monotonic() - self._began
        self._end("finished")
        return self._result(outcome, seconds)

    def _end(self, state: RunState, message: str = "") -> None:
        self._over = True
        self.writer.finish(state, message)
        for observer in self._told:
            observer.on_end(state, message)

    def _result(self, outcome: Outcome, seconds: float) -> RunResult:
        return RunResult(
            run=self.run_id,
            seed=self.runner.recipe.seed,
            recipe=self.runner.recipe,
            dataset=self.runner.dataset.name,
            folder=outcome.folder,
            evaluation=outcome.evaluation,
            seconds=seconds,
            problem=self.writer.problem,
            offline=outcome.offline,
            held_out=outcome.held_out,
        )


def start(
    recipe: AgentRecipe,
    dataset: Dataset,
    *,
    registry: Registry,
    output: Path,
    device: torch.device,
    trackers: Mapping[str, TrackerRecipe] | None = None,
    tags: Sequence[str] = (),
    command: str = "",
    parent: str | None = None,
    say: Say = warn,
    sampler: Sampler | None = None,
    workers: Workers | None = None,
) -> Launch:
    """Build a run's models and enter it into the registry.

    Args:
        recipe: What to train; checked to fit.
        dataset: What to train on.
        registry: Where it is recorded.
        output: The folder in which the run gets a folder of its own, named by its id.
        device: Where the models live.
        trackers: Mirrors of its metrics by name; one that fails is reported once and left alone.
        tags: Words to find it by.
        command: The command line as typed.
        parent: The run that it repeats, if any; it is compiled where that was.
        say: Told what is odd.
        sampler: Draws from the dataset; made if there is none yet.
        workers: Who plays looks and scores, if not this process; whoever made them closes them.

    Raises:
        BrokenPartError: A part fails to build.
        RegistryError: The registry cannot be written.
        RunError: The folder cannot be written.
    """
    run_id = new_run_id()
    folder = output.resolve() / run_id
    runner = Runner(
        recipe,
        dataset,
        run=run_id,
        folder=folder,
        device=device,
        sampler=sampler,
        workers=workers,
    )
    if parent is not None:
        runner.learner.compiling.follow(decisions_of(registry.run(parent)))
    _begin_folder(folder, run_id, recipe, registry)
    git = surroundings.git_state(Path.cwd())
    record = RunStart(
        id=run_id,
        seed=recipe.seed,
        recipe=recipe.as_json(),
        recipe_hash=recipe.hash(),
        origins=recipe.origins,
        parts=recipe.part_records(),
        dataset=dataset_record(dataset),
        directory=str(folder),
        device=str(device),
        versions={**surroundings.versions(), **recipe.files()},
        host=host_of(device),
        git_commit=git.commit if git else None,
        git_dirty=git.dirty if git else None,
        command=command,
        parent=parent,
        tags=tuple(dict.fromkeys(tags)),
    )
    writer = registry.start(record, on_problem=say)
    launch = Launch(runner, writer, say, parent)
    launch.mirror(trackers or {}, record)
    return launch


def run(
    recipe: AgentRecipe,
    *,
    registry: str = "registry.db",
    output: Path | str = "runs",
    device: str = "auto",
    tags: Sequence[str] = (),
    observers: Sequence[Observer] = (),
    catalogue: Catalogue | None = None,
    eval_workers: int = 0,
) -> RunResult:
    """Check that the parts fit, load the data, train, save, score and record.

    Args:
        recipe: What to train.
        registry: A path or an SQLAlchemy URL.
        output: The folder in which the run gets a folder of its own.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        tags: Words to find it by.
        observers: Told how it goes.
        catalogue: The installed parts; by default found now.
        eval_workers: How many processes beside this one play looks and scores. A script that asks
            for some guards what it does by ``if __name__ == "__main__"``: they import it.

    Raises:
        GenpolicyError: It cannot be done; the message says why.
    """
    check_fit(recipe, catalogue or load_catalogue())
    place = choose_device(device)
    with closing(Registry.open(registry)) as opened, Workers(eval_workers) as workers:
        dataset = recipe.part("dataset", DatasetRecipe).prepare()
        launch = start(
            recipe,
            dataset,
            registry=opened,
            output=Path(output),
            device=place,
            tags=tags,
            workers=workers,
        )
        return launch.run(observers)


def decisions_of(detail: RunDetail) -> dict[int, bool]:
    """Return whether a run's stages were compiled, by the step before which that was decided.

    What was decided after the checkpoint from which the run was resumed has been given up.
    """
    decisions: dict[int, bool] = {}
    for event in detail.events:
        if event.kind in (COMPILED, EAGER):
            decisions[event.step] = event.kind == COMPILED
        elif event.kind == "resumed":
            decisions = {step: was for step, was in decisions.items() if step <= event.step}
    return decisions


def dataset_record(dataset: Dataset) -> DatasetRecord:
    """Return what is written down about the data of a run."""
    return DatasetRecord(
        name=dataset.name,
        fingerprint=dataset.fingerprint(),
        transitions=len(dataset),
        episodes=dataset.episodes,
    )


def host_of(device: torch.device) -> dict[str, Any]:
    """Return what is written down about the machine that a run has."""
    facts = surroundings.host()
    if device.type == "cuda":
        facts["device"] = torch.cuda.get_device_name(device)
    return facts


def _begin_folder(folder: Path, run_id: str, recipe: AgentRecipe, registry: Registry) -> None:
    try:
        write_atomically(folder / "recipe.toml", to_config(recipe).encode())
        mark(folder, run_id, registry.place)
    except OSError as error:
        raise RunError(
            f"the run's folder {str(folder)!r} cannot be written: {error.strerror}; name another "
            "with --output"
        ) from error
