"""From the recipe of an agent to its live models, and from a method to a call on them."""

import copy
import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

import attrs
import torch
from torch import Tensor, nn

from genpolicy.backbone import Backbone, BackboneRecipe, Model, SampleSpec
from genpolicy.composition.agent_recipe import AgentRecipe, Chosen
from genpolicy.composition.contract import (
    LOSS,
    TARGET,
    Need,
    builder_of,
    needs_of,
)
from genpolicy.composition.losses import Asking, losses_of, roles_of
from genpolicy.composition.needs import acting_needs, training_needs
from genpolicy.critic import Critic, CriticRecipe, CriticSpec
from genpolicy.dataset import Batch, Floats
from genpolicy.discovery.words import describe
from genpolicy.errors import BrokenPartError
from genpolicy.network import NetworkRecipe
from genpolicy.objective import Loss

M = TypeVar("M", bound=nn.Module)


@attrs.frozen(eq=False, kw_only=True)
class Shapes:
    """The shapes that an agent is built for.

    Args:
        observation_dim: The length of an observation.
        action_shape: The shape of an action.
        action_low: The smallest action allowed, ``[*action]`` or its last dimension alone.
        action_high: The largest action allowed, likewise.
    """

    observation_dim: int
    action_shape: tuple[int, ...]
    action_low: Floats | None = None
    action_high: Floats | None = None


@attrs.frozen(eq=False, kw_only=True)
class Models:
    """The live models of an agent.

    Args:
        recipe: What they were built from.
        roles: The models by role.
        targets: Slow copies, by the role they copy.
        critic: The critic, if the agent has one.
    """

    recipe: AgentRecipe
    roles: Mapping[str, Model]
    targets: Mapping[str, Model]
    critic: Critic | None

    def all(self) -> dict[str, nn.Module]:
        """Return every model by its name in a checkpoint."""
        named: dict[str, nn.Module] = dict(self.roles)
        named |= {f"{TARGET}{role}": model for role, model in self.targets.items()}
        return named if self.critic is None else {**named, "critic": self.critic}

    def trainable(self, role: str) -> Model:
        """Return the model that trains under a role's name, the critic included."""
        model = self.critic if role == "critic" else self.roles[role]
        assert model is not None
        return model

    def bind(self, method: Callable[..., Any], needs: Iterable[Need]) -> Callable[..., Any]:
        """Return ``method`` with everything it asks for filled in from this agent."""
        return functools.partial(method, **{need.argument: self._answer(need) for need in needs})

    def loss_of(self, role: str) -> Callable[..., Any]:
        """Return the loss that trains a role, of a batch alone."""
        if role == "critic":
            assert self.critic is not None
            acting = self.recipe.objective.acting_role
            return self.bind(self.critic.loss, needs_of(self.critic.loss, role, LOSS, acting))
        return self._bound(self._losses()[role])

    def constants_of(self, role: str, trained: Collection[str]) -> dict[str, Callable[..., Any]]:
        """Return what computes the constants of a role's loss, of a batch alone.

        Args:
            role: The role.
            trained: What trains; of a constant that asks for any of that, those that it asks for.
        """
        asked = {} if role == "critic" else self._losses()[role].constants
        return {
            name: functools.partial(self._constant(asking).of, name)
            for name, asking in _at_rest(asked, trained)
        }

    def _losses(self) -> dict[str, Asking]:
        return losses_of(self.recipe.objective, self.recipe.chosen["objective"].name)

    def _bound(self, loss: Asking) -> Callable[..., Any]:
        constants = {name: self._constant(each) for name, each in loss.constants.items()}
        method = WithConstants(loss.method, constants).call if constants else loss.method
        return self.bind(method, loss.own)

    def _constant(self, asking: Asking) -> "Constant":
        asked = {name: self._constant(each) for name, each in asking.constants.items()}
        return Constant(self.bind(asking.method, asking.own), asked)

    def _answer(self, need: Need) -> object:
        if need.kind == "critic":
            return self.critic
        if need.kind == "solver":
            return self.recipe.chosen[self.recipe.slot_of(need.role, "solver")].recipe
        return self.targets[need.role] if need.is_target else self.roles[need.role]


@attrs.frozen(eq=False)
class Constant:
    """What computes a tensor that a loss asks for.

    Args:
        method: Computes it of a batch and of the constants that it asks for.
        constants: What computes those, by name.
    """

    method: Callable[..., Tensor]
    constants: Mapping[str, "Constant"]

    def of(self, name: str, batch: Batch, known: dict[str, Tensor] | None = None) -> Tensor:
        """Return it of a batch, without a gradient.

        Args:
            name: Its name.
            batch: The batch.
            known: The constants that are known already, those of the batch in any case; what is
                computed on the way joins them.
        """
        known = dict(batch.constants) if known is None else known
        if name not in known:
            asked = {each: other.of(each, batch, known) for each, other in self.constants.items()}
            found = self.method(batch=batch, **asked)
            known[name] = _with_a_row_for_each(found, name, batch)
        return known[name]


