"""A catalogue of our own parts and of small ones that fit badly."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import pytest
import torch
from torch import Tensor

import genpolicy_plugins.plugin
from genpolicy import PartSpec, hookimpl
from genpolicy.backbone import (
    Backbone,
    BackboneRecipe,
    FlowMapBackbone,
    Model,
    SampleSpec,
    VelocityBackbone,
)
from genpolicy.critic import Critic, CriticRecipe, CriticSpec
from genpolicy.dataset import Batch
from genpolicy.discovery.catalogue import Catalogue
from genpolicy.inference import Inference
from genpolicy.network import NetworkRecipe
from genpolicy.objective import Loss, Objective, Stage
from genpolicy.path import LinearPath
from genpolicy.recipe import option
from genpolicy.solver import Solver

if TYPE_CHECKING:
    from genpolicy.path import GVPPath


class Jumping(FlowMapBackbone):
    """A backbone that jumps and knows no velocity."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape, LinearPath())
        self.scale = torch.nn.Parameter(torch.ones(()))

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        return self.scale * sample.sum(1)

    def jump(self, x_t: Tensor, t: Tensor, s: Tensor, condition: Tensor) -> Tensor:
        return self.scale * x_t


@attrs.frozen(kw_only=True)
class Jumper(BackboneRecipe):
    default_solver: ClassVar[str] = "hop"
    stretch: float = option(1, help="a whole number as the default of a number")

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> Jumping:
        return Jumping(spec.sample_shape)


@attrs.frozen(kw_only=True)
class Silent(BackboneRecipe):
    """Does not say what it builds."""

    def build(self, spec: SampleSpec, network: NetworkRecipe):  # type: ignore[no-untyped-def]
        return Jumping(spec.sample_shape)


@attrs.frozen(kw_only=True)
class Mistaken(BackboneRecipe):
    """Says that it builds something else."""

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> int:  # type: ignore[override]
        return 3


@attrs.frozen(kw_only=True)
class Furtive(BackboneRecipe):
    """Names its class only for type checkers."""

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> GVPPath:  # type: ignore[override]
        raise NotImplementedError


@attrs.frozen(kw_only=True)
class Fragile(BackboneRecipe):
    def build(self, spec: SampleSpec, network: NetworkRecipe) -> Backbone:
        raise ZeroDivisionError("no width")


@attrs.frozen(kw_only=True)
class Liar(BackboneRecipe):
    def build(self, spec: SampleSpec, network: NetworkRecipe) -> Backbone:
        return 3  # type: ignore[return-value]


@attrs.frozen(kw_only=True)
class Hop(Solver):
    def sample(self, policy: FlowMapBackbone, condition: Tensor, noise: Tensor) -> Tensor:  # type: ignore[override]
        return policy.jump(noise, torch.zeros(()), torch.ones(()), condition)


@attrs.frozen(kw_only=True)
class Unable(Solver):
    """Defines no sample."""


class Blunt(Critic):
    """A critic without a value of observations, whose loss asks for two roles."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        return self.weight * action.sum(1)

    def loss(self, batch: Batch, target_policy: VelocityBackbone, solver: Solver) -> Loss:  # type: ignore[override]
        assert not any(weight.requires_grad for weight in target_policy.parameters())
        return Loss(self.weight**2)


@attrs.frozen(kw_only=True)
class BluntRecipe(CriticRecipe):
    def build(self, spec: CriticSpec) -> Blunt:
        return Blunt()


class Untaught(Critic):
    """Defines no loss."""

    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        return action.sum(1)


@attrs.frozen(kw_only=True)
class UntaughtRecipe(CriticRecipe):
    def build(self, spec: CriticSpec) -> Untaught:
        return Untaught()


class Wishful(Blunt):
    def loss(self, batch: Batch, adviser: Backbone) -> Loss:  # type: ignore[override]
        return Loss(self.weight)


@attrs.frozen(kw_only=True)
class WishfulRecipe(CriticRecipe):
    def build(self, spec: CriticSpec) -> Wishful:
        return Wishful()


@attrs.frozen(kw_only=True)
class _Single(Objective):
    """Trains the policy alone, for a few steps."""

    def stages(self) -> tuple[Stage, ...]:
        return (Stage(name="policy", steps=2, batch_size=4, learning_rates={"policy": 1e-3}),)


@attrs.frozen(kw_only=True)
class Unannotated(_Single):
    def policy_loss(self, batch: Batch, policy) -> Loss:  # type: ignore[no-untyped-def]
        raise NotImplementedError


@attrs.frozen(kw_only=True)
class Lossless(_Single):
    """Defines no policy_loss."""


@attrs.frozen(kw_only=True)
class Demanding(_Single):
    """Asks for much, in an order of its own."""

    def policy_loss(
        self, critic: Critic, student: VelocityBackbone, batch: Batch, policy: Backbone
    ) -> Loss:
        return Loss(policy.matching_loss(batch.action, batch.observation).mean())


@attrs.frozen(kw_only=True)
class Distilled(Objective):
    """A student acts, and is of a backbone of its own."""

    acting_role: ClassVar[str] = "student"
    defaults: ClassVar[dict[str, str]] = {"student.backbone": "jumper"}

    def stages(self) -> tuple[Stage, ...]:
        rates = {"critic": 1e-3, "policy": 1e-3, "student": 1e-3}
        return (Stage(name="all", steps=2, batch_size=4, learning_rates=rates),)

    def policy_loss(self, batch: Batch, policy: Backbone) -> Loss:
        return Loss(policy.matching_loss(batch.action, batch.observation).mean())

    def student_loss(
        self, policy: Backbone, batch: Batch, student: Backbone, critic: Critic
    ) -> Loss:
        return Loss(student.matching_loss(batch.action, batch.observation).mean())


@attrs.frozen(kw_only=True)
class Copied(Distilled):
    """The student starts from the policy, whatever it is."""

    def stages(self) -> tuple[Stage, ...]:
        (stage,) = super().stages()
        return (attrs.evolve(stage, copies={"student": "policy"}),)


@attrs.frozen(kw_only=True)
class Early(Objective):
    """The policy asks for a student, whose stage is the second."""

    def stages(self) -> tuple[Stage, ...]:
        first = Stage(name="first", steps=2, batch_size=4, learning_rates={"policy": 1e-3})
        return first, attrs.evolve(first, name="second", learning_rates={"student": 1e-3})

    def policy_loss(self, batch: Batch, policy: Backbone, student: Backbone) -> Loss:
        return Loss(policy.matching_loss(batch.action, batch.observation).mean())

    def student_loss(self, batch: Batch, student: Backbone) -> Loss:
        return Loss(student.matching_loss(batch.action, batch.observation).mean())


@attrs.frozen(kw_only=True)
class Copying(Early):
    """The student has been copied from the policy when the policy asks for it."""

    def stages(self) -> tuple[Stage, ...]:
        first, second = super().stages()
        return attrs.evolve(first, copies={"student": "policy"}), second


@attrs.frozen(kw_only=True)
class Opinionated(Distilled):
    """Is known with parts and options of its own."""

    defaults: ClassVar[dict[str, Any]] = {
        "backbone": "diffusion",
        "backbone.path": "gvp",
        "backbone.head": "denoiser",
        "solver": "dpm-solver++:3",
        "network": "mlp",
        "network.hidden": (16, 16),
        "critic": "iql",
        "critic.expectile": 0.9,
        "student.backbone": "jumper",
        "student.backbone.stretch": 2.0,
        "inference": "best",
        "train.clip_norm": 2.5,
    }


class Guide(Model):
    """A model that is no backbone."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))


