"""From the recipe of an agent to its live models, and from a method to a call on them."""

import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import attrs
import torch
from torch import nn

from genpolicy.backbone import Backbone, BackboneRecipe, Model, SampleSpec
from genpolicy.composition.agent_recipe import AgentRecipe, Chosen
from genpolicy.composition.contract import (
    TARGET,
    loss_methods,
    method_of,
    needs_of,
    provided_class,
    roles_of,
)
from genpolicy.critic import Critic, CriticRecipe, CriticSpec
from genpolicy.errors import BrokenPartError
from genpolicy.inference import Inference
from genpolicy.network import NetworkRecipe

M = TypeVar("M", bound=nn.Module)


@attrs.frozen(kw_only=True)
class Shapes:
    """The shapes that an agent is built for.

    Args:
        observation_dim: The length of an observation.
        action_shape: The shape of an action.
    """

    observation_dim: int
    action_shape: tuple[int, ...]


@attrs.frozen(eq=False, kw_only=True)
class Models:
    """The live models of an agent.

    Args:
        recipe: What they were built from.
        roles: The backbones by role.
        targets: Slow copies of backbones, by the role they copy.
        critic: The critic, if the agent has one.
        policy_role: The role that goes by the name of ``policy`` here.
    """

    recipe: AgentRecipe
    roles: Mapping[str, Backbone]
    targets: Mapping[str, Backbone]
    critic: Critic | None
    policy_role: str = "policy"

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

    def bind(self, method: Callable[..., Any], who: str) -> Callable[..., Any]:
        """Return ``method`` with everything it asks for filled in from this agent."""
        arguments = {need.argument: self._argument(need.argument) for need in needs_of(method, who)}
        return functools.partial(method, **arguments)

    def _argument(self, name: str) -> object:
        if name == "critic":
            return self.critic
        if name == "solver" or name.endswith("_solver"):
            role = name.removesuffix("solver").removesuffix("_") or self.policy_role
            return self.recipe.chosen[self.recipe.slot_of(role, "solver")].recipe
        if name.startswith(TARGET):
            return self.targets[name.removeprefix(TARGET)]
        return self.roles[name]


def build_models(recipe: AgentRecipe, shapes: Shapes, device: torch.device) -> Models:
    """Return the models of an agent with fresh weights, drawn from torch's global random numbers.

    Raises:
        BrokenPartError: A part fails to build.
    """
    objective = recipe.objective
    name = recipe.chosen["objective"].name
    roles = {role: _backbone(recipe, role, shapes).to(device) for role in roles_of(objective, name)}
    methods = [*loss_methods(objective, name).values(), *_critic_loss(recipe)]
    asked = {need.argument for method in methods for need in needs_of(method, name)}
    targets = {
        role: copy.deepcopy(model).requires_grad_(False)
        for role, model in roles.items()
        if f"{TARGET}{role}" in asked
    }
    critic = (
        _critic(recipe.chosen["critic"], shapes).to(device) if "critic" in recipe.chosen else None
    )
    return Models(recipe=recipe, roles=roles, targets=targets, critic=critic)


def _critic_loss(recipe: AgentRecipe) -> list[Callable[..., Any]]:
    if "critic" not in recipe.chosen:
        return []
    chosen = recipe.chosen["critic"]
    return [method_of(provided_class(type(chosen.recipe)), "loss", chosen.name)]


def build_acting(recipe: AgentRecipe, shapes: Shapes, device: torch.device) -> Models:
    """Return only the models that act, with fresh weights."""
    asked = _asked_to_act(recipe)
    policy = _backbone(recipe, recipe.objective.acting_role, shapes).to(device)
    critic = _critic(recipe.chosen["critic"], shapes).to(device) if "critic" in asked else None
    return _acting(recipe, policy, critic)


def acting_models(models: Models, policy: Backbone) -> Models:
    """Return what acts of an agent in training, with ``policy`` for its policy."""
    critic = models.critic if "critic" in _asked_to_act(models.recipe) else None
    return _acting(models.recipe, policy, critic)


def _acting(recipe: AgentRecipe, policy: Backbone, critic: Critic | None) -> Models:
    return Models(
        recipe=recipe,
        roles={"policy": policy},
        targets={},
        critic=critic,
        policy_role=recipe.objective.acting_role,
    )


def _asked_to_act(recipe: AgentRecipe) -> set[str]:
    inference = recipe.part("inference", Inference)
    return {need.argument for need in needs_of(inference.act, recipe.chosen["inference"].name)}


def _backbone(recipe: AgentRecipe, role: str, shapes: Shapes) -> Backbone:
    chosen = recipe.chosen[recipe.slot_of(role, "backbone")]
    network = recipe.part(recipe.slot_of(role, "network"), NetworkRecipe)
    spec = SampleSpec(sample_shape=shapes.action_shape, condition_dim=shapes.observation_dim)
    assert isinstance(chosen.recipe, BackboneRecipe)
    return _built(chosen, functools.partial(chosen.recipe.build, spec, network), Backbone)


def _critic(chosen: Chosen, shapes: Shapes) -> Critic:
    spec = CriticSpec(observation_dim=shapes.observation_dim, action_shape=shapes.action_shape)
    assert isinstance(chosen.recipe, CriticRecipe)
    return _built(chosen, functools.partial(chosen.recipe.build, spec), Critic)


def _built(chosen: Chosen, build: Callable[[], object], base: Callable[..., M]) -> M:
    entry = chosen.entry
    who = f"{entry.kind} {entry.spec.name!r} of {entry.distribution} {entry.version}"
    try:
        model = build()
    except Exception as error:
        raise BrokenPartError(f"{who} failed to build: {type(error).__name__}: {error}") from error
    wanted = cast(type[M], base)
    if not isinstance(model, wanted):
        raise BrokenPartError(f"{who} built a {type(model).__name__}, no {wanted.__name__}")
    return model