@attrs.frozen(eq=False)
class WithConstants:
    """A loss that finds its constants in the batch, or has them computed.

    Args:
        method: The loss.
        constants: What computes its constants, by name.
    """

    method: Callable[..., Loss]
    constants: Mapping[str, Constant]

    def call(self, batch: Batch, **parts: Any) -> Loss:
        """Return the loss with its constants."""
        known = dict(batch.constants)
        with torch.no_grad():
            asked = {name: each.of(name, batch, known) for name, each in self.constants.items()}
        return self.method(batch=batch, **asked, **parts)

    def methods(self) -> list[Callable[..., Any]]:
        """Return the methods of the loss and of all that computes its constants."""
        found: list[Callable[..., Any]] = [self.method]
        left = [*self.constants.values()]
        while left:
            constant = left.pop()
            found.append(constant.method)
            left += constant.constants.values()
        return found


def _with_a_row_for_each(values: object, name: str, batch: Batch) -> Tensor:
    if isinstance(values, Tensor) and values.shape[:1] == batch.reward.shape:
        return values.detach()
    found = f"of shape {tuple(values.shape)}" if isinstance(values, Tensor) else repr(values)
    raise BrokenPartError(
        f"the constant {name!r} of the objective must have a row for each transition of a batch, "
        f"[batch, ...], here {len(batch)}; it came out {found}"
    )


def _at_rest(
    constants: Mapping[str, Asking], trained: Collection[str]
) -> Iterator[tuple[str, Asking]]:
    """Yield the constants that ask for nothing that trains, and those that the others ask for."""
    for name, asking in constants.items():
        if any(need.model in trained for need in asking.needs):
            yield from _at_rest(asking.constants, trained)
        else:
            yield name, asking


def build_models(recipe: AgentRecipe, shapes: Shapes, device: torch.device) -> Models:
    """Return the models of an agent with fresh weights, drawn from torch's global random numbers.

    Raises:
        BrokenPartError: A part fails to build.
    """
    names = roles_of(recipe.objective, recipe.chosen["objective"].name)
    roles = {role: _model(recipe, role, shapes).to(device) for role in names}
    followed = {need.role for need in training_needs(recipe) if need.is_target}
    targets = {
        role: copy.deepcopy(model).requires_grad_(False)
        for role, model in roles.items()
        if role in followed
    }
    critic = (
        _critic(recipe.chosen["critic"], shapes).to(device) if "critic" in recipe.chosen else None
    )
    return Models(recipe=recipe, roles=roles, targets=targets, critic=critic)


def build_acting(recipe: AgentRecipe, shapes: Shapes, device: torch.device) -> Models:
    """Return only the models that act, with fresh weights."""
    roles = {role: _model(recipe, role, shapes).to(device) for role in _acting_roles(recipe)}
    critic = _critic(recipe.chosen["critic"], shapes).to(device) if _critic_acts(recipe) else None
    return Models(recipe=recipe, roles=roles, targets={}, critic=critic)


def acting_models(models: Models, policy: Model) -> Models:
    """Return what acts of an agent in training, with ``policy`` in the acting role."""
    recipe = models.recipe
    roles = {role: models.roles[role] for role in _acting_roles(recipe)}
    roles[recipe.objective.acting_role] = policy
    critic = models.critic if _critic_acts(recipe) else None
    return Models(recipe=recipe, roles=roles, targets={}, critic=critic)


def _acting_roles(recipe: AgentRecipe) -> list[str]:
    asked = {need.role for need in acting_needs(recipe) if need.kind == "backbone"}
    return sorted(asked | {recipe.objective.acting_role})


def _critic_acts(recipe: AgentRecipe) -> bool:
    return any(need.kind == "critic" for need in acting_needs(recipe))


def _model(recipe: AgentRecipe, role: str, shapes: Shapes) -> Model:
    chosen = recipe.chosen[recipe.slot_of(role, "backbone")]
    network = recipe.part(recipe.slot_of(role, "network"), NetworkRecipe)
    spec = SampleSpec(sample_shape=shapes.action_shape, condition_dim=shapes.observation_dim)
    builder = builder_of(recipe.objective, role)
    if builder is not None:
        own = functools.partial(builder, spec, network)
        return _built(recipe.chosen["objective"], own, Model)
    assert isinstance(chosen.recipe, BackboneRecipe)
    return _built(chosen, functools.partial(chosen.recipe.build, spec, network), Backbone)


def _critic(chosen: Chosen, shapes: Shapes) -> Critic:
    spec = CriticSpec(
        observation_dim=shapes.observation_dim,
        action_shape=shapes.action_shape,
        action_low=shapes.action_low,
        action_high=shapes.action_high,
    )
    assert isinstance(chosen.recipe, CriticRecipe)
    return _built(chosen, functools.partial(chosen.recipe.build, spec), Critic)


def _built(chosen: Chosen, build: Callable[[], object], base: Callable[..., M]) -> M:
    entry = chosen.entry
    try:
        model = build()
    except (Exception, SystemExit) as error:
        raise BrokenPartError(
            f"{entry.label} failed to build: {describe(error)}{entry.advice}"
        ) from error
    wanted = cast(type[M], base)
    if not isinstance(model, wanted):
        what = f"a {type(model).__name__}, no {wanted.__name__}"
        raise BrokenPartError(f"{entry.label} built {what}{entry.advice}")
    return model
