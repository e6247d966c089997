"""The suite of critics catches critics that are broken, one by one, and says how."""

import copy
import math
from collections.abc import Mapping

import attrs
import pytest
import torch
from torch import Tensor, nn

from genpolicy.backbone import Backbone
from genpolicy.critic import Critic, CriticRecipe, CriticSpec, ExpectileCritic
from genpolicy.dataset import Batch
from genpolicy.objective import Loss
from genpolicy.recipe import option
from genpolicy.solver import Solver
from genpolicy.testing import CriticSuite


class HonestCritic(ExpectileCritic):
    """One value, its slow copy, and the policy's next action."""

    expectile = 0.5

    def __init__(self, spec: CriticSpec, recipe: "Recipe") -> None:
        super().__init__()
        inputs = spec.observation_dim + math.prod(spec.action_shape)
        self.online = nn.Sequential(nn.Linear(inputs, 48), nn.Tanh(), nn.Linear(48, 1))
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        self.recipe = recipe
        ends = {"low": spec.action_low, "high": spec.action_high}
        for name, end in ends.items():
            bound = None if end is None else torch.as_tensor(end)
            self.register_buffer(name, bound, persistent=False)

    def inside(self, action: Tensor) -> Tensor:
        return action if self.low is None else action.clamp(self.low, self.high)  # type: ignore[arg-type]

    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        value: Tensor = self.online(self.pair(observation, action))
        return value.squeeze(1)

    def value(self, observation: Tensor) -> Tensor:
        missing = self.online[0].in_features - observation.shape[1]
        zeros = observation.new_zeros(len(observation), missing)
        value: Tensor = self.online(torch.cat([observation, zeros], 1))
        return value.squeeze(1)

    def pair(self, observation: Tensor, action: Tensor) -> Tensor:
        return torch.cat([observation, self.inside(action).flatten(1)], 1)

    def loss(self, batch: Batch, target_policy: Backbone, solver: Solver) -> Loss:
        with torch.no_grad():
            backup = self.backup(batch, self.following(batch, target_policy, solver))
        return self.error(batch, backup)

    def following(self, batch: Batch, policy: Backbone, solver: Solver) -> Tensor:
        condition = batch.next_observation
        action = solver.sample(policy, condition, policy.draw_noise(condition), None)
        following: Tensor = self.target(self.pair(condition, action))
        return following.squeeze(1)

    def backup(self, batch: Batch, following: Tensor) -> Tensor:
        return batch.reward + self.recipe.discount * (1.0 - batch.terminal) * following

    def error(self, batch: Batch, backup: Tensor) -> Loss:
        q = self.q(batch.observation, batch.action)
        return Loss(((q - backup) ** 2).mean(), {"q": q.mean().detach()})

    def after_step(self, progress: float) -> None:
        self.follow(self.recipe.tau)

    @torch.no_grad()
    def follow(self, rate: float) -> None:
        for slow, fast in zip(self.target.parameters(), self.online.parameters(), strict=True):
            slow.lerp_(fast, rate)


class Endless(HonestCritic):
    """Bootstraps at terminals."""

    def backup(self, batch: Batch, following: Tensor) -> Tensor:
        return batch.reward + self.recipe.discount * following


class Shortsighted(HonestCritic):
    """Does not bootstrap at all."""

    def backup(self, batch: Batch, following: Tensor) -> Tensor:
        return batch.reward


class Fast(HonestCritic):
    """Moves its targets twice as fast as it says."""

    def after_step(self, progress: float) -> None:
        self.follow(2.0 * self.recipe.tau)


class Still(HonestCritic):
    """Never moves its targets."""

    def after_step(self, progress: float) -> None:
        pass


class Rare(HonestCritic):
    """Moves its targets at every third step, which is no fault."""

    steps: Tensor

    def __init__(self, spec: CriticSpec, recipe: "Recipe") -> None:
        super().__init__(spec, recipe)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def after_step(self, progress: float) -> None:
        self.steps += 1
        self.follow(self.recipe.tau * float(self.steps % 3 == 0))


class Half(HonestCritic):
    """Forgets the second of two targets."""

    def __init__(self, spec: CriticSpec, recipe: "Recipe") -> None:
        super().__init__(spec, recipe)
        self.second = copy.deepcopy(self.online).requires_grad_(False)


