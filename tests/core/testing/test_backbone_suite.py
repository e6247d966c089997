"""The suite of backbones catches backbones that are broken, one by one, and says how."""

from collections.abc import Mapping

import attrs
import pytest
import torch
from torch import Tensor, nn

from genpolicy.backbone import (
    Backbone,
    BackboneRecipe,
    Field,
    FlowMapBackbone,
    GaussianPathBackbone,
    SampleSpec,
)
from genpolicy.network import Network, NetworkRecipe, NetworkSpec
from genpolicy.path import LinearPath
from genpolicy.shapes import expand, sum_rows
from genpolicy.testing import BackboneSuite


class HonestModel(GaussianPathBackbone, FlowMapBackbone):
    """A flow that jumps by one step of Euler."""

    def __init__(self, sample_shape: tuple[int, ...], network: Network) -> None:
        super().__init__(sample_shape, LinearPath())
        self.network = network

    def field(self, condition: Tensor) -> Field:
        context = self.network.encode(condition)
        return lambda x, t: self.network(x, context, t)

    def jump(self, x_t: Tensor, t: Tensor, s: Tensor, condition: Tensor) -> Tensor:
        return x_t + expand(s - t, x_t) * self.velocity(x_t, t, condition)

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        noise, t = torch.randn_like(sample), self.path.sample_time(sample)
        x_t = self.path.interpolate(sample, noise, t)
        error = self.velocity(x_t, t, condition) - self.path.velocity(sample, noise, t)
        return self.reduced(error)

    def reduced(self, error: Tensor) -> Tensor:
        return 0.5 * sum_rows(error**2)


class Averaged(HonestModel):
    """Has one loss for the whole batch."""

    def reduced(self, error: Tensor) -> Tensor:
        return super().reduced(error).mean()


class Flat(HonestModel):
    """Forgets to sum over a sample's dimensions."""

    def reduced(self, error: Tensor) -> Tensor:
        return error**2


class Endless(HonestModel):
    def reduced(self, error: Tensor) -> Tensor:
        return super().reduced(error).log().log()


class Leaking(HonestModel):
    """Tells every row how the others did."""

    def reduced(self, error: Tensor) -> Tensor:
        loss = super().reduced(error)
        return loss + 0.1 * loss.mean()


class Placed(HonestModel):
    """Knows where in the batch a row stands."""

    def reduced(self, error: Tensor) -> Tensor:
        loss = super().reduced(error)
        return loss * torch.arange(1, 1 + len(loss), device=loss.device)


class Frozen(HonestModel):
    """Has a weight that no loss reaches."""

    def __init__(self, sample_shape: tuple[int, ...], network: Network) -> None:
        super().__init__(sample_shape, network)
        self.idle = nn.Parameter(torch.ones(2))


class Reading(HonestModel):
    def reduced(self, error: Tensor) -> Tensor:
        return super().reduced(error) * float(error.sum() < torch.inf)


class Hidden(HonestModel):
    """Keeps its number of steps where no checkpoint finds it."""

    steps = 1

    def after_step(self, progress: float) -> None:
        self.steps += 1

    def reduced(self, error: Tensor) -> Tensor:
        return super().reduced(error) * self.steps


