"""``agent density``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import attrs
import typer

from genpolicy.errors import UsageError
from genpolicy_cli import completion, flags
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, out
from genpolicy_cli.picture import prepare_picture, write_picture
from genpolicy_cli.trained_agents import agent_folder

if TYPE_CHECKING:
    from genpolicy.agent import Agent
    from genpolicy.backbone import Backbone
    from genpolicy.composition.agent_recipe import AgentRecipe
    from genpolicy.discovery import Catalogue
    from genpolicy.solver import OdeSolver, Solver
    from genpolicy_cli.density_figure import Row

FINE: Final = "rk4:50"
"""The solver that passes for the ODE."""


def density(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Ids of runs, how they begin, or folders of trained agents.",
            autocompletion=completion.runs_and_folders,
            show_default=False,
        ),
    ],
    out_file: Annotated[Path, flags.PICTURE] = Path("density.png"),
    solver: Annotated[
        str | None,
        typer.Option(
            help="Draw samples with this solver, such as euler:5; each agent's own.",
            metavar="NAME[:STEPS]",
            autocompletion=completion.names_of("solver"),
        ),
    ] = None,
    points: Annotated[
        int, typer.Option(help="How many points of the data, and samples, to show.", min=1)
    ] = 2000,
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    plugin: flags.Files = None,
) -> None:
    """Draw what models of points in the plane learned: samples, trajectories, density.

    For agents whose actions are two numbers, such as those of the toy datasets; each is a row of
    pictures. All are conditional on the first observation of their data.
    """
    prepare_picture(out_file, "agent density")
    parts = catalogue()
    with err().status("loading parts"):
        from genpolicy_cli.density_figure import density_figure
    rows = []
    for run in dict.fromkeys(runs):
        with err().status(f"drawing {run}"):
            rows.append(_row(_loaded(run, registry, parts), run, solver, points, parts))
    write_picture(density_figure(rows), out_file)
    out().print(str(out_file), soft_wrap=True)


def _loaded(run: str, registry: str, parts: "Catalogue") -> "Agent":
    from genpolicy.agent import Agent

    return Agent.load(agent_folder(run, registry), catalogue=parts)


def _row(agent: "Agent", run: str, solver: str | None, points: int, parts: "Catalogue") -> "Row":
    import torch

    from genpolicy.comparison.portrait import Frame, portray
    from genpolicy.dataset import DatasetRecipe
    from genpolicy_cli.density_figure import Row

    backbone = _backbone(agent, run)
    recipe = _with_solver(agent.recipe, solver, parts)
    data = recipe.part("dataset", DatasetRecipe).prepare()
    frame = Frame.around(data.action)
    generator = torch.Generator().manual_seed(0)
    portrait = portray(
        backbone,
        _solver_of(recipe),
        torch.from_numpy(data.observation[0]),
        frame,
        fine=_fine(parts),
        generator=generator,
        samples=points,
    )
    shown = torch.randperm(len(data), generator=generator)[:points].numpy()
    return Row(recipe=recipe, points=data.action[shown], frame=frame, portrait=portrait)


def _backbone(agent: "Agent", run: str) -> "Backbone":
    from genpolicy.backbone import Backbone

    model = agent.models.roles[agent.recipe.objective.acting_role]
    if not isinstance(model, Backbone) or model.sample_shape != (2,):
        raise UsageError(
            f"`agent density` draws models of points in the plane, whose samples have shape (2,); "
            f"those of {run} have shape {agent.shapes.action_shape}: train on one of the toy "
            "datasets, such as toy/two-moons"
        )
    return model


def _with_solver(recipe: "AgentRecipe", solver: str | None, parts: "Catalogue") -> "AgentRecipe":
    """Return the recipe with another solver for the role that acts."""
    if solver is None:
        return recipe
    from genpolicy.composition.choosing import choose_part
    from genpolicy.composition.fit import check_solver

    role = recipe.objective.acting_role
    other = {recipe.slot_of(role, "solver"): choose_part(parts, "solver", solver, {})}
    changed = attrs.evolve(recipe, chosen={**recipe.chosen, **other})
    check_solver(changed, role, parts)
    return changed


def _solver_of(recipe: "AgentRecipe") -> "Solver":
    from genpolicy.solver import Solver

    return recipe.part(recipe.slot_of(recipe.objective.acting_role, "solver"), Solver)


def _fine(parts: "Catalogue") -> "OdeSolver":
    from genpolicy.composition.choosing import choose_part
    from genpolicy.solver import OdeSolver

    fine = choose_part(parts, "solver", FINE, {}).recipe
    assert isinstance(fine, OdeSolver)
    return fine
