"""Carrying runs out, alone or as one program, with progress on the screen."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genpolicy.errors import RegistryError
from genpolicy_cli.output import err
from genpolicy_cli.progress import display_for
from genpolicy_cli.results import shown_path
from genpolicy_cli.stopping import stopping

if TYPE_CHECKING:
<<<<<<< HEAD
    import torch

    from genpolicy.composition.agent_recipe import AgentRecipe
    from genpolicy.dataset import Dataset
    from genpolicy.evaluation.workers import Workers
    from genpolicy.registry import Registry
    from genpolicy.runs.launch import Launch, RunResult
    from genpolicy.tracker import TrackerRecipe
    from genpolicy.training.sampler import Sampler


@attrs.frozen(kw_only=True)
class Order:
    """How runs are to be made, whatever is run."""

    output: Path
    device: str
    trackers: "Mapping[str, TrackerRecipe]"
    tags: tuple[str, ...]
    command: str
    quiet: bool
    one_by_one: bool = False
    workers: "Workers | None" = None
=======
    from genpolicy.runs.launch import Launch, RunResult
>>>>>>> main


def carry_out(launch: "Launch", *, quiet: bool) -> "RunResult":
    """Run to the end, showing how it goes; the first Ctrl-C stops it with a checkpoint."""
    display = display_for(err(), launch.runner.stages, quiet=quiet)
    with display, stopping(launch.stop, display.tell):
        return launch.run([display])


def carry_out_together(
    launches: "Sequence[Launch]", *, quiet: bool, names: Sequence[str] | None = None
) -> "list[RunResult | BaseException]":
    """Run all to their ends as one program, showing how the first goes.

    Args:
        launches: The runs.
        quiet: Whether to show nothing.
        names: The ids of all that began together, if not all of them go on.
    """
    from genpolicy.runs.batch import run_batch

    display = display_for(err(), launches[0].runner.stages, quiet=quiet)

    def stop() -> None:
        for launch in launches:
            launch.stop()

    with display, stopping(stop, display.tell):
        return run_batch(launches, [display], names)


def refuse_gaps(results: "Sequence[RunResult]") -> None:
    """Raise if the registry did not take all of a run.

    Raises:
        RegistryError: It did not; the agent is saved all the same.
    """
    from genpolicy.registry.spill import FILE_NAME

    for result in results:
        if result.problem is not None:
            folder = result.folder.parent
            hint = f"; `agent runs import {shown_path(folder)}` takes in what is missing"
            raise RegistryError(
                f"run {result.run} is not wholly recorded: {result.problem}"
                f"{hint if (folder / FILE_NAME).exists() else ''}"
            )
<<<<<<< HEAD


def run_seeds(
    recipe: "AgentRecipe", seeds: int, location: str, order: Order, *, as_json: bool
) -> None:
    """Run a recipe with one seed after the other, counting up, or with all at once.

    Raises:
        RunError: A run could not go on; the others were carried out.
        RegistryError: The registry cannot be written, or did not take all of a run.
    """
    from genpolicy.devices import choose_device

    place = choose_device(order.device)
    recipes = [attrs.evolve(recipe, seed=recipe.seed + number) for number in range(seeds)]
    with writable(location) as registry:
        data = _load(recipe)
        carry = _all_at_once if _fit_together(recipes, data, place, order) else _one_by_one
        ended = carry(recipes, data, registry, place, order)
    results = [each for each in ended if not isinstance(each, BaseException)]
    if results:
        show_results(results, as_json=as_json)
    for failure in (each for each in ended if isinstance(each, BaseException)):
        raise failure
    refuse_gaps(results)


def _fit_together(
    recipes: "Sequence[AgentRecipe]", data: "Dataset", place: "torch.device", order: Order
) -> bool:
    """Whether seeds train as one program; says why not, where they should."""
    if len(recipes) == 1 or order.one_by_one:
        return False
    from genpolicy.runs.batch import refusal

    why = refusal(recipes[0], data, place)
    if why is not None:
        say(f"the seeds train one after another, not as one program: {why}")
    return why is None


def _all_at_once(
    recipes: "Sequence[AgentRecipe]",
    data: "Dataset",
    registry: "Registry",
    place: "torch.device",
    order: Order,
) -> "Sequence[RunResult | BaseException]":
    from genpolicy.runs.batch import run_batch
    from genpolicy.training.sampler import Sampler

    sampler = Sampler(data, place, recipes[0].train.resident)
    launches = [_start(one, data, registry, place, order, sampler) for one in recipes]
    display = display_for(err(), launches[0].runner.stages, quiet=order.quiet)

    def stop() -> None:
        for launch in launches:
            launch.stop()

    with display, stopping(stop, display.tell):
        ended = run_batch(launches, [display])
    for one, end in zip(recipes, ended, strict=True):
        if isinstance(end, BaseException):
            say(f"seed {one.seed}: {end}")
    return ended


def _one_by_one(
    recipes: "Sequence[AgentRecipe]",
    data: "Dataset",
    registry: "Registry",
    place: "torch.device",
    order: Order,
) -> "Sequence[RunResult | BaseException]":
    ended: list[RunResult | BaseException] = []
    for number, one in enumerate(recipes, 1):
        try:
            ended.append(carry_out(_start(one, data, registry, place, order), quiet=order.quiet))
        except StoppedError:
            raise
        except RunError as error:  # one seed that fails does not spoil the others
            ended.append(error)
            if number < len(recipes):
                say(f"seed {one.seed}: {error}")
    return ended


def _start(
    recipe: "AgentRecipe",
    data: "Dataset",
    registry: "Registry",
    place: "torch.device",
    order: Order,
    sampler: "Sampler | None" = None,
) -> "Launch":
    from genpolicy.runs import launch

    started = launch.start(
        recipe,
        data,
        registry=registry,
        output=order.output,
        device=place,
        trackers=order.trackers,
        tags=order.tags,
        command=order.command,
        say=say,
        sampler=sampler,
        workers=order.workers,
    )
    if not order.quiet:
        err().print(
            f"run {started.run_id}: {data.name} ({len(data):,} transitions), seed {recipe.seed}, "
            f"{place}",
            soft_wrap=True,
        )
    return started


def _load(recipe: "AgentRecipe") -> "Dataset":
    from genpolicy.dataset import DatasetRecipe

    with err().status("loading the dataset"):
        return recipe.part("dataset", DatasetRecipe).prepare()
=======
>>>>>>> main