class Wide(HonestModel):
    """Starts from other noise than it says."""

    def draw_noise(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return 1.5 * super().draw_noise(condition, generator)


class Global(HonestModel):
    """Ignores the generator."""

    def draw_noise(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return super().draw_noise(condition)


class Moving(HonestModel):
    """Moves in no time."""

    def jump(self, x_t: Tensor, t: Tensor, s: Tensor, condition: Tensor) -> Tensor:
        return super().jump(x_t, t, s, condition) + 0.1


class Slow(HonestModel):
    """Jumps half as far as its velocity goes."""

    def jump(self, x_t: Tensor, t: Tensor, s: Tensor, condition: Tensor) -> Tensor:
        return 0.5 * (x_t + super().jump(x_t, t, s, condition))


class Mixing(HonestModel):
    """Has a velocity of the whole batch."""

    def field(self, condition: Tensor) -> Field:
        field = super().field(condition)
        return lambda x, t: field(x - x.mean(0), t)


class Deaf(HonestModel):
    """Does not hear its condition."""

    def field(self, condition: Tensor) -> Field:
        return super().field(0.0 * condition)


class Rash(HonestModel):
    """Does not hear its condition when it jumps."""

    def jump(self, x_t: Tensor, t: Tensor, s: Tensor, condition: Tensor) -> Tensor:
        return super().jump(x_t, t, s, 0.0 * condition)


class Dropping(HonestModel):
    """Drops some of what it is told while it learns, which is no fault."""

    def __init__(self, sample_shape: tuple[int, ...], network: Network) -> None:
        super().__init__(sample_shape, network)
        self.drop = nn.Dropout(0.2)

    def field(self, condition: Tensor) -> Field:
        return super().field(self.drop(condition))


class Learning(HonestModel):
    """Minds being sampled from as if it still learned."""

    def draw_noise(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        assert not self.training
        return super().draw_noise(condition, generator)


class Steep(HonestModel):
    """Has a velocity that is infinite at the end."""

    def field(self, condition: Tensor) -> Field:
        field = super().field(condition)
        return lambda x, t: field(x, t) / expand(1.0 - t, x)


class Biased(HonestModel):
    """Expects data that do not follow from its velocity."""

    def denoiser(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        return super().denoiser(x_t, t, condition) + 0.1


class Lazy(HonestModel):
    """Learns next to nothing."""

    def reduced(self, error: Tensor) -> Tensor:
        return 1e-12 * super().reduced(error).clamp(max=1e-3) + 0.0 * error.flatten(1).sum(1)


class Plain(Backbone):
    """Is less than was promised."""

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        return sum_rows(sample)


@attrs.frozen(kw_only=True)
class Recipe(BackboneRecipe):
    made: type[HonestModel] = HonestModel

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> HonestModel:
        net = NetworkSpec(sample_shape=spec.sample_shape, condition_dim=spec.condition_dim)
        return self.made(spec.sample_shape, network.build(net))


@attrs.frozen(kw_only=True)
class Boasting(Recipe):
    def build(self, spec: SampleSpec, network: NetworkRecipe) -> HonestModel:
        return Plain(spec.sample_shape)  # type: ignore[return-value]


BROKEN: Mapping[str, tuple[type[HonestModel], str]] = {
    "the_loss_is_one_finite_number_per_row": (
        Averaged,
        r"five samples of \(2,\) give a loss of \(\)",
    ),
    "its_gradient_reaches_every_weight": (Frozen, "idle gets no gradient"),
    "a_rows_loss_is_its_own": (Leaking, "changing one row's sample changes the loss of others"),
    "rows_may_come_in_any_order": (Placed, "not close"),
    "a_row_of_weight_zero_teaches_nothing": (Leaking, "not close"),
    "its_state_dict_is_all_of_it": (Hidden, "takes over the state has another loss"),
    "noise_is_one_row_per_condition_of_the_spread_it_states": (
        Wide,
        r"its spread is 1\.5\d+ times prior_std",
    ),
    "noise_comes_from_the_generator_that_is_given": (Global, "torch's global numbers are used"),
    "the_end_of_the_path_is_sent_to_itself": (Moving, "not close"),
    "a_jump_in_no_time_goes_nowhere": (Moving, "not close"),
    "a_short_jump_follows_the_velocity": (Slow, "not close"),
    "a_rows_velocity_is_its_own": (Mixing, "beside it a row's place moves"),
    "every_row_of_noise_is_sent_to_its_own_sample": (Mixing, "beside it a row's place moves"),
    "every_row_jumps_by_itself_at_its_own_times": (Mixing, "beside it a row's jump moves"),
    "the_velocity_is_finite_at_both_ends": (Steep, r"at time 1\.0 it is not finite"),
    "the_denoiser_follows_from_the_velocity": (Biased, "not close"),
    "denoiser_and_score_agree": (Biased, "not close"),
}


@pytest.mark.parametrize("check", BROKEN)
def test_a_broken_backbone_is_caught(check: str) -> None:
    made, sentence = BROKEN[check]
    with pytest.raises(AssertionError, match=sentence):
        getattr(BackboneSuite(), f"test_{check}")(Recipe(made=made))


@pytest.mark.parametrize(
    "check", [*BROKEN, "the_loss_reads_no_value_on_the_host", "its_density_integrates_to_one"]
)
def test_an_honest_backbone_passes(check: str) -> None:
    getattr(BackboneSuite(), f"test_{check}")(Recipe())


@pytest.mark.parametrize(
    ("check", "made"),
    [
        ("a_rows_velocity_is_its_own", Deaf),
        ("every_row_of_noise_is_sent_to_its_own_sample", Rash),
        ("every_row_jumps_by_itself_at_its_own_times", Rash),
    ],
)
def test_a_condition_that_is_not_heard_is_caught(check: str, made: type[HonestModel]) -> None:
    with pytest.raises(AssertionError, match="where a row is sent does not depend on its cond"):
        getattr(BackboneSuite(), f"test_{check}")(Recipe(made=made))


ACTING = [
    "every_row_of_noise_is_sent_to_its_own_sample",
    "the_end_of_the_path_is_sent_to_itself",
    "every_row_jumps_by_itself_at_its_own_times",
    "a_short_jump_follows_the_velocity",
    "a_rows_velocity_is_its_own",
    "its_density_integrates_to_one",
    "the_denoiser_follows_from_the_velocity",
    "denoiser_and_score_agree",
]


@pytest.mark.parametrize("check", ACTING)
def test_dropout_is_off_where_a_model_is_read(check: str) -> None:
    getattr(BackboneSuite(), f"test_{check}")(Recipe(made=Dropping))


def test_dropout_is_off_where_samples_are_drawn() -> None:
    class Brief(BackboneSuite):
        steps = 1
        distance = 10.0

    Brief().test_it_learns_a_mixture_on_a_line(Recipe(made=Learning))


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (Flat, r"give a loss of \(5, 2\)"),
        (Endless, r"the loss of samples of \(2,\) is \["),
    ],
)
def test_losses_that_are_none_are_caught(made: type[HonestModel], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        BackboneSuite().test_the_loss_is_one_finite_number_per_row(Recipe(made=made))


def test_what_is_read_on_the_host_is_caught() -> None:
    with pytest.raises(RuntimeError, match="meta"):
        BackboneSuite().test_the_loss_reads_no_value_on_the_host(Recipe(made=Reading))


def test_a_build_that_promises_more_than_it_makes_is_caught() -> None:
    with pytest.raises(AssertionError, match="Plain is no HonestModel"):
        BackboneSuite().test_it_is_what_build_promises(Boasting())


def test_a_model_that_does_not_learn_is_caught() -> None:
    class Short(BackboneSuite):
        steps = 20

    with pytest.raises(AssertionError, match=r"its distance is 0\.\d+, not below 0\.02"):
        Short().test_it_learns_a_mixture_on_a_line(Recipe(made=Lazy))
