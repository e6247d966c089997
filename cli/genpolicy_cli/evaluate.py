"""``agent evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import attrs
import typer

from genpolicy_cli import flags
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, out, print_json
from genpolicy_cli.results import score_facts, score_rows
from genpolicy_cli.tables import facts
from genpolicy_cli.words import duration

if TYPE_CHECKING:
    from genpolicy.agent import Agent
    from genpolicy.evaluation import Protocol
    from genpolicy.records import EvaluationRecord


def evaluate(
    folder: Annotated[
        Path, typer.Argument(help="A trained agent's folder, such as runs/ID/agent.")
    ],
    episodes: Annotated[
        int | None, typer.Option(help="How many; as many as after training.", min=1)
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Episode k starts from seed + k; by default as after training.", min=0),
    ] = None,
    device: Annotated[str, flags.device()] = "auto",
    as_json: Annotated[bool, flags.AS_JSON] = False,
    plugin: flags.Files = None,
) -> None:
    """Score a trained agent in its dataset's environment; nothing is recorded."""
    parts = catalogue()
    with err().status("loading the agent"):
        from genpolicy.agent import Agent
        from genpolicy.devices import choose_device

        agent = Agent.load(_agent_in(folder), device=choose_device(device), catalogue=parts)
    wanted = {"episodes": episodes, "seed": seed}
    changes: dict[str, Any] = {k: value for k, value in wanted.items() if value is not None}
    protocol = attrs.evolve(agent.recipe.evaluation, **changes)
    with err().status(f"scoring {protocol.episodes} episodes"):
        record = _score(agent, protocol)
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


def _agent_in(folder: Path) -> Path:
    """Return the agent's folder, where the folder of its run was named."""
    inner = folder / "agent"
    return inner if (inner / "agent.json").is_file() else folder
