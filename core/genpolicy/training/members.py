"""Several learners that train as one program.

The weights of all lie stacked, ``[member, …]``, and the parameters of each learner are views of its
own slice. A step is taken on the stack, by ``torch.func.vmap``: every member has its own batch and
its own noise. What a member is apart from that, its checkpoints, its scores, its agent, is its
learner's, and a checkpoint of one goes on alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import torch
from torch import Tensor, nn

from genpolicy.averaging import move_tensors_towards
from genpolicy.backbone import Model
from genpolicy.dataset import Batch
from genpolicy.errors import UsageError
from genpolicy.objective import Stage
from genpolicy.training.learner import Learner
from genpolicy.training.own_numbers import OwnNumbers
from genpolicy.training.precision import Precision, losing, multiplying
from genpolicy.training.update import Update

Tensors = dict[str, Tensor]


class Stacks:
    """The tensors of the same models of several learners, each as one.

    Args:
        learners: The learners; from now on their parameters and buffers are views.

    Raises:
        UsageError: Their weights are not of the same shapes.
    """

    def __init__(self, learners: Sequence[Learner]) -> None:
        self._known: dict[int, Tensor] = {}
        named = [learner.named_models() for learner in learners]
        if any(models.keys() != named[0].keys() for models in named):
            raise UsageError("the models are not the same")
        self.models: dict[str, Tensors] = {
            name: self._stack([models[name] for models in named]) for name in named[0]
        }

    def of(self, parameters: Sequence[nn.Parameter]) -> list[Tensor]:
        """Return the stacks of the first learner's parameters."""
        return [self._known[id(parameter)] for parameter in parameters]

    def train(self, parameters: Sequence[nn.Parameter]) -> None:
        """Let gradients reach the stacks of the first learner's parameters, and no others."""
        for stack in self._known.values():
            stack.requires_grad_(False)
        for stack in self.of(parameters):
            stack.requires_grad_(True)

    def _stack(self, members: Sequence[nn.Module]) -> Tensors:
        shapes = [[(name, w.shape) for name, w in each.named_parameters()] for each in members]
        if any(each != shapes[0] for each in shapes):
            raise UsageError("the weights are not of the same shapes")
        found = {name: self._one(members, name) for name, _ in members[0].named_parameters()}
        found |= {name: self._one(members, name) for name, _ in members[0].named_buffers()}
        return found

    def _one(self, members: Sequence[nn.Module], name: str) -> Tensor:
        path, _, last = name.rpartition(".")
        tensors = [getattr(member.get_submodule(path), last) for member in members]
        if id(tensors[0]) not in self._known:
            stack = torch.stack([tensor.detach() for tensor in tensors])
            for tensor, view in zip(tensors, stack.unbind(), strict=True):
                tensor.data = view
            self._known[id(tensors[0])] = stack
        return self._known[id(tensors[0])]


class _Program(nn.Module):
    """A loss as a module that holds the models it asks, so that their weights can be replaced."""

    def __init__(self, models: Mapping[str, nn.Module], loss: Callable[..., object]) -> None:
        super().__init__()
        self.models = nn.ModuleDict(models)
        self._loss = loss

    def forward(self, batch: Mapping[str, Any]) -> tuple[Tensor, Tensors]:
        loss = self._loss(batch=Batch(**batch))
        return loss.value, dict(loss.metrics)  # type: ignore[attr-defined]