@attrs.frozen(kw_only=True)
class Guided(Distilled):
    """Trains a guide beside the student."""

    def stages(self) -> tuple[Stage, ...]:
        (stage,) = super().stages()
        return (attrs.evolve(stage, learning_rates={**stage.learning_rates, "guide": 1e-3}),)

    def build_guide(self, spec: SampleSpec, network: NetworkRecipe) -> Guide:
        return Guide()

    def guide_loss(self, batch: Batch, guide: Guide) -> Loss:
        return Loss(guide.weight)


@attrs.frozen(kw_only=True)
class Noisy(_Single):
    """Takes an argument for a gift of the program."""

    def policy_loss(self, batch: Batch, noise: Backbone, policy: Backbone) -> Loss:
        return Loss(policy.matching_loss(batch.action, batch.observation).mean())


@attrs.frozen(kw_only=True)
class Led(Inference):
    def act(
        self, condition: Tensor, generator: torch.Generator | None, policy: Backbone, guide: Guide
    ) -> Tensor:  # type: ignore[override]
        return guide.weight * policy.draw_noise(condition, generator)


@attrs.frozen(kw_only=True)
class Best(Inference):
    def act(
        self, condition: Tensor, generator: torch.Generator | None, policy: Backbone, critic: Critic
    ) -> Tensor:  # type: ignore[override]
        return policy.draw_noise(condition, generator)


@attrs.frozen(kw_only=True)
class Advised(Inference):
    def act(
        self, condition: Tensor, generator: torch.Generator | None, behaviour: Backbone
    ) -> Tensor:  # type: ignore[override]
        return behaviour.draw_noise(condition, generator)


@attrs.frozen(kw_only=True)
class Motionless(Inference):
    """Defines no act."""


_CLASSES = {
    "backbone": {
        "jumper": Jumper,
        "silent": Silent,
        "mistaken": Mistaken,
        "furtive": Furtive,
        "fragile": Fragile,
        "liar": Liar,
    },
    "solver": {"hop": Hop, "unable": Unable},
    "critic": {"blunt": BluntRecipe, "wishful": WishfulRecipe, "untaught": UntaughtRecipe},
    "objective": {
        "unannotated": Unannotated,
        "lossless": Lossless,
        "demanding": Demanding,
        "distilled": Distilled,
        "copied": Copied,
        "guided": Guided,
        "early": Early,
        "copying": Copying,
        "opinionated": Opinionated,
        "noisy": Noisy,
    },
    "inference": {"best": Best, "advised": Advised, "motionless": Motionless, "led": Led},
}


def _specs(kind: str) -> list[PartSpec]:
    return [
        PartSpec(name=name, summary="a test", target=f"{__name__}:{part.__name__}")
        for name, part in _CLASSES[kind].items()
    ]


class _Plugin:
    @hookimpl
    def genpolicy_backbones(self) -> list[PartSpec]:
        return _specs("backbone")

    @hookimpl
    def genpolicy_solvers(self) -> list[PartSpec]:
        return _specs("solver")

    @hookimpl
    def genpolicy_critics(self) -> list[PartSpec]:
        return _specs("critic")

    @hookimpl
    def genpolicy_objectives(self) -> list[PartSpec]:
        return _specs("objective")

    @hookimpl
    def genpolicy_inferences(self) -> list[PartSpec]:
        return _specs("inference")


@pytest.fixture(scope="session")
def fakes() -> Catalogue:
    """Our own parts and the misfits of this file."""
    assert __name__ in sys.modules
    return Catalogue.from_plugins({"genpolicy": genpolicy_plugins.plugin, "fakes": _Plugin()})
