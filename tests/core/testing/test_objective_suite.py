"""The suite of objectives catches objectives that are broken, one by one, and says how."""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import pytest
import torch
from torch import Tensor

from genpolicy.backbone import Backbone, VelocityBackbone
from genpolicy.critic import Critic, ValueCritic
from genpolicy.dataset import Batch
from genpolicy.errors import BrokenPartError, FitError, UnknownPartError
from genpolicy.objective import Loss, Objective, Stage
from genpolicy.recipe import option
from genpolicy.testing import ObjectiveSuite
from genpolicy.testing.suite import ExpectedFailure


@attrs.frozen(kw_only=True)
class Honest(Objective):
    """Matching weighted by exponentiated advantage."""

    beta: float = option(1.0, help="inverse temperature of the weights", ge=0)

    def stages(self) -> tuple[Stage, ...]:
        first = Stage(name="critic", steps=9000, batch_size=64, learning_rates={"critic": 1e-3})
        return first, attrs.evolve(first, name="policy", learning_rates={"policy": 1e-3})

    def policy_loss(self, batch: Batch, policy: Backbone, critic: ValueCritic) -> Loss:
        with torch.no_grad():
            advantage = critic.q(batch.observation, batch.action) - critic.value(batch.observation)
            weight = torch.exp(self.beta * advantage).clamp(max=100.0)
        return self.weighed(weight, policy.matching_loss(batch.action, batch.observation), critic)

    def weighed(self, weight: Tensor, matching: Tensor, critic: Critic) -> Loss:
        return Loss((weight * matching).mean(), {"weight": weight.mean()})


class Mispaired(Honest):
    """Weighs every row by the advantage of another."""

    def weighed(self, weight: Tensor, matching: Tensor, critic: Critic) -> Loss:
        return Loss((weight.roll(1) * matching).mean())


class Fleeing(Honest):
    """Has the wrong sign."""

    def weighed(self, weight: Tensor, matching: Tensor, critic: Critic) -> Loss:
        return Loss((matching / weight.clamp(min=0.01)).mean())


class Imitating(Honest):
    def weighed(self, weight: Tensor, matching: Tensor, critic: Critic) -> Loss:
        return Loss(matching.mean())


class Confessing(Imitating):
    def expected_failures(self) -> Mapping[str, str]:
        return {"it_learns_which_actions_are_good": "it imitates"}


class Meddling(Honest):
    """Moves the critic's slow copies as well."""

    def weighed(self, weight: Tensor, matching: Tensor, critic: Critic) -> Loss:
        critic.after_step(1.0)
        return Loss((weight * matching).mean())


class Leaking(Honest):
    """Leaves gradients where nothing trains."""

    def weighed(self, weight: Tensor, matching: Tensor, critic: Critic) -> Loss:
        for each in critic.parameters():
            each.grad = torch.ones_like(each)
        return Loss((weight * matching).mean())


class Idle(Honest):
    """Has a gradient of 0."""

    def weighed(self, weight: Tensor, matching: Tensor, critic: Critic) -> Loss:
        return Loss(0.0 * matching.mean())


class Curious(Honest):
    """Learns more where the critic trains too."""

    def weighed(self, weight: Tensor, matching: Tensor, critic: Critic) -> Loss:
        trains = any(each.requires_grad for each in critic.parameters())
        return Loss((weight * matching).mean() * (2.0 if trains else 1.0))


class Unreduced(Honest):
    def weighed(self, weight: Tensor, matching: Tensor, critic: Critic) -> Loss:
        return Loss(weight * matching)


class Infinite(Honest):
    def weighed(self, weight: Tensor, matching: Tensor, critic: Critic) -> Loss:
        return Loss((matching / 0.0).mean())


class Attached(Honest):
    def weighed(self, weight: Tensor, matching: Tensor, critic: Critic) -> Loss:
        return Loss(matching.mean(), {"matching": matching.mean()})


