"""Runs that train as one program, each recorded as a run of its own."""

from collections.abc import Sequence

from genpolicy.errors import StoppedError
from genpolicy.observer import Observer
from genpolicy.runs.companions import event_of
from genpolicy.runs.launch import Launch, RunResult
from genpolicy.training.runner import Outcome
from genpolicy.training.together import Origin, run_together

_PATIENCE = 5.0  # seconds, until the records name the batch


def run_batch(
    launches: Sequence[Launch],
    observers: Sequence[Observer] = (),
    names: Sequence[str] | None = None,
    seed: int | None = None,
) -> list[RunResult | BaseException]:
    """Train, score and record all; one that fails leaves the others alone.

    Args:
        launches: Runs that differ by their seeds and by numbers which losses read.
        observers: Told how the first of them goes.
        names: The ids of all that began together, if not all of them go on.
        seed: The seed of the first of those, if it may not be among them.

    Returns:
        What each came to, or why it could not go on.

    Raises:
        KeyboardInterrupt: They were interrupted at once.
        StoppedError: They were asked to stop.
    """
    told = [launch.begin(observers if not number else ()) for number, launch in enumerate(launches)]
    names = names or [launch.run_id for launch in launches]
    origin = _origin(launches, names, seed)
    _name_the_batch(launches, names)
    ended: dict[int, RunResult | BaseException] = {}

    def end(number: int, found: Outcome | Exception) -> None:
        ended[number] = _ended(launches[number], found)

    try:
        run_together([launch.runner for launch in launches], told, end, origin)
    except BaseException as error:
        for number, launch in enumerate(launches):
            if number not in ended:
                launch.failed(error)
        raise
    stopped = [each for each in ended.values() if isinstance(each, StoppedError)]
    if stopped:
        raise _stopped(stopped)
    return [ended[number] for number in range(len(launches))]


def _origin(launches: Sequence[Launch], names: Sequence[str], seed: int | None) -> Origin:
    seed = launches[0].runner.recipe.seed if seed is None else seed
    places = [names.index(launch.run_id) for launch in launches]
    return Origin(count=len(names), places=places, seed=seed)


def _stopped(errors: Sequence[StoppedError]) -> StoppedError:
    others = len(errors) - 1
    them = "the other that trains" if others == 1 else f"the {others} others that train"
    return StoppedError(f"{errors[0]}, with {them} with it") if others else errors[0]


def _ended(launch: Launch, end: Outcome | Exception) -> RunResult | BaseException:
    return launch.finished(end) if isinstance(end, Outcome) else launch.failed(end)


def _name_the_batch(launches: Sequence[Launch], names: Sequence[str]) -> None:
    """Write into every run's record with which others it shares its random numbers."""
    for launch in launches:
        number, step = names.index(launch.run_id) + 1, launch.runner.learner.step
        launch.writer.on_event(event_of(number, names, step))
    for launch in launches:
        launch.writer.flush(_PATIENCE)
