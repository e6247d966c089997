"""Runs that train nothing: how fast the parts of a recipe are, on this machine, by these versions.

They stand in the registry as those of reference policies do. Every figure is a metric of the stage
``bench/…``, named after its work.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from genpolicy.bench.turns import Figure
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.errors import RegistryError
from genpolicy.records import BENCH, MetricsRecord, RunStart
from genpolicy.registry import Registry
from genpolicy.registry.writer import warn
from genpolicy.runs import surroundings
from genpolicy.runs.blame import in_words
from genpolicy.runs.ids import new_run_id
from genpolicy.runs.launch import Say, dataset_record, host_of


def record_bench(
    measure: Callable[[], Sequence[Figure]],
    recipe: AgentRecipe,
    dataset: Dataset,
    *,
    registry: Registry,
    device: torch.device,
    output: Path = Path("runs"),
    tags: Sequence[str] = (),
    command: str = "",
    say: Say = warn,
) -> str:
    """Measure, and write the figures into the registry, as a run of their own.

    Args:
        measure: Returns what it measures, while the run goes on.
        recipe: The recipe whose parts are measured.
        dataset: What they are measured on.
        registry: Where the run is recorded.
        device: Where the models lived.
        output: Where a run has its folder; none is made unless the registry fails.
        tags: Words to find the run by, beside ``"bench"``.
        command: The command line as typed.
        say: Told what is odd.

    Returns:
        The run's id.

    Raises:
        RegistryError: The registry cannot be written, or did not take all of the run.
    """
    run_id = new_run_id()
    git = surroundings.git_state(Path.cwd())
    start = RunStart(
        id=run_id,
        seed=recipe.seed,
        recipe={"reference": BENCH, **recipe.as_json()},
        recipe_hash=recipe.hash(),
        origins=recipe.origins,
        parts=recipe.part_records(),
        dataset=dataset_record(dataset),
        directory=str(output.resolve() / run_id),
        device=str(device),
        versions={**surroundings.versions(), **recipe.files()},
        host=host_of(device),
        git_commit=git.commit if git else None,
        git_dirty=git.dirty if git else None,
        command=command,
        tags=tuple(dict.fromkeys((BENCH, *tags))),
    )
    writer = registry.start(start, on_problem=say)
    try:
        figures = measure()
    except BaseException as error:
        writer.finish("failed" if isinstance(error, Exception) else "interrupted", in_words(error))
        raise
    for figure in figures:
        stage = f"{BENCH}/{figure.what}"
        writer.on_metrics(MetricsRecord(stage=stage, step=0, values=metrics_of(figure)))
    if not writer.finish("finished"):
        raise RegistryError(f"run {run_id} is not wholly recorded: {writer.problem}")
    return run_id


def metrics_of(figure: Figure) -> Mapping[str, float]:
    """Return a figure as metrics: seconds and ratios, by whose they are, with their quartiles."""
    known = {
        "batch": figure.batch,
        "per_second": figure.per_second,
        "flops": figure.flops,
        "rounds": figure.rounds,
    }
    values = {name: float(value) for name, value in known.items() if value is not None}
    spreads = {f"seconds/{name}": spread for name, spread in figure.seconds.items()}
    spreads |= {f"over/{name}": spread for name, spread in figure.ratios.items()}
    for name, spread in spreads.items():
        values |= {name: spread.median, f"{name}_low": spread.low, f"{name}_high": spread.high}
    return values