class Undiscounted(HonestCritic):
    """Forgets the discount."""

    def backup(self, batch: Batch, following: Tensor) -> Tensor:
        return batch.reward + (1.0 - batch.terminal) * following


class Negated(HonestCritic):
    """Values actions as they are worth and observations as the opposite."""

    def value(self, observation: Tensor) -> Tensor:
        return -self.q(observation, observation[:, :2])


class Dropping(HonestCritic):
    """Drops some of what it sees while it learns, which is no fault."""

    def __init__(self, spec: CriticSpec, recipe: "Recipe") -> None:
        super().__init__(spec, recipe)
        self.drop = nn.Dropout(0.2)

    def pair(self, observation: Tensor, action: Tensor) -> Tensor:
        return super().pair(self.drop(observation), action)


class Backwards(HonestCritic):
    """Moves what trains towards its copy."""

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        for slow, fast in zip(self.target.parameters(), self.online.parameters(), strict=True):
            fast.lerp_(slow, self.recipe.tau)


class Pleasing(HonestCritic):
    """Lets its loss teach the policy."""

    def loss(self, batch: Batch, target_policy: Backbone, solver: Solver) -> Loss:
        return self.error(batch, self.backup(batch, self.following(batch, target_policy, solver)))


class Idle(HonestCritic):
    def __init__(self, spec: CriticSpec, recipe: "Recipe") -> None:
        super().__init__(spec, recipe)
        self.idle = nn.Linear(2, 2)


class PerRow(HonestCritic):
    def error(self, batch: Batch, backup: Tensor) -> Loss:
        return Loss((self.q(batch.observation, batch.action) - backup) ** 2)


class Attached(HonestCritic):
    def error(self, batch: Batch, backup: Tensor) -> Loss:
        loss = super().error(batch, backup).value
        return Loss(loss, {"loss_again": loss})


class Renaming(HonestCritic):
    def error(self, batch: Batch, backup: Tensor) -> Loss:
        loss = super().error(batch, backup).value
        return Loss(loss, {f"of {tuple(batch.action.shape)}": loss.detach()})


class Centred(HonestCritic):
    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        value = super().q(observation, action)
        return value - value.mean()


class Single(HonestCritic):
    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        return super().q(observation, action).mean()


class Column(HonestCritic):
    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        return super().q(observation, action)[:, None]


class Unboxed(HonestCritic):
    def inside(self, action: Tensor) -> Tensor:
        return action


class Constant(HonestCritic):
    def value(self, observation: Tensor) -> Tensor:
        return observation.new_zeros(len(observation))


class Certain(HonestCritic):
    expectile = 1.0


class Hidden(HonestCritic):
    def __init__(self, spec: CriticSpec, recipe: "Recipe") -> None:
        super().__init__(spec, recipe)
        self.steps = 0

    def after_step(self, progress: float) -> None:
        self.steps += 1
        super().after_step(progress)

    def backup(self, batch: Batch, following: Tensor) -> Tensor:
        return super().backup(batch, following) + self.steps


class Reading(HonestCritic):
    def error(self, batch: Batch, backup: Tensor) -> Loss:
        seen = torch.tensor(backup.mean().item())
        return Loss(super().error(batch, backup).value, {"backup": seen})


@attrs.frozen(kw_only=True)
class Recipe(CriticRecipe):
    made: type[HonestCritic] = HonestCritic
    discount: float = option(0.9, help="discount")
    tau: float = option(0.01, help="rate of the targets")

    def build(self, spec: CriticSpec) -> ExpectileCritic:
        return self.made(spec, self)


@attrs.frozen(kw_only=True)
class Boasting(Recipe):
    def build(self, spec: CriticSpec) -> ExpectileCritic:
        class Plain(Critic):
            def q(self, observation: Tensor, action: Tensor) -> Tensor:
                return observation[:, 0]

        return Plain()  # type: ignore[return-value]


