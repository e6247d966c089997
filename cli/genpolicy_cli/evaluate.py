"""``agent evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import attrs
import typer

from genpolicy.errors import DataError, OptionError
from genpolicy.recipe import recipe_values
from genpolicy_cli import completion, flags
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, out, print_json, say
from genpolicy_cli.results import held_out_rows, score_facts, score_rows
from genpolicy_cli.tables import facts
from genpolicy_cli.trained_agents import agent_folder
from genpolicy_cli.words import duration, option_value

if TYPE_CHECKING:
    from genpolicy.agent import Agent
    from genpolicy.dataset import Dataset
    from genpolicy.evaluation import Protocol
    from genpolicy.records import EvaluationRecord


def evaluate(
    agent: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A run's id, how it begins, or a folder of a trained agent.",
            autocompletion=completion.runs_and_folders,
        ),
    ],
    protocol: Annotated[str | None, flags.protocol()] = None,
    episodes: Annotated[
        int | None, typer.Option(help="How many; as many as after training.", min=1)
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Episode k starts from seed + k; by default as after training.", min=0),
    ] = None,
    solver: Annotated[str | None, flags.SOLVER] = None,
    steps: Annotated[int | None, flags.STEPS] = None,
    device: Annotated[str, flags.device()] = "auto",
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    as_json: Annotated[bool, flags.AS_JSON] = False,
    plugin: flags.Files = None,
) -> None:
    """Score a trained agent in its dataset's environment, or by the data if there is none.

    Nothing is recorded.
    """
    parts, folder = catalogue(), agent_folder(agent, registry)
    with err().status("loading the agent"):
        from genpolicy.agent import Agent
        from genpolicy.dataset import DatasetRecipe
        from genpolicy.devices import choose_device

        place = choose_device(device)
        loaded = Agent.load(folder, device=place, catalogue=parts, solver=solver, steps=steps)
        data = loaded.recipe.part("dataset", DatasetRecipe).prepare()
    if data.environment is None and _scores_by_data(loaded):
        if (protocol, episodes, seed) != (None, None, None):
            raise OptionError(
                f"dataset {data.name!r} has no environment, and what data say of an agent knows "
                "no episodes to play; leave --protocol, --episodes and --seed out"
            )
        _check_same_data(loaded, data)
        _show_by_data(loaded, data, folder, as_json=as_json)
        return
    wanted = {"episodes": episodes, "seed": seed}
    changes: dict[str, Any] = {k: value for k, value in wanted.items() if value is not None}
    chosen = attrs.evolve(_protocol_for(loaded, protocol), **changes)
    with err().status(f"scoring {chosen.episodes} episodes"):
        record = _score(loaded, data, chosen)
    if as_json:
        print_json({**score_facts(record), "seed": record.seed, "solver": _solver(loaded)})
    else:
        rows = [*score_rows(record), ("seed", str(record.seed)), ("time", duration(record.seconds))]
        acted = _solver(loaded)
        out().print(facts(rows if acted is None else [*rows, ("solver", acted)]))


def _solver(agent: "Agent") -> str | None:
    """Return the solver that acts as it would be typed, such as ``"euler:2"``, if there is one."""
    recipe = agent.recipe
    chosen = recipe.chosen.get(recipe.slot_of(recipe.objective.acting_role, "solver"))
    if chosen is None:
        return None
    argument = chosen.recipe.argument
    value = None if argument is None else recipe_values(chosen.recipe)[argument]
    return chosen.name if value is None else f"{chosen.name}:{option_value(value)}"


def _protocol_for(agent: "Agent", name: str | None) -> "Protocol":
    """Return the protocol that a saved agent can be scored by.

    Raises:
        OptionError: It scores what only training had.
    """
    from genpolicy.evaluation.protocol import named_protocol

    own = agent.recipe.evaluation
    if name is None:
        return own if own.selection != "mean-of-last-three" else attrs.evolve(own, selection="last")
    chosen = named_protocol(name, own)
    if chosen.selection not in ("last", own.selection) or chosen.selection == "mean-of-last-three":
        which = "three agents" if chosen.selection == "mean-of-last-three" else "the best agent"
        raise OptionError(
            f"protocol {name!r} scores {which} of looks during training, and what is saved is "
            f"{'the best' if own.selection == 'best' else 'the last'} one; name a protocol of the "
            f"last agent, or train with `agent run --protocol {name}`"
        )
    if chosen.selection != own.selection:
        say("what is scored is the saved agent, which is the best of its looks and not the last")
    return chosen


def _scores_by_data(agent: "Agent") -> bool:
    protocol = agent.recipe.evaluation
    return protocol.held_out > 0 or protocol.fitted_q_steps > 0


def _check_same_data(agent: "Agent", data: "Dataset") -> None:
    """Raise a DataError where another split would be held out than the agent's own."""
    now = data.fingerprint()
    if agent.data not in (None, now):
        raise DataError(
            f"the agent of run {agent.run} learnt from data with fingerprint {agent.data[:12]}, "
            f"but {data.name!r} now has {now[:12]}, so that what was held out is not known; bring "
            "the former back, or start a new run"
        )


def _show_by_data(agent: "Agent", data: "Dataset", folder: Path, *, as_json: bool) -> None:
    from genpolicy.training.runner import Runner

    with err().status("scoring by the data"):
        runner = Runner(
            agent.recipe, data, run=agent.run, folder=folder.parent, device=agent.device
        )
        step, _ = runner.restore()
        trained = step == runner.total_steps
        values = runner.losses_held_out() if trained else {}
        values |= runner.values_by_data(agent)
    if as_json:
        print_json({"held_out": values})
    else:
        out().print(facts(held_out_rows(values)))
    if not trained:
        say("its checkpoint is not beside it, so that there are no held-out losses")


def _score(agent: "Agent", data: "Dataset", protocol: "Protocol") -> "EvaluationRecord":
    from genpolicy.evaluation import Evaluator

    evaluator = Evaluator.of(data, protocol)
    try:
        return evaluator.evaluate(agent.act)
    finally:
        evaluator.close()
