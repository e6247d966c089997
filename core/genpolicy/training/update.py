"""One role's training: its loss, its optimiser, its learning rate, its slow copies."""

import math
from collections.abc import Callable

import attrs
import torch
from torch import Tensor, nn

from genpolicy.averaging import move_towards
from genpolicy.backbone import Model
from genpolicy.dataset import Batch
from genpolicy.discovery import PartEntry
from genpolicy.errors import BrokenPartError
from genpolicy.objective import Loss
from genpolicy.training.options import TrainOptions
from genpolicy.training.precision import losing, multiplying


@attrs.frozen(eq=False, kw_only=True)
class Average:
    """A slow copy of a model's weights.

    Args:
        model: The copy.
        rate: By what share of the way it moves per step.
    """

    model: nn.Module
    rate: float


class Update:
    """What happens to one role in a training step.

    Args:
        role: The role that trains.
        parameters: The weights that train.
        model: Their model.
        loss: Its loss, of a ``batch`` alone.
        learning_rate: Adam's learning rate before its schedule.
        steps: How many steps the stage has.
        options: How the loop trains.
        averages: Slow copies of the model that follow it.
        owner: Whose loss it is, for errors to name.
        settled: Whether the model is told at every step that all of training is behind it.
    """

    def __init__(
        self,
        role: str,
        parameters: list[nn.Parameter],
        model: Model,
        loss: Callable[..., Loss],
        learning_rate: float,
        steps: int,
        options: TrainOptions,
        averages: list[Average],
        owner: PartEntry | None = None,
        settled: bool = False,
    ) -> None:
        self.role, self.model, self.loss = role, model, loss
        self.learning_rate, self.steps, self.options = learning_rate, steps, options
        self.parameters = parameters
        if not self.parameters:
            raise BrokenPartError(f"the model of role {role!r} has no weights to train")
        self.optimiser = _adam(self.parameters, learning_rate, options)
        self.averages = averages
        self.owner, self.settled = owner, settled
        self.device = parameters[0].device
        self.use(None)

    def step(self, batch: Batch, index: int) -> Loss:
        """Take the step number ``index`` of the stage and return the loss it started from."""
        self.set_rate(index)
        return self.take(batch, index)

    def take(self, batch: Batch, index: int) -> Loss:
        """Take a step at the learning rate that is set."""
        with multiplying(self.options.precision, self.device):
            loss = self._graded(batch)
        if self.options.clip_norm:
            nn.utils.clip_grad_norm_(self.parameters, self.options.clip_norm)
        self.optimiser.step()
        self.after_step(index)
        for average in self.averages:
            move_towards(average.model, self.model, average.rate)
        return loss

    def use(
        self,
        compiled: Callable[..., Loss] | None,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Take the loss by an equivalent that is compiled, from now on.

        Args:
            compiled: The equivalent; ``None`` for the loss itself.
            failed: Told why the equivalent failed at a step that the loss itself can take.
        """
        self._compiled, self._failed = compiled, failed

    def _graded(self, batch: Batch) -> Loss:
        """Return the loss of a batch, its gradients taken."""
        if self._compiled is None or self._failed is None:
            return self._backward(batch, self._compiled or self.loss)
        try:
            return self._backward(batch, self._compiled)
        except Exception as error:
            found = self._backward(batch, self.loss)  # what fails of itself says so
            self._failed(error)
            return found

    def _backward(self, batch: Batch, loss: Callable[..., Loss]) -> Loss:
        found = self.lost(batch, loss)
        self.optimiser.zero_grad(set_to_none=True)
        found.value.backward(inputs=self.parameters)  # type: ignore[no-untyped-call]
        return found

    def lost(self, batch: Batch, loss: Callable[..., Loss]) -> Loss:
        """Return the loss of a batch, computed in the precision that was chosen.

        Args:
            batch: The batch.
            loss: The role's loss, or an equivalent.

        Raises:
            BrokenPartError: It is none that can be trained by.
        """
        with losing(self.options.precision, self.device):
            found = loss(batch=batch)
        self._check(found)
        return found

    def set_rate(self, index: int) -> None:
        """Set the learning rate of the step number ``index`` of the stage."""
        for group in self.optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(self.rate(index))
            else:
                group["lr"] = self.rate(index)

    def rate(self, index: int) -> float:
        """Return the learning rate of the step number ``index`` of the stage."""
        return self.learning_rate * self._schedule(index)

    def after_step(self, index: int) -> None:
        """Tell the model that the step number ``index`` of the stage was taken."""
        self.model.after_step(1.0 if self.settled else (index + 1) / self.steps)

    def state(self) -> dict[str, Tensor]:
        """Return the optimiser's tensors by name, for a checkpoint."""
        return {
            f"{index}/{name}": value
            for index, values in self.optimiser.state_dict()["state"].items()
            for name, value in values.items()
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take the optimiser's tensors up again."""
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            index, _, name = key.partition("/")
            state.setdefault(int(index), {})[name] = tensor
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})

    def _schedule(self, index: int) -> float:
        options = self.options
        rise = min(1.0, (index + 1) / (options.warmup_steps + 1))
        if options.schedule == "cosine":
            rise *= 0.5 * (1.0 + math.cos(math.pi * index / self.steps))
        return rise

    def _check(self, loss: object) -> None:
        """Refuse what a loss must not return; nothing here looks at a value on the device."""
        if not isinstance(loss, Loss):
            raise self._broken(f"returned a {type(loss).__name__}; it returns a genpolicy.Loss")
        if loss.value.ndim != 0:
            raise self._broken(
                f"has shape {tuple(loss.value.shape)}; it is one number, such as the mean over the "
                "batch"
            )

    def _broken(self, problem: str) -> BrokenPartError:
        who, advice = (f"{self.owner.label}: ", self.owner.advice) if self.owner else ("", "")
        return BrokenPartError(f"{who}the loss that trains {self.role!r} {problem}{advice}")


def _adam(
    parameters: list[nn.Parameter], learning_rate: float, options: TrainOptions
) -> torch.optim.Adam:
    """Return an optimiser; on CUDA one that a graph can take in, its learning rate a tensor."""
    device = parameters[0].device
    if device.type != "cuda" or options.compile == "off":
        return torch.optim.Adam(parameters, lr=learning_rate, fused=True)
    rate = torch.tensor(learning_rate, device=device)
    return torch.optim.Adam(parameters, lr=rate, fused=True, capturable=True)
