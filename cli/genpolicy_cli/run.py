"""``agent run``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genpolicy.errors import OptionError
from genpolicy.recipe_settings import flat, settings_of
from genpolicy_cli import completion, flags, trackers
from genpolicy_cli.grid import Order, run_grid
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, out, print_json
from genpolicy_cli.points import as_typed
from genpolicy_cli.recipe_view import settings_table, stages_table
from genpolicy_cli.request import named_recipe, resolved_grid
from genpolicy_cli.tables import listing
from genpolicy_cli.words import count, option_value

if TYPE_CHECKING:
    from genpolicy.composition.agent_recipe import AgentRecipe
    from genpolicy.discovery import Catalogue

_PARTS = "Parts"
_RUN = "Run"


def run(
    context: typer.Context,
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND.KEY=VALUE",
            help="Options of parts, such as objective.beta=2 or network.hidden=256,256; "
            "`agent info KIND NAME` lists them. Several values of one that takes a single value, "
            "such as objective.beta=1,2,4, are a run each. Also train.…, evaluation.… and "
            "tracker.NAME.…",
            autocompletion=completion.settings,
            show_default=False,
        ),
    ] = None,
    backbone: Annotated[str | None, flags.part("backbone", _PARTS)] = None,
    network: Annotated[str | None, flags.part("network", _PARTS)] = None,
    objective: Annotated[str | None, flags.part("objective", _PARTS)] = None,
    critic: Annotated[str | None, flags.part("critic", _PARTS)] = None,
    solver: Annotated[str | None, flags.part("solver", _PARTS)] = None,
    inference: Annotated[str | None, flags.part("inference", _PARTS)] = None,
    dataset: Annotated[str | None, flags.part("dataset", _PARTS)] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Named settings to start from; `none` for the parts' own defaults.",
            metavar="NAME",
            autocompletion=completion.recipes,
            rich_help_panel=_PARTS,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A TOML file of settings.", metavar="FILE", rich_help_panel=_PARTS),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Seed of all random numbers (0).", min=0, metavar="N", rich_help_panel=_RUN
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            help="How many seeds to run, counting up.", min=1, metavar="N", rich_help_panel=_RUN
        ),
    ] = 1,
    one_by_one: Annotated[
        bool,
        typer.Option(
            "--one-by-one",
            help="Train seeds and values one after another, not as one program.",
            rich_help_panel=_RUN,
        ),
    ] = False,
    eval_workers: Annotated[int, flags.eval_workers(_RUN)] = 0,
    online_steps: Annotated[
        int | None,
        typer.Option(
            help="Steps in the environment, learnt from as they are taken, after the data (0).",
            min=0,
            metavar="N",
            rich_help_panel=_RUN,
        ),
    ] = None,
    protocol: Annotated[str | None, flags.protocol(_RUN)] = None,
    compile_: Annotated[
        str | None,
        typer.Option(
            "--compile",
            help="Whether losses are compiled: auto (where it pays), on or off.",
            metavar="auto|on|off",
            rich_help_panel=_RUN,
        ),
    ] = None,
    device: Annotated[str, flags.device(_RUN)] = "auto",
    registry: Annotated[str, flags.registry(_RUN)] = flags.REGISTRY,
    output: Annotated[
        Path,
        typer.Option(help="The folder of the runs' folders.", metavar="DIR", rich_help_panel=_RUN),
    ] = Path("runs"),
    tag: Annotated[
        list[str] | None,
        typer.Option(help="A word to find the run by.", metavar="WORD", rich_help_panel=_RUN),
    ] = None,
    tracker: Annotated[list[str] | None, trackers.option(_RUN)] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would run, and where it comes from.")
    ] = False,
    as_json: Annotated[bool, flags.AS_JSON] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    plugin: flags.Files = None,
) -> None:
    """Train an agent put together from named parts, score it and record it.

    With no argument: GMPG with a flow on the embedded dataset, in minutes.
    """
    parts = catalogue()
    named = {
        "backbone": backbone,
        "network": network,
        "objective": objective,
        "critic": critic,
        "solver": solver,
        "inference": inference,
        "dataset": dataset,
    }
    own, arguments = trackers.split(settings or [])
    for key, flag, value, twice in (
        ("train.online_steps", "--online-steps", online_steps, "online steps are given"),
        ("evaluation.name", "--protocol", protocol, "the protocol is named"),
        ("train.compile", "--compile", compile_, "compiling is chosen"),
    ):
        arguments = _with_flag(arguments, key, f"{flag} {value}", value, twice)
    with err().status("loading parts"):
        wanted = resolved_grid(
            parts, named=named, arguments=arguments, config=config, recipe=recipe, seed=seed
        )
        mirrors = trackers.named_trackers(parts, tracker or [], own)
    if dry_run:
        _show_plan(wanted, seeds, parts, as_json=as_json)
        return
    if not quiet:
        _introduce(wanted[0], parts)
    from genpolicy.evaluation.workers import Workers

    with Workers(eval_workers) as workers:
        order = Order(
            output=output,
            device=device,
            trackers=mirrors,
            tags=tuple(tag or ()),
            command=str(context.obj or ""),
            quiet=quiet,
            one_by_one=one_by_one,
            workers=workers,
        )
        run_grid(wanted, seeds, registry, order, as_json=as_json)


def _with_flag(
    arguments: Sequence[str], key: str, flag: str, value: object, twice: str
) -> list[str]:
    """Return the settings with what a flag sets, if it is given."""
    if value is None:
        return [*arguments]
    typed = f"{key}={value}"
    others = [text for text in arguments if text.partition("=")[0] == key and text != typed]
    if others:
        raise OptionError(f"{twice} twice: {flag} and {others[-1]}")
    return [*arguments, typed]


def _introduce(recipe: "AgentRecipe", parts: "Catalogue") -> None:
    used = named_recipe(recipe)
    if used is None:
        from genpolicy.training.learner import course_of

        total = sum(stage.steps for stage in course_of(recipe))
        err().print(
            f"no recipe: the parts' own defaults and what you set, {total:,} steps in all; "
            "--recipe quick takes minutes on a CPU",
            style="dim",
            soft_wrap=True,
        )
    else:
        summary = parts.find("recipe", used).spec.summary
        err().print(
            f"recipe {used}: {summary}; --recipe none for the parts' own defaults",
            style="dim",
            soft_wrap=True,
        )


def _show_plan(
    grid: "Sequence[AgentRecipe]", seeds: int, parts: "Catalogue", *, as_json: bool
) -> None:
    from genpolicy.runs.programs import varied
    from genpolicy.training.learner import course_of

    recipe, options = grid[0], as_typed(varied(grid), grid)
    settings, stages = settings_of(recipe.as_json(), recipe.origins), course_of(recipe)
    points = [{name: flat(each.as_json()).get(name) for name in options} for each in grid]
    if as_json:
        facts: Mapping[str, object] = {
            "recipe": named_recipe(recipe),
            "seed": recipe.seed,
            "settings": settings,
            "stages": stages,
            "grid": points if options else [],
            "runs": len(grid) * seeds,
        }
        print_json(facts)
        return
    out().print(settings_table(settings))
    out().print(stages_table(stages))
    out().print(f"seed {recipe.seed}")
    if options:
        rows = [[option_value(value) for value in point.values()] for point in points]
        out().print(listing(options, rows))
        out().print(f"the first of {len(grid)} recipes; {count(len(grid) * seeds, 'run')} in all")
    _introduce(recipe, parts)
