"""Training steps of each stage of a recipe, beside their matrix products and other programs'."""

from collections.abc import Callable, Iterator

import torch

from genpolicy.agent import shapes_of
from genpolicy.bench.floor import Floor
from genpolicy.bench.peers import Task, training_peers
from genpolicy.bench.turns import FLOOR, OURS, Contender, Contest, timed
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.objective import Stage
from genpolicy.training.learner import Learner, stages_of
from genpolicy.training.sampler import Sampler


def step_contests(recipe: AgentRecipe, dataset: Dataset, device: torch.device) -> Iterator[Contest]:
    """Yield a contest for each stage: one step of it, its batch drawn.

    Args:
        recipe: What trains.
        dataset: What batches are drawn from.
        device: Where the models live.

    Raises:
        BrokenPartError: A part fails to build.
    """
    sampler = Sampler(dataset, device, recipe.train.resident)
    for number, stage in enumerate(stages_of(recipe.objective)):
        step = _step(recipe, dataset, sampler, number, stage)
        floor = Floor.of(step)
        task = Task(
            recipe=recipe,
            stage=stage,
            shapes=shapes_of(dataset),
            device=device,
            draw=lambda stage=stage: sampler.draw(stage.batch_size),  # type: ignore[misc]
        )
        peers, remarks = training_peers(task)
        contenders = [
            Contender(name=OURS, turn=timed(step, device)),
            Contender(name=FLOOR, turn=timed(floor, device)),
            *(Contender(name=name, turn=timed(work, device)) for name, work in peers.items()),
        ]
        yield Contest(
            what=f"step: {stage.name}",
            amount=1,
            contenders=contenders,
            batch=stage.batch_size,
            flops=floor.flops,
            remarks=remarks,
        )


def _step(
    recipe: AgentRecipe, dataset: Dataset, sampler: Sampler, number: int, stage: Stage
) -> Callable[[], None]:
    """Return what takes a step of a stage, with models of its own."""
    torch.manual_seed(recipe.seed)
    learner = Learner(recipe, shapes_of(dataset), sampler.device)
    updates = learner.enter(number, stage)

    def step() -> None:
        if learner.index == stage.steps:  # what runs its course over a stage begins anew
            learner.index = 0
        learner.take_step(sampler.draw(stage.batch_size), updates)

    return step
