"""What every tracker must do: mirror a run, whatever happens in it, and stay out of the way."""

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import attrs

from genpolicy.observer import Observer
from genpolicy.records import (
    ArtifactRecord,
    DatasetRecord,
    EpisodeRecord,
    EvaluationRecord,
    EventRecord,
    MetricsRecord,
    PartRecord,
    RunStart,
)
from genpolicy.testing.suite import Program, Suite
from genpolicy.testing.surroundings import Surroundings
from genpolicy.tracker import TrackerRecipe


class TrackerSuite(Suite):
    """The checks of a tracker."""

    kind: ClassVar[str] = "tracker"

    def program(self, part: TrackerRecipe) -> Program | None:
        """Return nothing: a tracker computes nothing."""
        return None

    def test_it_opens_an_observer(self, part: TrackerRecipe) -> None:
        """Runs talk to what `open` returns, by the methods of an observer."""
        with _run() as run:
            observer = part.open(run)
        assert isinstance(observer, Observer), f"it opens a {type(observer).__name__}, no Observer"

    def test_it_ends_what_never_began(self, part: TrackerRecipe) -> None:
        """A run may end before its first step, for want of its environment."""
        with _run() as run:
            part.open(run).on_end("failed", "the environment cannot be made")

    def test_it_takes_everything_that_a_run_tells(self, part: TrackerRecipe) -> None:
        """A tracker that fails once is left alone for the rest of the run."""
        with _run() as run:
            observer = part.open(run)
            for tell in _course(run, 0):
                tell(observer)

    def test_it_takes_numbers_that_are_not_finite(self, part: TrackerRecipe) -> None:
        """A diverging run is the one that people want to look at."""
        values = {"policy/loss": float("nan"), "policy/q": float("inf"), "critic/q": -float("inf")}
        with _run() as run:
            observer = part.open(run)
            observer.on_metrics(MetricsRecord(stage="policy", step=100, values=values))
            observer.before_checkpoint()
            observer.on_end("failed", "the loss stopped being finite")

    def test_it_takes_evaluations_of_which_little_is_known(self, part: TrackerRecipe) -> None:
        """Many environments tell no success and have no reference scores."""
        episode = EpisodeRecord(
            return_=1.0, length=3, success=None, steps_to_success=None, seed=100_000
        )
        with _run() as run:
            observer = part.open(run)
            observer.on_evaluation(_evaluation(100, (episode,)))
            observer.before_checkpoint()
            observer.on_end("finished", "")

    def test_it_goes_on_with_a_run_that_was_resumed(self, part: TrackerRecipe) -> None:
        """A resumed run goes back to its last checkpoint and tells some steps again."""
        with _run() as run:
            for first in (0, 100):
                observer = part.open(run)
                if first:
                    again = EventRecord(kind="resumed", message="on it goes", step=first)
                    observer.on_event(again)
                for tell in _course(run, first):
                    tell(observer)

    def test_it_mirrors_several_runs_side_by_side(self, part: TrackerRecipe) -> None:
        """Seeds train in one process; what one of them tells is not the other's."""
        with _run("one") as one, _run("two") as two:
            observers = [part.open(one), part.open(two)]
            for run, observer in zip((one, two), observers, strict=True):
                for tell in _course(run, 0):
                    tell(observer)

    def test_it_prints_nothing_and_writes_only_into_the_runs_folder(
        self, part: TrackerRecipe
    ) -> None:
        """What `agent run --json` prints is read by programs, and folders belong to people."""
        printed = io.StringIO()
        with _run() as run, tempfile.TemporaryDirectory() as here:
            with contextlib.chdir(here), contextlib.redirect_stdout(printed):
                observer = part.open(run)
                for tell in _course(run, 0):
                    tell(observer)
            left = sorted(path.name for path in Path(here).iterdir())
        assert not printed.getvalue(), f"it prints {printed.getvalue()[:200]!r}"
        assert not left, f"it leaves {', '.join(left)} in the working directory"

    def test_it_leaves_the_process_to_the_run(self, part: TrackerRecipe) -> None:
        """With a tracker, the same seed must train the same agent as without."""
        before = Surroundings.now()
        with _run() as run:
            observer = part.open(run)
            for tell in _course(run, 0):
                tell(observer)
        changed = before.changes()
        assert not changed, f"it changes {', '.join(changed)}"


@contextlib.contextmanager
def _run(name: str = "run") -> Iterator[RunStart]:
    """Hand out a run that begins, with a folder of its own."""
    part = PartRecord(
        slot="backbone",
        kind="backbone",
        name="genpolicy/flow",
        distribution="genpolicy",
        version="0",
        source_hash="0" * 64,
        options={"sigma": 0.1},
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as runs:
        folder = Path(runs) / f"{name}1234"
        folder.mkdir()
        yield RunStart(
            id=folder.name,
            seed=0,
            recipe={"parts": {"backbone": {"name": part.name, "options": dict(part.options)}}},
            recipe_hash="0" * 64,
            origins={"backbone.sigma": "command line"},
            parts=(part,),
            dataset=DatasetRecord(name="random", fingerprint="0" * 64, transitions=8, episodes=1),
            directory=str(folder),
            device="cpu",
            versions={"python": "3"},
            host={"name": "here", "processors": 1},
        )


def _course(run: RunStart, first: int) -> Iterator[Callable[[Observer], None]]:
    """Yield what a run of two stages tells, from a step on."""
    solved = EpisodeRecord(return_=3.5, length=3, success=True, steps_to_success=2, seed=1)
    failed = attrs.evolve(solved, return_=-1.0, success=False, steps_to_success=None)
    checkpoint = ArtifactRecord(
        kind="checkpoint", path=f"{run.directory}/checkpoints", sha256="0" * 64, bytes=9, step=200
    )
    yield lambda observer: observer.on_stage("critic", 0, 200)
    for step in range(first + 100, 301, 100):
        stage = "critic" if step <= 200 else "policy"
        metrics = MetricsRecord(stage=stage, step=step, values={f"{stage}/loss": 0.5})
        yield lambda observer, step=step: observer.on_step(step)  # type: ignore[misc]
        yield lambda observer, metrics=metrics: observer.on_metrics(metrics)  # type: ignore[misc]
    yield lambda observer: observer.before_checkpoint()
    yield lambda observer: observer.on_artifact(checkpoint)
    yield lambda observer: observer.on_stage("policy", 200, 300)
    look = attrs.evolve(_evaluation(300, (solved, failed)), selection=None)
    yield lambda observer: observer.on_evaluation(look)
    yield lambda observer: observer.on_event(EventRecord(kind="warning", message="odd", step=300))
    yield lambda observer: observer.on_artifact(attrs.evolve(checkpoint, kind="agent", step=300))
    final = attrs.evolve(look, selection="last", random_return=0.0, expert_return=4.0)
    yield lambda observer: observer.on_evaluation(final)
    yield lambda observer: observer.on_event(EventRecord(kind="error", message="NaN", step=300))
    yield lambda observer: observer.on_end("interrupted", "somebody stopped it")


def _evaluation(step: int, episodes: tuple[EpisodeRecord, ...]) -> EvaluationRecord:
    return EvaluationRecord(
        stage="policy",
        step=step,
        protocol="default",
        selection=None,
        environment={"id": "Random-v0", "kwargs": {}, "observation_keys": [], "horizon": 3},
        seed=100_000,
        episodes=episodes,
    )
