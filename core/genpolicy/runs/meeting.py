"""Where runs that trained as one program can go on as one, and taking them up there.

Members save their checkpoints after the same steps, but when they were killed meanwhile some may
be a checkpoint behind: they meet after the newest step that all still have. What is drawn for all
comes from one stream of random numbers, which each checkpoint holds: those of one step agree.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs
import torch
from torch import Tensor

from genpolicy.composition.choosing import recall
from genpolicy.dataset import DatasetRecipe
from genpolicy.discovery.catalogue import Catalogue
from genpolicy.evaluation.workers import Workers
from genpolicy.registry import Registry, RunDetail
from genpolicy.registry.writer import warn
from genpolicy.runs.companions import companions, known
from genpolicy.runs.launch import Launch, Say
from genpolicy.runs.resumption import check_same_data, resume
from genpolicy.tracker import TrackerRecipe
from genpolicy.training.checkpoint import decode, whole_checkpoints
from genpolicy.training.sampler import Sampler

_RANDOM: Final = "random/"


@attrs.frozen(kw_only=True)
class Meeting:
    """Runs that can go on as one program.

    Args:
        runs: The runs, in their order.
        names: The ids of all that began together.
        step: After how many steps they meet.
        seed: The seed of the first of all that began; ``None`` if nothing is known of it any more.
    """

    runs: tuple[RunDetail, ...]
    names: tuple[str, ...]
    step: int
    seed: int | None


def meeting_of(
    run: RunDetail, registry: Registry, wanted: Collection[str] | None = None
) -> Meeting | None:
    """Return where a run meets those that trained with it; ``None`` if it goes on alone.

    Args:
        run: The run.
        registry: Where it is recorded.
        wanted: The ids of those that are to go on, if not all that can.
    """
    names = companions(run)
    others = [name for name in names if wanted is None or name in wanted]
    found = [each for name in others if (each := known(registry, name)) is not None]
    able = [each for each in found if each.state != "finished"]
    files = {
        each.id: whole_checkpoints(Path(each.start.directory) / "checkpoints") for each in able
    }
    needed = [each.id for each in able if each.state != "failed" or each.id == run.id]
    step = _newest_common([files[name] for name in needed])
    if step is None or any(not files[each.id] and _had_any(each) for each in able):
        return None
    going = tuple(each for each in able if each.id in needed or step in files[each.id])
    if len(going) < 2 or not _of_one_stream([files[each.id].get(step) for each in going]):
        return None
    began = known(registry, names[0])
    seed = began.start.seed if began is not None else None
    return Meeting(runs=going, names=names, step=step, seed=seed)


def take_up(
    meeting: Meeting,
    *,
    registry: Registry,
    catalogue: Catalogue,
    device: torch.device,
    trackers: Mapping[str, TrackerRecipe] | None = None,
    say: Say = warn,
    workers: Workers | None = None,
) -> list[Launch]:
    """Take up all runs of a meeting, on the same data.

    Raises:
        GenpolicyError: As for :func:`genpolicy.runs.resumption.resume`; none is taken up then.
    """
    if meeting.seed is None and meeting.step == 0:
        say(
            f"run {meeting.names[0]}, whose seed began the random numbers of all, is no longer in "
            "the registry: those that start anew draw others than they would have"
        )
    first = meeting.runs[0]
    recipe = recall(catalogue, first.start.recipe, first.start.providers)
    data = recipe.part("dataset", DatasetRecipe).prepare()
    check_same_data(first, data)
    sampler, taken = Sampler(data, device, recipe.train.resident), list[Launch]()
    try:
        for each in meeting.runs:
            taken.append(
                resume(
                    each,
                    registry=registry,
                    catalogue=catalogue,
                    device=device,
                    trackers=trackers,
                    say=say,
                    step=meeting.step,
                    sampler=sampler,
                    dataset=data,
                    workers=workers,
                )
            )
    except BaseException:
        for launch in taken:
            launch.writer.close()
        raise
    return taken


def _newest_common(files: Sequence[Mapping[int, Path]]) -> int | None:
    """Return the newest step that all have; 0 where one was stopped before it had any."""
    common = set.intersection(*(set(each) for each in files)) if files else set()
    if common:
        return max(common)
    return 0 if files and not all(files) else None


def _had_any(run: RunDetail) -> bool:
    return any(artifact.kind == "checkpoint" for artifact in run.artifacts)


def _of_one_stream(paths: Sequence[Path | None]) -> bool:
    """Whether checkpoints hold the same random numbers; those of no step do."""
    states = [_random_in(path) for path in paths if path is not None]
    return all(
        state.keys() == states[0].keys()
        and all(torch.equal(state[name], states[0][name]) for name in state)
        for state in states
    )


def _random_in(path: Path) -> dict[str, Tensor]:
    tensors = decode(path).tensors
    return {name: tensor for name, tensor in tensors.items() if name.startswith(_RANDOM)}
