"""The suite of inferences catches inferences that are broken, one by one, and says how."""

from collections.abc import Mapping
from unittest import SkipTest

import attrs
import pytest
import torch
from torch import Tensor

from genpolicy.backbone import Backbone
from genpolicy.candidates import draw_candidates, value_candidates
from genpolicy.critic import Critic
from genpolicy.errors import BrokenPartError
from genpolicy.guide import Guide
from genpolicy.inference import Inference
from genpolicy.shapes import randn
from genpolicy.solver import Solver
from genpolicy.testing import InferenceSuite


@attrs.frozen(kw_only=True)
class Honest(Inference):
    """One sample."""

    def act(
        self,
        condition: Tensor,
        generator: torch.Generator | None,
        policy: Backbone,
        solver: Solver,
        critic: Critic,
    ) -> Tensor:
        noise = policy.draw_noise(condition, self.source(generator))
        return self.broken(solver.sample(policy, condition, noise, generator), policy, critic)

    def source(self, generator: torch.Generator | None) -> torch.Generator | None:
        return generator

    def broken(self, action: Tensor, policy: Backbone, critic: Critic) -> Tensor:
        return action


class Global(Honest):
    """Ignores the generator."""

    def source(self, generator: torch.Generator | None) -> torch.Generator | None:
        return None


class Centred(Honest):
    """Moves every row by the mean of all."""

    def broken(self, action: Tensor, policy: Backbone, critic: Critic) -> Tensor:
        return action - action.mean(0)


class Placed(Honest):
    """Knows where in the batch a row stands."""

    def broken(self, action: Tensor, policy: Backbone, critic: Critic) -> Tensor:
        return action + torch.arange(len(action)).reshape(-1, *[1] * (action.ndim - 1))


class First(Honest):
    """Gives all rows the first one's action."""

    def broken(self, action: Tensor, policy: Backbone, critic: Critic) -> Tensor:
        return action[:1].expand_as(action) * 1.0


class Squeezed(Honest):
    """Forgets that a batch may have one row."""

    def broken(self, action: Tensor, policy: Backbone, critic: Critic) -> Tensor:
        return action.squeeze(0)


class Worst(Honest):
    """Chooses of two samples the one that the critic values least."""

    def act(
        self,
        condition: Tensor,
        generator: torch.Generator | None,
        policy: Backbone,
        solver: Solver,
        critic: Critic,
    ) -> Tensor:
        drawn = draw_candidates(policy, solver, condition, 2, generator)
        worst = value_candidates(critic, condition, drawn).argmin(1)
        return drawn[torch.arange(len(drawn)), worst]


class Endless(Honest):
    def broken(self, action: Tensor, policy: Backbone, critic: Critic) -> Tensor:
        return action / 0.0


class Single(Honest):
    def broken(self, action: Tensor, policy: Backbone, critic: Critic) -> Tensor:
        return action.float()


class Climbing(Honest):
    """Leaves the gradient of what it climbs in the critic."""

    def broken(self, action: Tensor, policy: Backbone, critic: Critic) -> Tensor:
        with torch.enable_grad():
            critic.q(action.new_zeros(len(action), 3), action.flatten(1)[:, :2]).sum().backward()  # type: ignore[no-untyped-call]
        return action


class Learning(Honest):
    """Changes the policy while it acts."""

    def broken(self, action: Tensor, policy: Backbone, critic: Critic) -> Tensor:
        next(policy.parameters()).mul_(0.5)
        return action


class Graphed(Honest):
    """Turns gradients on and leaves its graph in the action."""

    def broken(self, action: Tensor, policy: Backbone, critic: Critic) -> Tensor:
        with torch.enable_grad():
            return action * next(policy.parameters()).sum()


class Random(Honest):
    """Draws nothing from torch's seed, and something else every time."""

    def broken(self, action: Tensor, policy: Backbone, critic: Critic) -> Tensor:
        source = torch.Generator()
        source.seed()
        return action + randn(action.shape, action, source)


@attrs.frozen(kw_only=True)
class Unannotated(Inference):
    def act(self, condition: Tensor, generator: torch.Generator | None, policy) -> Tensor:  # type: ignore[no-untyped-def]
        return condition


class Unheard(Guide):
    """An ability that nothing has."""

    ability = "sings"


@attrs.frozen(kw_only=True)
class Led(Inference):
    def act(self, condition: Tensor, generator: torch.Generator | None, singer: Unheard) -> Tensor:
        return condition


BROKEN: Mapping[str, tuple[type[Inference], str]] = {
    "an_action_is_finite_and_of_the_samples_shape": (
        Squeezed,
        r"it acts \(2,\), not \(1, 2\)",
    ),
    "its_precision_is_that_of_the_policy": (
        Single,
        r"in double precision it acts in torch\.float32",
    ),
    "noise_comes_from_the_generator_or_else_from_torch": (
        Global,
        "it uses torch's numbers all the same",
    ),
    "an_action_is_its_own_observations": (Centred, "changes the actions of others"),
    "observations_may_come_in_any_order": (Placed, "not close"),
    "its_actions_are_worth_no_less_than_plain_samples": (
        Worst,
        r"they are worth 0\.\d+ standard deviations less",
    ),
    "acting_leaves_the_models_as_they_were": (Climbing, r"acting leaves a gradient in critic\."),
}


@pytest.mark.parametrize("check", BROKEN)
def test_a_broken_inference_is_caught(check: str) -> None:
    inference, sentence = BROKEN[check]
    with pytest.raises(AssertionError, match=sentence):
        getattr(InferenceSuite(), f"test_{check}")(inference())


@pytest.mark.parametrize("check", BROKEN)
def test_an_honest_inference_passes(check: str) -> None:
    getattr(InferenceSuite(), f"test_{check}")(Honest())


@pytest.mark.parametrize(
    ("check", "inference", "sentence"),
    [
        ("an_action_is_finite_and_of_the_samples_shape", Endless, "5 observations it is not"),
        ("an_action_is_its_own_observations", First, "does not depend on its observation"),
        ("acting_leaves_the_models_as_they_were", Learning, r"acting changes policy\."),
        ("acting_leaves_the_models_as_they_were", Graphed, "the action carries a graph"),
        (
            "noise_comes_from_the_generator_or_else_from_torch",
            Random,
            "the same generator gives another action",
        ),
    ],
)
def test_other_ways_of_being_broken_are_caught(
    check: str, inference: type[Inference], sentence: str
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        getattr(InferenceSuite(), f"test_{check}")(inference())


def test_an_argument_without_annotation_is_named() -> None:
    with pytest.raises(BrokenPartError, match=r"the inference: argument 'policy' of .* has no"):
        InferenceSuite().test_its_precision_is_that_of_the_policy(Unannotated())


def test_what_nothing_here_can_do_is_skipped_in_words() -> None:
    sentence = "no backbone or objective is installed with a model that sings"
    with pytest.raises(SkipTest, match=sentence):
        InferenceSuite().test_its_precision_is_that_of_the_policy(Led())
