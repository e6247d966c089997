"""Carrying out a grid: every combination of some options' values, each with some seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from genpolicy.errors import RunError, StoppedError
from genpolicy.recipe_settings import flat
from genpolicy_cli.execution import carry_out, carry_out_together, refuse_gaps
from genpolicy_cli.output import err, say
from genpolicy_cli.points import as_typed
from genpolicy_cli.results import show_results
from genpolicy_cli.words import option_value
from genpolicy_cli.writable import writable

if TYPE_CHECKING:
    import torch

    from genpolicy.composition.agent_recipe import AgentRecipe
    from genpolicy.dataset import Dataset
    from genpolicy.evaluation.workers import Workers
    from genpolicy.registry import Registry
    from genpolicy.runs.launch import Launch, RunResult
    from genpolicy.runs.programs import Programs
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


def run_grid(
    points: "Sequence[AgentRecipe]", seeds: int, location: str, order: Order, *, as_json: bool
) -> None:
    """Run recipes with some seeds, counting up: as one program as far as they can be.

    Raises:
        RunError: A run could not go on; the others were carried out.
        RegistryError: The registry cannot be written, or did not take all of a run.
    """
    from genpolicy.devices import choose_device
    from genpolicy.runs.programs import varied

    recipes = [
        attrs.evolve(point, seed=point.seed + number) for point in points for number in range(seeds)
    ]
    options, place = as_typed(varied(points), points), choose_device(order.device)
    with writable(location) as registry:
        grid = _Grid(registry, place, order, options)
        ended = grid.run(recipes)
    results = [each for each in ended if not isinstance(each, BaseException)]
    if results:
        show_results(results, as_json=as_json, options=options)
    for failure in (each for each in ended if isinstance(each, BaseException)):
        raise failure
    refuse_gaps(results)


@attrs.frozen(eq=False)
class _Grid:
    """The runs of one command, and where they are carried out."""

    registry: "Registry"
    place: "torch.device"
    order: Order
    options: tuple[str, ...]

    def run(self, recipes: "Sequence[AgentRecipe]") -> "list[RunResult | BaseException]":
        """Return what each came to, in the order of the recipes."""
        ended: dict[int, RunResult | BaseException] = {}
        for same in _by_data(recipes):
            data = _load(same[0])
            for program in self._programs(same, data):
                found = self._carry_out(program, data)
                ended |= {id(one): end for one, end in zip(program, found, strict=True)}
        return [ended[id(recipe)] for recipe in recipes]

    def _programs(
        self, recipes: "Sequence[AgentRecipe]", data: "Dataset"
    ) -> "Sequence[Sequence[AgentRecipe]]":
        """Return which runs train together; says why not all do, where they should."""
        if self.order.one_by_one or len(recipes) == 1:
            return [(one,) for one in recipes]
        from genpolicy.runs.programs import programs_of

        found = programs_of(recipes, data, self.place)
        if found.why is not None:
            say(self._apart(found))
        return found.recipes

    def _apart(self, found: "Programs") -> str:
        who, sizes = "runs" if self.options else "seeds", {len(each) for each in found.recipes}
        if sizes == {1}:
            return f"the {who} train one after another, not as one program: {found.why}"
        total = sum(len(each) for each in found.recipes)
        return f"the {total} runs train as {len(found.recipes)} programs, not as one: {found.why}"

    def _carry_out(
        self, program: "Sequence[AgentRecipe]", data: "Dataset"
    ) -> "Sequence[RunResult | BaseException]":
        if len(program) == 1:
            return [self._alone(program[0], data)]
        from genpolicy.training.sampler import Sampler

        sampler = Sampler(data, self.place, program[0].train.resident)
        launches = [self._start(one, data, sampler) for one in program]
        ended = carry_out_together(launches, quiet=self.order.quiet)
        for one, end in zip(program, ended, strict=True):
            if isinstance(end, BaseException):
                say(f"{self._label(one)}: {end}")
        return ended

    def _alone(self, one: "AgentRecipe", data: "Dataset") -> "RunResult | BaseException":
        try:
            return carry_out(self._start(one, data), quiet=self.order.quiet)
        except StoppedError:
            raise
        except RunError as error:  # one that fails does not spoil the others
            say(f"{self._label(one)}: {error}")
            return error

    def _start(
        self, recipe: "AgentRecipe", data: "Dataset", sampler: "Sampler | None" = None
    ) -> "Launch":
        from genpolicy.runs import launch

        started = launch.start(
            recipe,
            data,
            registry=self.registry,
            output=self.order.output,
            device=self.place,
            trackers=self.order.trackers,
            tags=self.order.tags,
            command=self.order.command,
            say=say,
            sampler=sampler,
            workers=self.order.workers,
        )
        if not self.order.quiet:
            rows = f"{data.name} ({len(data):,} transitions)"
            what = f"run {started.run_id}: {rows}, {self._label(recipe)}, {self.place}"
            err().print(what, soft_wrap=True)
        return started

    def _label(self, recipe: "AgentRecipe") -> str:
        """Return what tells a run from the others, such as ``"objective.beta=2, seed 1"``."""
        values = flat(recipe.as_json())
        told = [f"{name}={option_value(values[name])}" for name in self.options if name in values]
        return ", ".join([*told, f"seed {recipe.seed}"])


def _by_data(recipes: "Sequence[AgentRecipe]") -> "list[list[AgentRecipe]]":
    """Return the runs on each dataset; which options of it differ, decides what is loaded."""
    groups: dict[str, list[AgentRecipe]] = {}
    for recipe in recipes:
        groups.setdefault(repr(recipe.as_json()["parts"]["dataset"]), []).append(recipe)
    if len(groups) > 1:
        say(f"the {len(recipes)} runs train on {len(groups)} datasets, one after another")
    return list(groups.values())


def _load(recipe: "AgentRecipe") -> "Dataset":
    from genpolicy.dataset import DatasetRecipe

    with err().status("loading the dataset"):
        return recipe.part("dataset", DatasetRecipe).prepare()
