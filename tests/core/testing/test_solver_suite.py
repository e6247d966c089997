"""The suite of solvers catches solvers that are broken, one by one, and says how."""

from collections.abc import Callable, Mapping

import attrs
import pytest
import torch
from torch import Tensor

from genpolicy.backbone import OneStepBackbone, VelocityBackbone
from genpolicy.path import LinearPath
from genpolicy.recipe import option
from genpolicy.solver import DifferentiableSolver, Solver
from genpolicy.testing import SolverSuite
from genpolicy.testing.models import GaussianMap, narrowed

Break = Callable[[Tensor], Tensor]


@attrs.frozen(kw_only=True)
class Honest(DifferentiableSolver):
    """Euler's method."""

    steps: int = option(10, help="steps", ge=1)

    def sample(
        self,
        policy: VelocityBackbone,
        condition: Tensor,
        noise: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        field, x = policy.field(condition), noise
        start, end = policy.time_span
        for index in range(self.steps):
            t = x.new_full((), start + (end - start) * index / self.steps)
            x = x + (end - start) / self.steps * self.slope(field(x, t), generator)
        return self.broken(x)

    def slope(self, velocity: Tensor, generator: torch.Generator | None) -> Tensor:
        return velocity

    def broken(self, x: Tensor) -> Tensor:
        return x


class Short(Honest):
    """Goes nine tenths of every step."""

    def slope(self, velocity: Tensor, generator: torch.Generator | None) -> Tensor:
        return 0.9 * velocity


class Noisy(Honest):
    """Ignores the generator."""

    def slope(self, velocity: Tensor, generator: torch.Generator | None) -> Tensor:
        return velocity + 0.01 * torch.randn_like(velocity)


class Fixed(Honest):
    """Draws from a source of its own where no generator is given."""

    def slope(self, velocity: Tensor, generator: torch.Generator | None) -> Tensor:
        source = torch.Generator().manual_seed(0) if generator is None else generator
        return velocity + 5.0 * torch.randn(velocity.shape, generator=source, dtype=velocity.dtype)


class Wide(Honest):
    """Has 6 % too much spread."""

    def slope(self, velocity: Tensor, generator: torch.Generator | None) -> Tensor:
        noise = torch.randn(velocity.shape, generator=generator, dtype=velocity.dtype)
        return velocity + 0.16 * self.steps**0.5 * noise


class Leaning(Honest):
    """Draws noise, and moves two dimensions by what cancels out."""

    def slope(self, velocity: Tensor, generator: torch.Generator | None) -> Tensor:
        noise = torch.randn(velocity.shape, generator=generator, dtype=velocity.dtype)
        return velocity + 0.01 * noise

    def broken(self, x: Tensor) -> Tensor:
        return x + x.new_tensor([0.06, -0.06])


class Centred(Honest):
    """Moves every row by the mean of all."""

    def broken(self, x: Tensor) -> Tensor:
        return x - 0.1 * x.mean(0)


class Placed(Honest):
    """Knows where in the batch a row stands."""

    def broken(self, x: Tensor) -> Tensor:
        return x + torch.arange(len(x), device=x.device)[:, None] * 0.1


class Swapped(Honest):
    """Gives every row the sample of another."""

    def broken(self, x: Tensor) -> Tensor:
        return x.flip(0)


class Cut(Honest):
    """Forgets what it came from."""

    def broken(self, x: Tensor) -> Tensor:
        return x.detach() + 0.0 * x


class Single(Honest):
    """Knows one precision alone."""

    def broken(self, x: Tensor) -> Tensor:
        return x.float()


class Reading(Honest):
    """Looks at a value."""

    def broken(self, x: Tensor) -> Tensor:
        return x * float(x.sum() < torch.inf)


class Flat(Honest):
    """Takes samples for vectors."""

    def broken(self, x: Tensor) -> Tensor:
        return x.flatten(1)


class Endless(Honest):
    """Divides by the number of steps but one."""

    def broken(self, x: Tensor) -> Tensor:
        return x + (0.0 * x) / (self.steps - 1) if self.steps > 1 else x / 0.0


@attrs.frozen(kw_only=True)
class Greedy(Solver):
    """Uses a velocity and asks for a jump."""

    def sample(
        self,
        policy: OneStepBackbone,
        condition: Tensor,
        noise: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        assert isinstance(policy, VelocityBackbone), "no velocity"
        return noise


@attrs.frozen(kw_only=True)
class Asking(Honest):
    """Asks for what nobody gives a solver."""

    def sample(  # type: ignore[override]
        self,
        policy: VelocityBackbone,
        condition: Tensor,
        noise: Tensor,
        generator: torch.Generator | None,
        critic: int,
    ) -> Tensor:
        return noise


BROKEN: Mapping[str, tuple[type[Solver], str]] = {
    "the_error_falls_with_the_steps": (
        Short,
        r"its order is -?0\.\d\d, and 1 is claimed: in \(20, 40, 80\) steps",
    ),
    "noise_is_carried_to_the_known_gaussian": (Short, r"on LinearPath.* a sample is 0\.\d+ off"),
    "noise_on_the_way_comes_from_the_generator_or_else_from_torch": (
        Noisy,
        "it uses torch's numbers all the same",
    ),
    "a_sample_is_its_own_rows": (Centred, "condition and noise moves the samples of others"),
    "rows_may_come_in_any_order": (Placed, "not close"),
    "every_candidate_stays_with_its_condition": (Swapped, r"of spread 0.05 lies .* its condition"),
    "its_gradients_are_those_of_finite_differences": (
        Cut,
        r"along the condition it is 0, by finite differences -?\d",
    ),
    "samples_have_the_shape_and_precision_of_the_noise": (
        Flat,
        r"noise \(5, 4, 2\) of torch.float64 becomes \(5, 8\)",
    ),
    "samples_are_finite_in_few_steps_of_single_precision": (
        Endless,
        r"1 steps on LinearPath.* are not finite",
    ),
    "it_makes_do_with_what_it_asks_for": (Greedy, "no velocity"),
    "what_it_asks_of_a_backbone_can_be_read": (Asking, "nobody gives a solver 'critic'"),
}


@pytest.mark.parametrize("check", BROKEN)
def test_a_broken_solver_is_caught(check: str) -> None:
    solver, sentence = BROKEN[check]
    with pytest.raises(AssertionError, match=sentence):
        getattr(SolverSuite(), f"test_{check}")(solver())


@pytest.mark.parametrize("check", sorted({*BROKEN, "it_reads_no_value_on_the_host"}))
def test_an_honest_solver_passes(check: str) -> None:
    class Loose(SolverSuite):
        distance = 0.06  # uniform steps of first order

    getattr(Loose(), f"test_{check}")(Honest())


def test_other_ways_of_being_broken_are_caught() -> None:
    suite = SolverSuite()
    with pytest.raises(AssertionError, match=r"torch\.float64 becomes torch\.float32"):
        suite.test_samples_have_the_shape_and_precision_of_the_noise(Single())
    with pytest.raises(RuntimeError, match="meta"):
        suite.test_it_reads_no_value_on_the_host(Reading())
    with pytest.raises(AssertionError, match="without a generator its noise never changes"):
        suite.test_noise_on_the_way_comes_from_the_generator_or_else_from_torch(Fixed())
    with pytest.raises(AssertionError, match=r"their spread is 1\.06 times the data's"):
        suite.test_noise_is_carried_to_the_known_gaussian(Wide())
    with pytest.raises(AssertionError, match=r"their mean is 0\.0[4-8]\d* off"):
        suite.test_noise_is_carried_to_the_known_gaussian(Leaning())


def test_a_narrowed_model_has_the_abilities_it_is_given_and_no_other() -> None:
    whole = GaussianMap(LinearPath(), [0.5], 0.4)
    narrow = narrowed(whole, OneStepBackbone)
    noise = condition = torch.ones(3, 1).double()
    assert not isinstance(narrow, VelocityBackbone)
    assert isinstance(narrow, OneStepBackbone)
    assert torch.equal(narrow.transport(noise, condition), whole.transport(noise, condition))
