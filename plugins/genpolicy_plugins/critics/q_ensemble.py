"""Action values as one batched network, and their slow copies: what all critics here share."""

import copy

import attrs
import torch
from torch import Tensor

from genpolicy import Batch, Critic, CriticRecipe, CriticSpec, Loss, option
from genpolicy.averaging import move_towards
from genpolicy_plugins.networks.activation import Activation
from genpolicy_plugins.networks.batched import BatchedMLP


@attrs.frozen(kw_only=True)
class QRecipe(CriticRecipe):
    """The hyper-parameters of every critic here."""

    discount: float = option(0.99, help="weight of the next step's value", ge=0, lt=1)
    tau: float = option(0.005, help="share by which targets move per step", gt=0, le=1)
    hidden: tuple[int, ...] = option((256, 256), help="width of each hidden layer")
    activation: Activation = option("relu", help="function between layers")
    layer_norm: bool = option(False, help="normalise the outputs of every hidden layer")


class QEnsemble(Critic):
    """Action values and their slow copies.

    Args:
        spec: What it is built for.
        recipe: Its hyper-parameters.
        members: How many values there are of each action.
    """

    _low: Tensor | None
    _high: Tensor | None

    def __init__(self, spec: CriticSpec, recipe: QRecipe, members: int) -> None:
        super().__init__()
        inputs = spec.observation_dim + torch.Size(spec.action_shape).numel()
        self.online = BatchedMLP(
            inputs, recipe.hidden, members, recipe.activation, recipe.layer_norm
        )
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        self._tau, self._discount = recipe.tau, recipe.discount
        bounds = {"_low": spec.action_low, "_high": spec.action_high}
        for name, bound in bounds.items():
            dtype = torch.get_default_dtype()
            tensor = None if bound is None else torch.as_tensor(bound, dtype=dtype)
            self.register_buffer(name, tensor, persistent=False)

    def combine(self, members: Tensor) -> Tensor:
        """Return one value of each action, the smallest, ``[members, batch]`` to ``[batch]``."""
        return members.amin(0)

    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        """Return the value of each action by the online members, ``[batch]``."""
        return self.combine(self.online(self.pair(observation, action)))

    def target_q(self, observation: Tensor, action: Tensor) -> Tensor:
        """Return the value of each action by the slow copies, ``[batch]``."""
        return self.combine(self.target(self.pair(observation, action)))

    def td_loss(self, batch: Batch, following: Tensor) -> Loss:
        """Return the squared error of every member against the one backup, summed over members.

        Args:
            batch: The transitions.
            following: What follows where each ended, ``[batch]``, a constant.
        """
        backup = batch.reward + self._discount * (1.0 - batch.terminal) * following
        q = self.online(self.pair(batch.observation, batch.action))
        loss = ((q - backup) ** 2).sum(0).mean()
        return Loss(loss, {"q": q.mean().detach(), "backup": backup.mean()})

    def pair(self, observation: Tensor, action: Tensor) -> Tensor:
        """Return observations and actions inside their box as inputs, ``[batch, inputs]``."""
        return torch.cat([observation, self.inside(action).flatten(1)], dim=1)

    def inside(self, action: Tensor) -> Tensor:
        """Return the nearest actions inside the box, where there is one, ``[batch, *sample]``."""
        if self._low is None and self._high is None:
            return action
        return action.clamp(self._low, self._high)

    def after_step(self, progress: float) -> None:
        """Move the slow copies towards the online values by ``tau``."""
        move_towards(self.target, self.online, self._tau)
