"""The state of a run between two steps: models, optimisers, running means, random numbers."""

import copy
import functools
from collections.abc import Callable, Mapping, Sequence

import attrs
import torch
from torch import Tensor

from genpolicy.agent import Agent
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.assemble import Shapes, acting_models, build_models
from genpolicy.dataset import Batch, Dataset
from genpolicy.objective import Loss, Objective, Stage
from genpolicy.training.checkpoint import State, load_weights
from genpolicy.training.compiling import Compiling
from genpolicy.training.cuda_graph import StepGraph, Taken
from genpolicy.training.metrics import MetricMeans
from genpolicy.training.rehearsal import rehearse
from genpolicy.training.update import Average, Update


def stages_of(objective: Objective) -> list[Stage]:
    """Return the stages that take any steps."""
    return [stage for stage in objective.stages() if stage.steps]


def course_of(recipe: AgentRecipe) -> list[Stage]:
    """Return the stages of a run: those of its objective, and the online one if it acts."""
    stages, options = stages_of(recipe.objective), recipe.train
    if not options.online_steps:
        return stages
    online = recipe.objective.online_stage(options.online_learning_steps)
    assert online is not None, "check_fit refuses an objective that learns nothing from acting"
    return [*stages, online]


class Learner:
    """Everything that a checkpoint holds, and the step that changes it.

    Args:
        recipe: What to train.
        shapes: What it sees and does.
        device: Where the models live.
    """

    def __init__(self, recipe: AgentRecipe, shapes: Shapes, device: torch.device) -> None:
        self.recipe, self.shapes, self.device = recipe, shapes, device
        self.models = build_models(recipe, shapes, device)
        rehearse(self.models, shapes, device)
        self._stages = course_of(recipe)
        self.stage = self.index = self.step = 0
        self.means = MetricMeans(device)
        self._trainable = {
            name: [p for p in model.parameters() if p.requires_grad]
            for name, model in self.models.all().items()
        }
        acting = self.models.roles[recipe.objective.acting_role]
        self._averaged = copy.deepcopy(acting).eval() if recipe.train.ema else None
        self._updates: list[Update] = []
        self._graph: StepGraph | None = None
        self.compiling = Compiling(recipe.train.compile, device)

    def enter(self, number: int, stage: Stage) -> Sequence[Update]:
        """Make stage ``number`` the current one, unless a checkpoint was taken within it."""
        if number != self.stage:
            self.stage, self.index, self._updates = number, 0, []
            self.compiling.enter()
        if self.index == 0:
            self._copy_weights(number, stage)
        if not self._updates:
            self._updates = self.updates_of(stage)
        self._set_modes(stage)
        self._graph = self._graph_of(self._updates)
        return self._updates

    def take_step(self, batch: Batch, updates: Sequence[Update]) -> None:
        """Train every role of the stage once."""
        stage = self._stages[self.stage]
        self.compiling.prepare(updates, batch, self.step + 1, stage.steps - self.index, stage.name)
        for update in updates:
            update.set_rate(self.index)
        take = self._graph or functools.partial(self._take, updates)
        with self.compiling.watched():
            self.count_step(*take(batch))

    def _take(self, updates: Sequence[Update], batch: Batch) -> Taken:
        metrics: dict[str, Tensor] = {}
        losses = []
        for update in updates:
            loss = update.take(batch, self.index)
            losses.append(loss.value)
            metrics[f"{update.role}/loss"] = loss.value
            for name, value in loss.metrics.items():
                metrics[f"{update.role}/{name}"] = value
        return metrics, losses

    def count_step(self, metrics: Mapping[str, Tensor], losses: list[Tensor]) -> None:
        """Note that a step was taken, and what its losses and metrics were."""
        self.means.add(self.step, metrics, losses)
        self.index += 1
        self.step += 1

    def agent(self, role: str, dataset: Dataset, run: str) -> Agent:
        """Return the agent that acts with a role's present weights, averaged if they are kept."""
        policy = self.models.roles[role]
        if self._averaged is not None and role == self.recipe.objective.acting_role:
            policy = self._averaged
        models = acting_models(self.models, policy)
        low, high = dataset.action_low, dataset.action_high
        return Agent(models, self.shapes, low, high, run, dataset.units)

    def losses(self) -> dict[str, tuple[Callable[..., Loss], int]]:
        """Return the loss of every role that a stage trains, and how large its batches are.

        Losses that ask for the policy that acts get its average, where that is kept.
        """
        models = self.models
        if self._averaged is not None:
            acting_role = self.recipe.objective.acting_role
            models = attrs.evolve(models, roles={**models.roles, acting_role: self._averaged})
        sizes = {role: stage.batch_size for stage in self._stages for role in stage.learning_rates}
        return {role: (models.loss_of(role), size) for role, size in sizes.items()}

    def constants(self, stage: Stage) -> dict[str, Callable[..., Tensor]]:
        """Return what computes the tensors that a stage's losses ask for of models at rest."""
        trained = stage.learning_rates.keys()
        found = (self.models.constants_of(role, trained) for role in trained)
        return {name: compute for constants in found for name, compute in constants.items()}

    def not_finite(self) -> str | None:
        """Return the name of a model of which a weight is not finite, if any."""
        for name, model in self.named_models().items():
            if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters()):
                return name
        return None

    def state(self) -> State:
        """Return everything that the next step depends on."""
        tensors = {f"means/{key}": value for key, value in self.means.state().items()}
        tensors["random/cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["random/cuda"] = torch.cuda.get_rng_state(self.device)
        for name, model in self.named_models().items():
            tensors |= {f"model/{name}/{key}": value for key, value in model.state_dict().items()}
        for update in self._updates:
            tensors |= {f"adam/{update.role}/{key}": value for key, value in update.state().items()}
        facts = {
            "stage": self.stage,
            "index": self.index,
            "step": self.step,
            "metrics": list(self.means.names),
            **self.compiling.state(),
        }
        return State(tensors, facts)

    def load(self, state: State, stages: Sequence[Stage]) -> None:
        """Take a state up again.

        Raises:
            CheckpointError: It does not fit the installed parts.
        """
        for name, model in self.named_models().items():
            load_weights(model, state.tensors, f"model/{name}/", "the checkpoint")
        facts = state.facts
        self.stage, self.index, self.step = facts["stage"], facts["index"], facts["step"]
        self.compiling.load(facts)
        self._updates = self.updates_of(stages[self.stage])
        for update in self._updates:
            update.load(_under(state.tensors, f"adam/{update.role}/"))
        self.means.load(_under(state.tensors, "means/"), tuple(facts["metrics"]))
        torch.set_rng_state(state.tensors["random/cpu"])
        if self.device.type == "cuda" and "random/cuda" in state.tensors:
            torch.cuda.set_rng_state(state.tensors["random/cuda"], self.device)

    def named_models(self) -> dict[str, torch.nn.Module]:
        """Return every model that a checkpoint holds, by its name there."""
        named = self.models.all()
        return named if self._averaged is None else {**named, "averaged": self._averaged}

    def _copy_weights(self, number: int, stage: Stage) -> None:
        roles = self.models.roles
        for copy_role, source in stage.copies.items():
            roles[copy_role].load_state_dict(roles[source].state_dict())
        trained = {role for earlier in self._stages[:number] for role in earlier.learning_rates}
        for role in (stage.learning_rates.keys() - trained) | stage.copies.keys():
            for average in self._averages(role):
                average.model.load_state_dict(self.models.trainable(role).state_dict())

    def updates_of(self, stage: Stage) -> list[Update]:
        """Return what trains in a stage, one per role, with optimisers that took no step yet."""
        return [
            Update(
                role,
                self._trainable[role],
                self.models.trainable(role),
                self.models.loss_of(role),
                rate,
                stage.steps,
                self.recipe.train,
                self._averages(role),
                self.recipe.chosen["critic" if role == "critic" else "objective"].entry,
                stage.settled,
            )
            for role, rate in stage.learning_rates.items()
        ]

    def _graph_of(self, updates: Sequence[Update]) -> StepGraph | None:
        if self.device.type != "cuda" or self.recipe.train.compile == "off":
            return None
        take = functools.partial(self._take, updates)
        return StepGraph(
            updates,
            take,
            self.device,
            lambda why: self.compiling.tell("warning", why, self.step + 1),
        )

    def _averages(self, role: str) -> list[Average]:
        averages = []
        if role in self.models.targets:
            rate = self.recipe.train.target_rate
            averages.append(Average(model=self.models.targets[role], rate=rate))
        if self._averaged is not None and role == self.recipe.objective.acting_role:
            averages.append(Average(model=self._averaged, rate=1.0 - self.recipe.train.ema))
        return averages

    def _set_modes(self, stage: Stage) -> None:
        """Let gradients reach only what trains: nothing else computes or keeps one."""
        for name, model in self.models.all().items():
            trains = name in stage.learning_rates
            model.train(trains)
            for parameter in self._trainable[name]:
                parameter.requires_grad_(trains)
                if not trains:
                    parameter.grad = None


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
