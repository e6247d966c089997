"""Training steps of each stage of a recipe, beside their matrix products and other programs'."""

from collections.abc import Callable, Iterator

import attrs
import torch

from genpolicy.agent import shapes_of
from genpolicy.bench.floor import Floor
from genpolicy.bench.peers import Task, training_peers
from genpolicy.bench.turns import FLOOR, OURS, Contender, Contest, timed
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.training.constants import with_constants
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
        task = Task(
            recipe=recipe,
            stage=stage,
            shapes=shapes_of(dataset),
            device=device,
            sampler=sampler,
        )
        step = step_of(task, number)
        floor = Floor.of(step_of(eager(task), number))
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


def eager(task: Task) -> Task:
    """Return a task that is not compiled: compiled, products hide from who would record them."""
    train = attrs.evolve(task.recipe.train, compile="off")
    return attrs.evolve(task, recipe=attrs.evolve(task.recipe, train=train))


def as_it_runs(task: Task) -> Task:
    """Return a task of which nothing depends on how long it would go on."""
    weighs = task.recipe.train.compile == "auto" and task.device.type == "cpu"
    return eager(task) if weighs else task


def step_of(task: Task, number: int) -> Callable[[], None]:
    """Return what takes our own step, with models of its own.

    It is compiled where ``train.compile`` is on; on a CPU ``auto`` has no course of steps to weigh,
    on CUDA it takes them as graphs.

    Args:
        task: The step.
        number: The number of its stage.
    """
    task = as_it_runs(task)
    torch.manual_seed(task.recipe.seed)
    learner = Learner(task.recipe, task.shapes, task.device)
    updates = learner.enter(number, task.stage)
    sampler = with_constants(task.sampler, learner, task.stage)

    def step() -> None:
        if learner.index == task.stage.steps:  # what runs its course over a stage begins anew
            learner.index = 0
        learner.take_step(sampler.draw(task.stage.batch_size), updates)

    return step