class StackedUpdate:
    """What happens to one role of all members in a training step.

    Args:
        updates: The role's update of every member.
        models: The first member's models by name.
        stacks: The tensors of all.
        randomness: ``"different"`` noise for every member, or the ``"same"`` for all.

    Raises:
        UsageError: The losses' parts differ in more than numbers.
    """

    def __init__(
        self,
        updates: Sequence[Update],
        models: Mapping[str, nn.Module],
        stacks: Stacks,
        randomness: str,
    ) -> None:
        first = updates[0]
        self.role, self.updates = first.role, updates
        self._tensors = {
            f"models.{name}.{key}": tensor
            for name, tensors in stacks.models.items()
            for key, tensor in tensors.items()
        }
        self._program = _Program(models, first.loss)
        self._randomness = randomness
        self.parameters = stacks.of(first.parameters)
        self.own = self.own_numbers()
        self._optimiser = torch.optim.Adam(self.parameters, lr=first.learning_rate, fused=True)
        self._stacks = stacks
        self._take_up()

    def losses(
        self,
        batch: Batch,
        randomness: str | None = None,
        precision: Precision | None = None,
    ) -> tuple[Tensor, Tensors]:
        """Return every member's loss, ``[member]``, and its metrics.

        Args:
            batch: Every member's batch.
            randomness: Whose noise is whose, if not as the members train.
            precision: In which precision, if not as the members train.
        """
        first = self.updates[0]
        losses = torch.func.vmap(self._one, randomness=randomness or self._randomness)
        with losing(precision or first.options.precision, first.device):
            found: tuple[Tensor, Tensors] = losses(
                self._tensors, self.own.tensors(), attrs.asdict(batch, recurse=False)
            )
        return found

    def own_numbers(self) -> OwnNumbers:
        """Return the numbers in which the members' losses differ now."""
        losses = [update.loss for update in self.updates]
        return OwnNumbers(losses, self.parameters[0].device)

    def step(self, batch: Batch, index: int) -> tuple[Tensor, Tensors]:
        """Take the step number ``index`` of the stage and return the losses it started from."""
        first = self.updates[0]
        with multiplying(first.options.precision, first.device):
            losses, metrics = self.losses(batch)
            self._optimiser.zero_grad(set_to_none=True)
            losses.sum().backward(inputs=self.parameters)  # type: ignore[no-untyped-call]
        if first.options.clip_norm:
            _clip(self.parameters, first.options.clip_norm)
        for group in self._optimiser.param_groups:
            group["lr"] = first.rate(index)
        self._optimiser.step()
        self._share()
        for update in self.updates:
            if type(update.model).after_step is not Model.after_step:
                update.after_step(index)
        self._average()
        return losses.detach(), metrics

    def _one(
        self, tensors: Tensors, own: Sequence[Tensor], batch: Mapping[str, Any]
    ) -> tuple[Tensor, Tensors]:
        """Return one member's loss and metrics, its weights and numbers given."""
        with self.own.given(own):
            found: tuple[Tensor, Tensors] = torch.func.functional_call(
                self._program, tensors, (batch,)
            )
        return found

    def _average(self) -> None:
        first = self.updates[0]
        fast = self._stacks.of(list(first.model.parameters()))
        for average in first.averages:
            slow = self._stacks.of(list(average.model.parameters()))
            move_tensors_towards(slow, fast, average.rate)
        for update in self.updates:
            for average in update.averages:
                for kept, now in zip(average.model.buffers(), update.model.buffers(), strict=True):
                    kept.copy_(now)

    def _take_up(self) -> None:
        """Go on from the state of the members' own optimisers, if they have taken steps."""
        own = [update.optimiser.state for update in self.updates]
        columns = zip(*(update.parameters for update in self.updates), strict=True)
        for stack, members in zip(self.parameters, columns, strict=True):
            states = [state.get(member, {}) for state, member in zip(own, members, strict=True)]
            if all(states):
                self._optimiser.state[stack] = {
                    "step": states[0]["step"].clone(),
                    **{
                        name: torch.stack([state[name] for state in states])
                        for name in ("exp_avg", "exp_avg_sq")
                    },
                }
        self._unshared = list(range(len(self.parameters)))

    def _share(self) -> None:
        """Let the members' optimisers see the state as views of theirs.

        A weight that had no gradient yet has no state.
        """
        for place in self._unshared[:]:
            state = self._optimiser.state.get(self.parameters[place])
            if state:
                self._share_one(place, state)
                self._unshared.remove(place)

    def _share_one(self, place: int, state: Tensors) -> None:
        for number, update in enumerate(self.updates):
            update.optimiser.state[update.parameters[place]] = {
                "step": state["step"],
                **{name: state[name][number] for name in ("exp_avg", "exp_avg_sq")},
            }


class Members:
    """Learners that train as one.

    Args:
        learners: Alike but for their seeds and for numbers that losses read, at the same step.
        randomness: ``"different"`` noise for every member, or the ``"same"`` for all.
    """

    def __init__(self, learners: Sequence[Learner], randomness: str = "different") -> None:
        self.learners, self._randomness = learners, randomness
        self.stacks = Stacks(learners)

    def enter(self, number: int, stage: Stage) -> list[StackedUpdate]:
        """Make a stage the current one of all members."""
        return self._updates([learner.enter(number, stage) for learner in self.learners])

    def tried(self, stage: Stage) -> list[StackedUpdate]:
        """Return what would train in a stage, without entering it."""
        return self._updates([learner.updates_of(stage) for learner in self.learners])

    def take_step(self, batch: Batch, updates: Sequence[StackedUpdate]) -> None:
        """Train every role of the stage once, on one batch for all, split evenly among them."""
        shared = self.shared(batch)
        metrics: Tensors = {}
        losses = []
        for update in updates:
            values, found = update.step(shared, self.learners[0].index)
            losses.append(values)
            metrics[f"{update.role}/loss"] = values
            metrics |= {f"{update.role}/{name}": value for name, value in found.items()}
        for number, learner in enumerate(self.learners):
            own = {name: value[number] for name, value in metrics.items()}
            learner.count_step(own, [value[number] for value in losses])

    def shared(self, batch: Batch) -> Batch:
        """Return a batch for all as one of tensors ``[member, batch, …]``."""
        count = len(self.learners)
        return batch.map(lambda values: values.reshape(count, -1, *values.shape[1:]))

    def _updates(self, updates: Sequence[Sequence[Update]]) -> list[StackedUpdate]:
        """Return what trains in a stage, and let gradients reach that alone."""
        self.stacks.train([weight for update in updates[0] for weight in update.parameters])
        models = self.learners[0].named_models()
        return [
            StackedUpdate(role, models, self.stacks, self._randomness)
            for role in zip(*updates, strict=True)
        ]


def _clip(parameters: Sequence[Tensor], largest: float) -> None:
    """Scale down each member's gradient whose norm is larger, as ``clip_grad_norm_`` does."""
    gradients = [each.grad for each in parameters if each.grad is not None]
    squares = torch.stack([gradient.flatten(1).square().sum(1) for gradient in gradients])
    scale = (largest / (squares.sum(0).sqrt() + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.reshape(-1, *[1] * (gradient.ndim - 1)))