class Wavering(Honest):
    """Names its metric by what it is."""

    def weighed(self, weight: Tensor, matching: Tensor, critic: Critic) -> Loss:
        return Loss(matching.mean(), {f"weight {float(weight.sum())}": weight.mean()})


class Reading(Honest):
    def weighed(self, weight: Tensor, matching: Tensor, critic: Critic) -> Loss:
        return Loss((weight * matching).mean() if weight.max() > 0 else matching.mean())


class Repeated(Honest):
    def stages(self) -> tuple[Stage, ...]:
        return tuple(attrs.evolve(stage, name="train") for stage in super().stages())


class Absent(Honest):
    """Lets somebody act who never trains."""

    acting_role: ClassVar[str] = "student"


class Lossless(Honest):
    def stages(self) -> tuple[Stage, ...]:
        critic, policy = super().stages()
        return critic, policy, attrs.evolve(policy, name="guide", learning_rates={"guide": 1e-3})


class Mistaken(Honest):
    """Takes a backbone for a critic."""

    def policy_loss(self, batch: Batch, policy: Backbone, critic: Backbone) -> Loss:  # type: ignore[override]
        raise NotImplementedError


class Homeless(Honest):
    defaults: ClassVar[Mapping[str, Any]] = {"critic": "no-such-critic"}


class Misfit(Honest):
    defaults: ClassVar[Mapping[str, Any]] = {"backbone": "deterministic"}

    def policy_loss(self, batch: Batch, policy: VelocityBackbone, critic: ValueCritic) -> Loss:  # type: ignore[override]
        return super().policy_loss(batch, policy, critic)


class Ahead(Honest):
    """Asks what actions are worth where they led."""

    def policy_loss(self, batch: Batch, policy: Backbone, critic: ValueCritic) -> Loss:
        matching = policy.matching_loss(batch.action, batch.observation)
        with torch.no_grad():
            q = critic.q(batch.next_observation, batch.action)
            weight = torch.exp(q - critic.value(batch.next_observation)).clamp(max=100.0)
        return self.weighed(weight, matching, critic)


class Late(Honest):
    """Clones actions where they led."""

    def policy_loss(self, batch: Batch, policy: Backbone, critic: ValueCritic) -> Loss:
        matching = policy.matching_loss(batch.action, batch.next_observation)
        with torch.no_grad():
            q = critic.q(batch.observation, batch.action)
            weight = torch.exp(q - critic.value(batch.observation)).clamp(max=100.0)
        return self.weighed(weight, matching, critic)


class Crossed(Honest):
    """Has every weight meet every loss."""

    def weighed(self, weight: Tensor, matching: Tensor, critic: Critic) -> Loss:
        return Loss((weight[:, None] * matching).mean())


class Blind(Honest):
    """Imitates the data's actions wherever they were taken."""

    def policy_loss(self, batch: Batch, policy: Backbone, critic: ValueCritic) -> Loss:
        nowhere = torch.zeros_like(batch.observation)
        return Loss(policy.matching_loss(batch.action, nowhere).mean())


