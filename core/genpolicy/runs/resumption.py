"""Going on with a recorded run from its newest checkpoint."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import torch

from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.choosing import recall
from genpolicy.dataset import Dataset, DatasetRecipe
from genpolicy.discovery.catalogue import Catalogue
from genpolicy.errors import CheckpointError, DataError, UnknownRunError, UsageError
from genpolicy.evaluation.workers import Workers
from genpolicy.records import PartRecord
from genpolicy.registry import Registry, RunDetail, RunWriter
from genpolicy.registry.writer import warn
from genpolicy.runs import surroundings
from genpolicy.runs.launch import Launch, Say, dataset_record, decisions_of
from genpolicy.tracker import TrackerRecipe
from genpolicy.training.checkpoint import sweep
from genpolicy.training.runner import Runner
from genpolicy.training.sampler import Sampler

_PROGRAM: Final = "genpolicy"


def resume(
    detail: RunDetail,
    *,
    registry: Registry,
    catalogue: Catalogue,
    device: torch.device,
    trackers: Mapping[str, TrackerRecipe] | None = None,
    say: Say = warn,
    step: int | None = None,
    sampler: Sampler | None = None,
    dataset: Dataset | None = None,
    workers: Workers | None = None,
) -> Launch:
    """Take up a recorded run after its newest whole checkpoint.

    Args:
        detail: What the registry knows of it.
        registry: Where it is recorded.
        catalogue: The installed parts.
        device: Where the models live.
        trackers: Mirrors of its metrics by name; one that fails is reported once and left alone.
        say: Told what is odd, such as a part that has changed since.
        step: After which step to take it up, if not the newest is meant; 0 to start anew.
        sampler: Draws from the dataset; made if there is none yet.
        dataset: What it learns from, if that is at hand.
        workers: Who plays looks and scores, if not this process; whoever made them closes them.

    Raises:
        UsageError: It is finished, or trained nothing.
        DataError: Its data is not what it was.
        PartError: One of its parts is not installed or broken.
        CheckpointError: Its checkpoint does not fit the installed parts.
        RegistryError: It was finished meanwhile, a live process trains it, or the registry cannot
            be written.
    """
    if detail.start.reference is not None:
        raise UsageError(
            f"run {detail.id} measured {detail.start.measured} and trained nothing; there is "
            f"nothing to resume, `{detail.start.measured_by}` measures it again"
        )
    if detail.state == "finished":
        raise UsageError(f"run {detail.id} is finished; there is nothing left to resume")
    recipe = recall(catalogue, detail.start.recipe, detail.start.providers)
    data = dataset or recipe.part("dataset", DatasetRecipe).prepare()
    check_same_data(detail, data)
    runner = Runner(
        recipe,
        data,
        run=detail.id,
        folder=Path(detail.start.directory),
        device=device,
        sampler=sampler,
        workers=workers,
    )
    writer = registry.claim(detail.id, on_problem=say)
    launch = Launch(runner, writer, say)
    try:
        passed = _restore(runner, writer, detail, step)
        _follow(runner, registry, detail)
        for sentence in [*passed, *_changed_program(detail), *_changed_parts(detail, recipe)]:
            launch.note(sentence)
    except BaseException:
        writer.close()
        raise
    launch.mirror(trackers or {}, detail.start, resumed=runner.learner.step)
    return launch


def _follow(runner: Runner, registry: Registry, detail: RunDetail) -> None:
    """Compile where the run that it repeats was; else where it was itself, while that is known."""
    compiling, parent = runner.learner.compiling, detail.start.parent
    if parent is None:
        own = decisions_of(detail)
        compiling.follow(own, until=max(own, default=0))
        return
    with suppress(UnknownRunError):  # then a checkpoint knows, if there is one
        compiling.follow(decisions_of(registry.run(parent)))


def _restore(runner: Runner, writer: RunWriter, detail: RunDetail, wanted: int | None) -> list[str]:
    """Take up a checkpoint of a claimed run, by default the newest; return what is odd about it."""
    sweep(runner.folder / "checkpoints")
    step, passed = runner.restore(wanted)
    had = any(artifact.kind == "checkpoint" for artifact in detail.artifacts)
    if step == 0 and wanted is None and had:
        raise CheckpointError(
            f"run {detail.id} had checkpoints, and no whole one is left in "
            f"{str(runner.folder / 'checkpoints')!r}; bring them back, or start a new run with "
            f"--config {runner.folder / 'recipe.toml'}"
        )
    writer.rewind(step)
    if step == 0:
        whose = "those that train with it have" if had else "it has"
        passed.append(f"run {runner.run_id} starts anew: {whose} no checkpoint yet")
    return passed


def check_same_data(detail: RunDetail, dataset: Dataset) -> None:
    """Raise a DataError unless a dataset is the one that a run learnt from."""
    then, now = detail.start.dataset, dataset_record(dataset)
    if then.fingerprint != now.fingerprint:
        raise DataError(
            f"run {detail.id} learns from {then.name!r} with {then.transitions} transitions and "
            f"fingerprint {then.fingerprint[:12]}, but {now.name!r} now has {now.transitions} and "
            f"{now.fingerprint[:12]}; bring the former back, or start a new run"
        )


def _changed_program(detail: RunDetail) -> list[str]:
    then = detail.start.versions.get(_PROGRAM)
    now = surroundings.versions().get(_PROGRAM)
    if then in (None, now):
        return []
    return [
        f"{_PROGRAM} has changed since the run began ({then}, now {now}): it may not go on as it "
        "would have"
    ]


def _changed_parts(detail: RunDetail, recipe: AgentRecipe) -> list[str]:
    """Return a sentence per distribution whose source is not what it was."""
    then = {part.slot: part for part in detail.start.parts}
    changed: dict[str, list[PartRecord]] = {}
    for part in recipe.part_records():
        if part.slot in then and part.source_hash != then[part.slot].source_hash:
            changed.setdefault(part.distribution, []).append(part)
    return [
        f"the source of {name} has changed since the run began ({then[parts[0].slot].version}, now "
        f"{parts[0].version}), which {', '.join(part.slot for part in parts)} came from: it may "
        "not go on as it would have"
        for name, parts in changed.items()
    ]
