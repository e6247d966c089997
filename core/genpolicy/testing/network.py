"""What every network must do for the backbones around it."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import ClassVar

import torch
from torch import Tensor

from genpolicy.network import Network, NetworkRecipe, NetworkSpec
from genpolicy.testing.rows import check_rows
from genpolicy.testing.slopes import slope_along
from genpolicy.testing.suite import Program, Suite

_STEP = 1e-6


class NetworkSuite(Suite):
    """The checks of a network.

    Except where fresh weights are looked at, they are moved a little first: what starts at zero
    may hide what lies behind it.
    """

    kind: ClassVar[str] = "network"

    def program(self, part: NetworkRecipe) -> Program:
        """Return the output of a few rows."""
        network, inputs = _build(part, NetworkSpec(sample_shape=(2,), condition_dim=3)), _inputs()
        return Program({"network": network}, lambda: _evaluated(network, *inputs))

    def test_the_output_has_the_shape_that_is_asked_for(self, part: NetworkRecipe) -> None:
        """Backbones ask for actions and for chunks, and for no, one or two times."""
        for spec in _specs():
            output = _evaluated(_build(part, spec), *_inputs(spec))
            wanted = (5, *(spec.output_shape or spec.sample_shape))
            assert output.shape == wanted, f"{spec} gives {tuple(output.shape)}, not {wanted}"
            assert torch.isfinite(output).all(), f"{spec} gives what is not finite"

    def test_gradients_reach_every_weight(self, part: NetworkRecipe) -> None:
        """A weight without a gradient never learns, and nobody notices."""
        for spec in _specs():
            network = _build(part, spec)
            _evaluated(network, *_inputs(spec)).square().sum().backward()  # type: ignore[no-untyped-call]
            for key, weight in network.named_parameters():
                if weight.requires_grad:
                    assert weight.grad is not None, f"{key} gets no gradient with {spec}"
                    assert torch.isfinite(weight.grad).all(), f"{key}'s gradient is not finite"
                    assert weight.grad.any(), f"{key}'s gradient is 0 with {spec}"

    def test_fresh_weights_follow_torchs_seed(self, part: NetworkRecipe) -> None:
        """A run is repeated by its seed, and several seeds are several networks."""
        spec, states = NetworkSpec(sample_shape=(2,), condition_dim=3), []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            states.append(part.build(spec).state_dict())
        one, same, other = states
        assert all(torch.equal(one[key], same[key]) for key in one), "one seed, other weights"
        assert any(not torch.equal(one[key], other[key]) for key in one), "every seed, same weights"

    def test_a_rows_output_is_its_own(self, part: NetworkRecipe) -> None:
        """Rows of a batch are samples of different data, in any order and of any number."""
        for spec in _specs():
            evaluated = partial(_evaluated, _build(part, spec).eval())
            check_rows(evaluated, *_inputs(spec), what="output")

    def test_every_input_matters(self, part: NetworkRecipe) -> None:
        """A condition or a time that is not heard trains without a word to the same for all."""
        spec = NetworkSpec(sample_shape=(2,), condition_dim=3, times=2)
        network, inputs = _build(part, spec).eval(), _inputs(spec)
        before = _evaluated(network, *inputs)
        for index, name in enumerate(("sample", "condition", "first time", "second time")):
            changed = [*inputs[:index], inputs[index] + 0.1, *inputs[index + 1 :]]
            moved = (_evaluated(network, *changed) - before).abs().amax(1)
            assert (moved > 1e-9).all(), f"its output does not depend on the {name}"
        sample, condition, t, s = inputs
        swapped = _evaluated(network, sample, condition, s, t)
        assert not torch.allclose(swapped, before), "it does not tell its two times apart"

    def test_one_encoding_serves_every_time(self, part: NetworkRecipe) -> None:
        """What the condition contributes is computed once per solve, not at every step."""
        network = _build(part, NetworkSpec(sample_shape=(2,), condition_dim=3)).eval()
        sample, condition, _ = _inputs()
        context = network.encode(condition)
        assert len(context) == 5, f"5 conditions are encoded as {tuple(context.shape)}"
        for t in sample.new_tensor([0.0, 0.4, 1.0]):
            again = _evaluated(network, sample, condition, t)
            assert torch.equal(network(sample, context, t), again), "encoding again changes it"

    def test_a_time_may_be_one_for_all_rows(self, part: NetworkRecipe) -> None:
        """Solvers tell one time for the whole batch, losses one for every row."""
        for times in (1, 2):
            spec = NetworkSpec(sample_shape=(4, 2), condition_dim=3, times=times)
            network, (sample, condition, *told) = _build(part, spec).eval(), _inputs(spec)
            single = [t[0] for t in told]
            one = _evaluated(network, sample, condition, *single)
            each = _evaluated(network, sample, condition, *(t.expand(5) for t in single))
            torch.testing.assert_close(one, each)

    def test_a_wrong_number_of_times_is_refused(self, part: NetworkRecipe) -> None:
        """A time that is dropped in silence is a bug that still trains."""
        for built, told in ((1, 2), (1, 0), (0, 1), (2, 1)):
            spec = NetworkSpec(sample_shape=(2,), condition_dim=3, times=built)
            other = NetworkSpec(sample_shape=(2,), condition_dim=3, times=told)
            try:
                _evaluated(_build(part, spec), *_inputs(other))
            except Exception:
                continue
            raise AssertionError(f"built for {built} times, it takes {told} without a word")

    def test_its_forward_mode_derivative_is_right(self, part: NetworkRecipe) -> None:
        """Average velocities learn from the derivative along their own path (`torch.func.jvp`)."""
        for spec in _specs():
            network, (sample, condition, *told) = _build(part, spec).eval(), _inputs(spec)
            at, context = (sample, *told), network.encode(condition)
            way = tuple(torch.randn_like(values) for values in at)

            def evaluated(
                x: Tensor, *t: Tensor, network: Network = network, context: Tensor = context
            ) -> Tensor:
                output: Tensor = network(x, context, *t)
                return output

            found = torch.func.jvp(evaluated, at, way)[1]
            ahead, behind = (
                evaluated(*(x + step * w for x, w in zip(at, way, strict=True)))
                for step in (_STEP, -_STEP)
            )
            known = (ahead - behind) / (2 * _STEP)
            torch.testing.assert_close(found, known, rtol=1e-4, atol=1e-5)

    def test_the_gradient_of_its_gradient_is_right(self, part: NetworkRecipe) -> None:
        """A log-density holds the divergence, and to train by it is to differentiate twice."""
        spec = NetworkSpec(sample_shape=(2,), condition_dim=3)
        network, (sample, *rest) = _build(part, spec).eval(), _inputs(spec)
        weight = max(network.parameters(), key=Tensor.numel)
        way = torch.randn_like(weight)

        def roughness() -> Tensor:
            with torch.enable_grad():
                x = sample.clone().requires_grad_()
                output = _evaluated(network, x, *rest).square().sum()
                (gradient,) = torch.autograd.grad(output, x, create_graph=True)
                return gradient.square().sum()

        (second,) = torch.autograd.grad(roughness(), weight)
        found, known = (
            float((second * way).detach().sum()),
            slope_along(roughness, weight.data, way),
        )
        close = math.isclose(found, known, rel_tol=1e-4, abs_tol=1e-6)
        assert close, f"it is {found:.6g}, by finite differences {known:.6g}"

    def test_its_state_dict_is_all_of_it(self, part: NetworkRecipe) -> None:
        """Checkpoints and saved agents hold the state dict and nothing else."""
        spec = NetworkSpec(sample_shape=(2,), condition_dim=3)
        network = _build(part, spec).eval()
        torch.manual_seed(7)
        other = part.build(spec).double().eval()
        other.load_state_dict(network.state_dict())
        outputs = [_evaluated(each, *_inputs(spec)) for each in (network, other)]
        assert torch.equal(*outputs), "a network that takes over the state has another output"

    def test_it_reads_no_value_on_the_host(self, part: NetworkRecipe) -> None:
        """On a GPU, `.item()`, a branch on a tensor or a copy makes every step wait."""
        for spec in _specs():
            inputs = (values.to("meta") for values in _inputs(spec))
            output = _evaluated(_build(part, spec).to("meta"), *inputs)
            assert output.device.type == "meta", f"the output lies on {output.device}"

    @torch.no_grad()
    def test_it_is_the_same_on_cuda(self, part: NetworkRecipe) -> None:
        """A tensor made on the CPU inside a network fails there, or slows every step."""
        if not torch.cuda.is_available():
            self.skip("there is no GPU here")
        for spec in _specs():
            network, inputs = _build(part, spec).eval(), _inputs(spec)
            expected = _evaluated(network, *inputs)
            found = _evaluated(network.to("cuda"), *(values.to("cuda") for values in inputs))
            torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-4)


def _specs() -> Iterator[NetworkSpec]:
    """Yield what backbones ask for: actions and chunks, with any times; and other outputs."""
    for shape, times in product(((2,), (4, 2)), (0, 1, 2)):
        yield NetworkSpec(sample_shape=shape, condition_dim=3, times=times)
    for output in ((3,), (4, 5), (2, 2)):
        yield NetworkSpec(sample_shape=(4, 2), condition_dim=3, output_shape=output, turns=1.0)


def _build(part: NetworkRecipe, spec: NetworkSpec) -> Network:
    torch.manual_seed(0)
    network = part.build(spec).double()
    for weight in network.parameters():
        weight.data.add_(0.05 * torch.randn_like(weight))
    return network


def _inputs(spec: NetworkSpec | None = None) -> tuple[Tensor, ...]:
    """Return five samples, conditions and as many times as the network is told."""
    shape, times = (spec.sample_shape, spec.times) if spec else ((2,), 1)
    generator = torch.Generator().manual_seed(1)
    sample, condition = (torch.randn(5, *s, generator=generator) for s in (shape, (3,)))
    told = torch.rand(times, 5, generator=generator)
    return tuple(values.double() for values in (sample, condition, *told))


def _evaluated(network: Network, sample: Tensor, condition: Tensor, *times: Tensor) -> Tensor:
    output: Tensor = network(sample, network.encode(condition), *times)
    return output