BROKEN: Mapping[str, tuple[type[Objective], type[Exception], str]] = {
    "rows_may_come_in_any_order": (
        Mispaired,
        AssertionError,
        r"the loss of 'policy' is \d+\.\d+, reordered \d+\.\d+",
    ),
    "it_learns_which_actions_are_good": (
        Imitating,
        AssertionError,
        r"earn -?0\.\d\d standard deviations of the reward more than the data's, not by more",
    ),
    "an_update_moves_its_role_and_the_copies_that_follow_it_alone": (
        Meddling,
        AssertionError,
        "a step of 'policy' also moves 'critic'",
    ),
    "gradients_reach_every_weight_that_trains_and_no_other": (
        Leaking,
        AssertionError,
        "the loss of 'policy' leaves gradients in 'critic'",
    ),
    "a_role_learns_the_same_whether_others_are_frozen_or_not": (
        Curious,
        AssertionError,
        "not close",
    ),
    "every_loss_is_one_finite_number": (
        Unreduced,
        AssertionError,
        r"the loss of 'policy', for samples of \(2,\), has shape \(8,\)",
    ),
    "metrics_are_detached_scalars_of_stable_names": (
        Attached,
        AssertionError,
        "'matching' is not detached",
    ),
    "losses_read_no_value_on_the_host": (Reading, RuntimeError, "meta"),
    "its_stages_can_be_told_apart_and_run": (
        Repeated,
        AssertionError,
        "two stages have one name: train, train",
    ),
    "what_it_trains_and_needs_can_be_read_from_its_signatures": (
        Mistaken,
        AssertionError,
        "'critic' is annotated .*Backbone.*, which is no Critic",
    ),
    "it_fits_the_parts_that_it_is_known_with": (
        Homeless,
        UnknownPartError,
        "no installed plugin provides critic 'no-such-critic'",
    ),
    "rows_must_not_be_mispaired": (
        Blind,
        AssertionError,
        "'policy' has the same loss with others' observations",
    ),
}
MORE = (
    ("it_learns_which_actions_are_good", Fleeing, AssertionError, "its actions earn -"),
    ("it_learns_which_actions_are_good", Ahead, AssertionError, "its actions earn -"),
    ("it_learns_which_actions_are_good", Late, AssertionError, "its actions earn -"),
    ("it_learns_which_actions_are_good", Crossed, AssertionError, "not by more than 0.25"),
    ("it_learns_which_actions_are_good", Mispaired, AssertionError, "not by more than 0.25"),
    (
        "an_update_moves_its_role_and_the_copies_that_follow_it_alone",
        Idle,
        AssertionError,
        "a step of 'policy' leaves 'averaged', 'policy' as it was",
    ),
    (
        "gradients_reach_every_weight_that_trains_and_no_other",
        Idle,
        AssertionError,
        r"the gradient of network\.\S+ of 'policy' is 0",
    ),
    ("every_loss_is_one_finite_number", Infinite, AssertionError, r"for samples of \(2,\), is inf"),
    (
        "metrics_are_detached_scalars_of_stable_names",
        Wavering,
        AssertionError,
        r"'policy' names \['weight \S+'\], \['weight \S+'\]",
    ),
    (
        "what_it_trains_and_needs_can_be_read_from_its_signatures",
        Absent,
        AssertionError,
        "'student' acts, and no stage trains or copies it",
    ),
    (
        "what_it_trains_and_needs_can_be_read_from_its_signatures",
        Lossless,
        BrokenPartError,
        "trains 'guide' but defines no method 'guide_loss'",
    ),
    ("it_fits_the_parts_that_it_is_known_with", Misfit, FitError, "knows its velocity"),
    ("it_learns_which_actions_are_good", Confessing, ExpectedFailure, "expected to fail: it imit"),
)


@pytest.mark.parametrize("check", BROKEN)
def test_a_broken_objective_is_caught(check: str) -> None:
    objective, error, sentence = BROKEN[check]
    with pytest.raises(error, match=sentence):
        getattr(ObjectiveSuite(), f"test_{check}")(objective())


@pytest.mark.parametrize(("check", "objective", "error", "sentence"), MORE)
def test_other_ways_of_being_broken_are_caught(
    check: str, objective: type[Objective], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        getattr(ObjectiveSuite(), f"test_{check}")(objective())


@pytest.mark.parametrize("check", BROKEN)
def test_an_honest_objective_passes_though_nobody_has_packaged_it(check: str) -> None:
    getattr(ObjectiveSuite(), f"test_{check}")(Honest())


def test_an_option_is_kept_in_the_agent_that_is_tried() -> None:
    with pytest.raises(AssertionError, match="standard deviations of the reward"):
        ObjectiveSuite().test_it_learns_which_actions_are_good(Honest(beta=0.0))