BROKEN: Mapping[str, tuple[type[HonestCritic], str]] = {
    "the_loss_is_a_finite_number_with_metrics_of_stable_names": (
        PerRow,
        r"loss has shape \(16,\), and is no number",
    ),
    "a_terminal_stops_the_bootstrap": (Endless, "after a terminal moves the loss by"),
    "a_time_out_does_not_stop_the_bootstrap": (
        Shortsighted,
        "what it saw after a step that is no terminal does not matter",
    ),
    "its_gradient_reaches_every_weight_that_trains_and_no_other": (
        Pleasing,
        "its gradient reaches .* of target_policy; detach it",
    ),
    "a_value_is_its_own_rows": (Centred, "beside it a row's value moves by"),
    "an_action_outside_the_box_is_worth_what_the_nearest_inside_is": (
        Unboxed,
        "the value of an action outside differs by",
    ),
    "the_value_of_an_observation_is_its_own_rows": (
        Constant,
        "the value does not depend on the observation",
    ),
    "its_expectile_lies_between_0_and_1": (Certain, "its expectile is 1.0"),
    "targets_move_by_tau": (Fast, "moves by 0.02 of the way, not by tau, 0.01"),
    "what_does_not_train_follows": (
        Half,
        r"second.* neither trains nor moves in 10 steps",
    ),
    "its_state_dict_is_all_of_it": (Hidden, "takes over the state has another loss"),
}


@pytest.mark.parametrize("check", BROKEN)
def test_a_broken_critic_is_caught(check: str) -> None:
    made, sentence = BROKEN[check]
    with pytest.raises(AssertionError, match=sentence):
        getattr(CriticSuite(), f"test_{check}")(Recipe(made=made))


@pytest.mark.parametrize("check", [*BROKEN, "it_reads_no_value_on_the_host"])
def test_an_honest_critic_passes(check: str) -> None:
    getattr(CriticSuite(), f"test_{check}")(Recipe())


@pytest.mark.parametrize(
    ("check", "made", "sentence"),
    [
        ("targets_move_by_tau", Still, "nothing moves in 10 steps, though tau is 0.01"),
        ("targets_move_by_tau", Backwards, "after_step moves online.*, which the optimiser trains"),
        ("a_value_is_its_own_rows", Single, r"16 rows have a value of shape \(\)"),
        ("a_value_is_its_own_rows", Column, r"16 rows have values \(16, 1\)"),
        (
            "its_gradient_reaches_every_weight_that_trains_and_no_other",
            Idle,
            "idle.weight gets no gradient",
        ),
        (
            "the_loss_is_a_finite_number_with_metrics_of_stable_names",
            Attached,
            "metric loss_again carries a graph; detach it",
        ),
        (
            "the_loss_is_a_finite_number_with_metrics_of_stable_names",
            Renaming,
            "its metrics change",
        ),
    ],
)
def test_other_ways_of_being_broken_are_caught(
    check: str, made: type[HonestCritic], sentence: str
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        getattr(CriticSuite(), f"test_{check}")(Recipe(made=made))


@pytest.mark.parametrize("check", ["targets_move_by_tau", "what_does_not_train_follows"])
def test_targets_need_not_move_at_every_step(check: str) -> None:
    getattr(CriticSuite(), f"test_{check}")(Recipe(made=Rare))


@pytest.mark.parametrize(
    "check",
    [
        "a_value_is_its_own_rows",
        "an_action_outside_the_box_is_worth_what_the_nearest_inside_is",
    ],
)
def test_values_are_read_without_dropout(check: str) -> None:
    getattr(CriticSuite(), f"test_{check}")(Recipe(made=Dropping))


def test_what_is_read_on_the_host_is_caught() -> None:
    with pytest.raises(RuntimeError, match="meta"):
        CriticSuite().test_it_reads_no_value_on_the_host(Recipe(made=Reading))


def test_a_build_that_promises_more_than_it_makes_is_caught() -> None:
    with pytest.raises(AssertionError, match="Plain is no ExpectileCritic"):
        CriticSuite().test_it_is_what_build_promises(Boasting())


@pytest.mark.slow
def test_an_honest_critic_learns_what_is_known() -> None:
    CriticSuite().test_it_learns_values_that_are_known(Recipe())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (Shortsighted, r"its values of a step before a reward of 1 are 0\.[45]"),
        (Undiscounted, r"its values of a step before a reward of 1 are 0\.[45]"),
        (Negated, "its values of a reward of 1 at the end are 2"),
        (Endless, "its values of a reward of 1 at the end are"),
    ],
)
def test_a_critic_that_learns_what_is_not_known_is_caught(
    made: type[HonestCritic], sentence: str
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        CriticSuite().test_it_learns_values_that_are_known(Recipe(made=made))
