"""Runs of several seeds that train as one program, each recorded as a run of its own."""

from collections.abc import Sequence

import numpy as np
import torch

from genpolicy.agent import shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.errors import StoppedError
from genpolicy.observer import Observer
from genpolicy.records import EventRecord
from genpolicy.runs.launch import Launch, RunResult
from genpolicy.training.learner import Learner, course_of
from genpolicy.training.members import Members
from genpolicy.training.runner import Outcome
from genpolicy.training.together import run_together
from genpolicy.transforms.selection import rows_of

_ROWS = 4  # of each member, to see whether its losses can be taken at once


def refusal(recipe: AgentRecipe, dataset: Dataset, device: torch.device) -> str | None:
    """Return why seeds of a recipe cannot train as one program, if they cannot.

    Args:
        recipe: The recipe.
        dataset: What to train on.
        device: Where the models are to live.

    Raises:
        BrokenPartError: A part fails to build.
    """
    if recipe.train.online_steps:
        return "each acts in an environment of its own"
    if recipe.train.compile == "on":
        return "what is compiled is the step of one (--compile off trains them together)"
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        members = Members([Learner(recipe, shapes_of(dataset), device) for _ in range(2)])
        few = rows_of(dataset, np.arange(2 * _ROWS) % len(dataset)).to_batch(device)
        return members.refusal(course_of(recipe), few)


def run_batch(
    launches: Sequence[Launch], observers: Sequence[Observer] = ()
) -> list[RunResult | BaseException]:
    """Train, score and record all; one that fails leaves the others alone.

    Args:
        launches: Runs of one recipe but for its seed, that share their sampler.
        observers: Told how the first of them goes.

    Returns:
        What each came to, or why it could not go on.

    Raises:
        KeyboardInterrupt: They were interrupted at once.
        StoppedError: They were asked to stop.
    """
    told = [launch.begin(observers if not number else ()) for number, launch in enumerate(launches)]
    _name_the_batch(launches)
    try:
        ends = run_together([launch.runner for launch in launches], told)
    except BaseException as error:
        for launch in launches:
            launch.failed(error)
        raise
    ended = [_ended(launch, end) for launch, end in zip(launches, ends, strict=True)]
    stopped = next((each for each in ended if isinstance(each, StoppedError)), None)
    if stopped is not None:
        raise stopped
    return ended


def _ended(launch: Launch, end: Outcome | Exception) -> RunResult | BaseException:
    return launch.finished(end) if isinstance(end, Outcome) else launch.failed(end)


def _name_the_batch(launches: Sequence[Launch]) -> None:
    """Write into every run's record with which others it shares its random numbers."""
    names = ", ".join(launch.run_id for launch in launches)
    for number, launch in enumerate(launches, 1):
        message = f"member {number} of {len(launches)} that train as one program: {names}"
        launch.writer.on_event(
            EventRecord(kind="batch", message=message, step=launch.runner.learner.step)
        )
