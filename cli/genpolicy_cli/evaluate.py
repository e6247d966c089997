"""``agent evaluate``."""

from typing import TYPE_CHECKING, Annotated, Any

import attrs
import typer

from genpolicy_cli import completion, flags
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, out, print_json
from genpolicy_cli.results import score_facts, score_rows
from genpolicy_cli.tables import facts
from genpolicy_cli.trained_agents import agent_folder
from genpolicy_cli.words import duration

if TYPE_CHECKING:
    from genpolicy.agent import Agent
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
    episodes: Annotated[
        int | None, typer.Option(help="How many; as many as after training.", min=1)
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Episode k starts from seed + k; by default as after training.", min=0),
    ] = None,
    device: Annotated[str, flags.device()] = "auto",
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    as_json: Annotated[bool, flags.AS_JSON] = False,
    plugin: flags.Files = None,
) -> None:
    """Score a trained agent in its dataset's environment; nothing is recorded."""
    parts, folder = catalogue(), agent_folder(agent, registry)
    with err().status("loading the agent"):
        from genpolicy.agent import Agent
        from genpolicy.devices import choose_device

        loaded = Agent.load(folder, device=choose_device(device), catalogue=parts)
    wanted = {"episodes": episodes, "seed": seed}
    changes: dict[str, Any] = {k: value for k, value in wanted.items() if value is not None}
    protocol = attrs.evolve(loaded.recipe.evaluation, **changes)
    with err().status(f"scoring {protocol.episodes} episodes"):
        record = _score(loaded, protocol)
    if as_json:
        print_json({**score_facts(record), "seed": record.seed})
    else:
        rows = [*score_rows(record), ("seed", str(record.seed)), ("time", duration(record.seconds))]
        out().print(facts(rows))


def _score(agent: "Agent", protocol: "Protocol") -> "EvaluationRecord":
    from genpolicy.dataset import DatasetRecipe
    from genpolicy.evaluation import Evaluator

    data = agent.recipe.part("dataset", DatasetRecipe).prepare()
    evaluator = Evaluator.of(data, protocol)
    try:
        return evaluator.evaluate(agent.act)
    finally:
        evaluator.close()
