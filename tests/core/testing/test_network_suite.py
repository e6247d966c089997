"""The suite of networks catches networks that are broken, one by one, and says how."""

import math
from collections.abc import Mapping

import attrs
import pytest
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from genpolicy.network import Network, NetworkRecipe, NetworkSpec
from genpolicy.testing import NetworkSuite


class HonestNetwork(Network):
    """Two layers."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.output_shape = spec.output_shape or spec.sample_shape
        inputs = math.prod(spec.sample_shape) + 8 + spec.times
        self.first = nn.Linear(spec.condition_dim, 8)
        self.body = nn.Linear(inputs, 16)
        self.last = nn.Linear(16, math.prod(self.output_shape))

    def encode(self, condition: Tensor) -> Tensor:
        return torch.tanh(self.first(condition))

    def forward(self, sample: Tensor, context: Tensor, *times: Tensor) -> Tensor:
        rows = len(sample)
        told = [t.expand(rows)[:, None] for t in self.told(times)]
        x = torch.cat([self.seen(sample).flatten(1), context, *told], dim=1)
        output: Tensor = self.last(torch.tanh(self.body(x)))
        return self.shaped(output)

    def told(self, times: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return times

    def seen(self, sample: Tensor) -> Tensor:
        return sample

    def shaped(self, output: Tensor) -> Tensor:
        return output.reshape(-1, *self.output_shape)


class FlatNetwork(HonestNetwork):
    def shaped(self, output: Tensor) -> Tensor:
        return output


class EndlessNetwork(HonestNetwork):
    def shaped(self, output: Tensor) -> Tensor:
        return super().shaped(output) / 0.0


class IdleNetwork(HonestNetwork):
    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__(spec)
        self.idle = nn.Linear(2, 2)


class SeededNetwork(HonestNetwork):
    def __init__(self, spec: NetworkSpec) -> None:
        torch.manual_seed(1)
        super().__init__(spec)


class MixingNetwork(HonestNetwork):
    def seen(self, sample: Tensor) -> Tensor:
        return sample - sample.mean(0)


class DeafNetwork(HonestNetwork):
    def encode(self, condition: Tensor) -> Tensor:
        return torch.tanh(self.first(condition * 0.0))


class TimelessNetwork(HonestNetwork):
    def told(self, times: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(t * 0.0 for t in times)


class SymmetricNetwork(HonestNetwork):
    def told(self, times: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        total = sum(times, start=torch.zeros(()))
        return tuple(total for _ in times)


class CountingNetwork(HonestNetwork):
    """Another one at every encoding."""

    count = 0

    def encode(self, condition: Tensor) -> Tensor:
        self.count += 1
        return super().encode(condition) * self.count


class PatientNetwork(HonestNetwork):
    """Takes as many times as it is built for and forgets the rest."""

    def told(self, times: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        wanted = self.body.in_features - 8 - math.prod(self.output_shape)
        return (*times, *[torch.zeros(()).double()] * wanted)[:wanted]


class _Cut(torch.autograd.Function):
    """The identity with a derivative of twice itself, forwards and backwards."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: object, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def jvp(ctx: object, x: Tensor) -> Tensor:
        return 2.0 * x

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return 2.0 * gradient


class CrookedNetwork(HonestNetwork):
    def seen(self, sample: Tensor) -> Tensor:
        cut: Tensor = _Cut.apply(sample)  # type: ignore[no-untyped-call]
        return cut


class _Once(_Cut):
    """Has no derivative of its derivative."""

    @staticmethod
    @once_differentiable
    def backward(ctx: object, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient


class OnceNetwork(HonestNetwork):
    def shaped(self, output: Tensor) -> Tensor:
        cut: Tensor = _Once.apply(output)  # type: ignore[no-untyped-call]
        return super().shaped(cut)


class HiddenNetwork(HonestNetwork):
    """Keeps something that is in no state dict."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__(spec)
        self.register_buffer("hidden", torch.rand(()), persistent=False)

    def shaped(self, output: Tensor) -> Tensor:
        return super().shaped(output * self.hidden)


class ReadingNetwork(HonestNetwork):
    def seen(self, sample: Tensor) -> Tensor:
        return sample * float(sample.sum() < torch.inf)


@attrs.frozen(kw_only=True)
class Recipe(NetworkRecipe):
    made: type[HonestNetwork] = HonestNetwork

    def build(self, spec: NetworkSpec) -> Network:
        return self.made(spec)


BROKEN: Mapping[str, tuple[type[HonestNetwork], str]] = {
    "the_output_has_the_shape_that_is_asked_for": (
        FlatNetwork,
        r"gives \(5, 8\), not \(5, 4, 2\)",
    ),
    "gradients_reach_every_weight": (IdleNetwork, "idle.weight gets no gradient"),
    "fresh_weights_follow_torchs_seed": (SeededNetwork, "every seed, same weights"),
    "a_rows_output_is_its_own": (MixingNetwork, "beside it a row's output moves by"),
    "every_input_matters": (DeafNetwork, "its output does not depend on the condition"),
    "one_encoding_serves_every_time": (CountingNetwork, "encoding again changes it"),
    "a_wrong_number_of_times_is_refused": (
        PatientNetwork,
        "built for 1 times, it takes 2 without a word",
    ),
    "its_forward_mode_derivative_is_right": (CrookedNetwork, "not close"),
    "its_state_dict_is_all_of_it": (HiddenNetwork, "takes over the state has another output"),
}


@pytest.mark.parametrize("check", BROKEN)
def test_a_broken_network_is_caught(check: str) -> None:
    made, sentence = BROKEN[check]
    with pytest.raises(AssertionError, match=sentence):
        getattr(NetworkSuite(), f"test_{check}")(Recipe(made=made))


@pytest.mark.parametrize(
    "check", [*BROKEN, "the_gradient_of_its_gradient_is_right", "it_reads_no_value_on_the_host"]
)
def test_an_honest_network_passes(check: str) -> None:
    getattr(NetworkSuite(), f"test_{check}")(Recipe())


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (TimelessNetwork, "its output does not depend on the first time"),
        (SymmetricNetwork, "it does not tell its two times apart"),
    ],
)
def test_times_that_do_not_count_are_caught(made: type[HonestNetwork], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        NetworkSuite().test_every_input_matters(Recipe(made=made))


def test_what_is_not_finite_or_read_on_the_host_is_caught() -> None:
    with pytest.raises(AssertionError, match="gives what is not finite"):
        NetworkSuite().test_the_output_has_the_shape_that_is_asked_for(Recipe(made=EndlessNetwork))
    with pytest.raises(RuntimeError, match="meta"):
        NetworkSuite().test_it_reads_no_value_on_the_host(Recipe(made=ReadingNetwork))


def test_a_gradient_that_can_be_taken_once_alone_is_caught() -> None:
    with pytest.raises(AssertionError, match=r"it is -?0\.\d+, by finite differences"):
        NetworkSuite().test_the_gradient_of_its_gradient_is_right(Recipe(made=OnceNetwork))
