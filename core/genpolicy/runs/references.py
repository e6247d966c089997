"""Runs that train nothing: the scores of the policies that a dataset's own scores refer to.

They stand in the registry beside the runs of agents, so that a table of both rests on records.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from genpolicy.composition.agent_recipe import Chosen, part_record
from genpolicy.dataset import Dataset, DatasetRecipe
from genpolicy.errors import RegistryError
from genpolicy.records import EvaluationRecord, PartRecord, RunStart
from genpolicy.registry import Registry
from genpolicy.registry.writer import warn
from genpolicy.runs import surroundings
from genpolicy.runs.ids import new_run_id
from genpolicy.runs.launch import Say, dataset_record

_ORIGIN: Final = "measurement"  # such a recipe is read off what was measured


@attrs.frozen(kw_only=True)
class ReferenceRun:
    """A reference policy's score, and the run that records it.

    Args:
        run: The run's id.
        policy: The policy's name, such as ``"random"``.
        evaluation: Its score.
    """

    run: str
    policy: str
    evaluation: EvaluationRecord


def record_references(
    measured: Mapping[str, EvaluationRecord],
    chosen: Chosen,
    *,
    registry: Registry,
    output: Path = Path("runs"),
    tags: Sequence[str] = (),
    command: str = "",
    say: Say = warn,
) -> list[ReferenceRun]:
    """Write each policy's score into the registry, as a finished run of its own.

    Args:
        measured: What :func:`genpolicy.runs.measuring.measure_references` returned.
        chosen: The dataset.
        registry: Where the runs are recorded.
        output: Where a run has its folder; none is made unless the registry fails.
        tags: Words to find the runs by, beside ``"reference"`` and the policy's name.
        command: The command line as typed.
        say: Told what is odd.

    Raises:
        DataError: The data cannot be loaded.
        RegistryError: The registry cannot be written, or did not take all of a run.
    """
    assert isinstance(chosen.recipe, DatasetRecipe)
    data = chosen.recipe.prepare()
    runs = []
    for policy, evaluation in measured.items():
        final = attrs.evolve(evaluation, selection="last")  # that of a finished run
        start = attrs.evolve(
            _start(policy, final, data, chosen, output.resolve()),
            command=command,
            tags=tuple(dict.fromkeys(("reference", policy, *tags))),
        )
        _write(start, final, registry, say)
        runs.append(ReferenceRun(run=start.id, policy=policy, evaluation=final))
    return runs


def _start(
    policy: str, evaluation: EvaluationRecord, data: Dataset, chosen: Chosen, output: Path
) -> RunStart:
    run_id, part = new_run_id(), part_record("dataset", chosen)
    recipe = _recipe(policy, evaluation, part)
    evaluated = recipe["evaluation"]
    git = surroundings.git_state(Path.cwd())
    return RunStart(
        id=run_id,
        seed=evaluation.seed,
        recipe=recipe,
        recipe_hash=hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest(),
        origins={"dataset": _ORIGIN, **{f"evaluation.{key}": _ORIGIN for key in evaluated}},
        parts=(part,),
        dataset=dataset_record(data),
        directory=str(output / run_id),
        device="cpu",
        versions={**surroundings.versions(), **chosen.files},
        host=surroundings.host(),
        git_commit=git.commit if git else None,
        git_dirty=git.dirty if git else None,
    )


def _recipe(policy: str, evaluation: EvaluationRecord, part: PartRecord) -> dict[str, Any]:
    return {
        "reference": policy,
        "dataset": {"name": part.name, "options": dict(part.options)},
        "evaluation": {
            "name": evaluation.protocol,
            "episodes": len(evaluation.episodes),
            "seed": evaluation.seed,
        },
    }


def _write(start: RunStart, evaluation: EvaluationRecord, registry: Registry, say: Say) -> None:
    writer = registry.start(start, on_problem=say)
    writer.on_evaluation(evaluation)
    if not writer.finish("finished"):
        raise RegistryError(f"run {start.id} is not wholly recorded: {writer.problem}")
