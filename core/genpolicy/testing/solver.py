"""What every solver must do, measured on models whose solutions are known in closed form."""

import math
from itertools import product
from typing import Any, ClassVar

import attrs
import torch
from torch import Tensor

from genpolicy.backbone import Backbone, SampleSpec
from genpolicy.composition.contract import SAMPLE, Need, needs_of
from genpolicy.path import GaussianPath, GVPPath, LinearPath, VEPath, VPPath
from genpolicy.recipe import options_of
from genpolicy.shapes import group_rows, repeat_rows
from genpolicy.solver import DifferentiableSolver, Solver
from genpolicy.testing.companions import companion, small_network
from genpolicy.testing.draws import rows_of_noise_in_order
from genpolicy.testing.models import GaussianMap, narrowed
from genpolicy.testing.rows import ORDER
from genpolicy.testing.slopes import slope_along
from genpolicy.testing.suite import Program, Suite, needs

_PATHS = (LinearPath(), LinearPath(0.1), VPPath(), GVPPath(), VEPath(0.1, 5.0))
_FEW, _MANY, _MANY_NOISY = 3, 128, 512
_COUNTS = (20, 40, 80)
_MEAN, _STD = (0.5, -1.0), 0.4


class SolverSuite(Suite):
    """The checks of a solver.

    It is handed Gaussian data whose velocity and flow map are known. An option ``steps`` is 2 or 3
    where it is tried out and 128 where its samples are measured; options ``rtol`` and ``atol`` are
    small where its gradients are.

    ``distance`` is how far samples of 128 steps may lie from where the exact map sends their noise,
    and the error must fall with nine tenths of the ``convergence`` it claims. Of a solver that
    draws noise on the way, samples of 512 steps are measured: ``distance`` is how far their mean
    may lie from the data's in any dimension, ``spread`` by what share their spread may differ.
    """

    kind: ClassVar[str] = "solver"
    distance: ClassVar[float] = 0.04
    spread: ClassVar[float] = 0.03

    def program(self, part: Solver) -> Program:
        """Return samples of a few rows."""
        solver, model = self._fitting(_in_steps(part, 2), _gaussian())
        condition, noise = _rows(model)
        return Program({"policy": model}, lambda: solver.sample(model, condition, noise, None))

    def test_what_it_asks_of_a_backbone_can_be_read(self, part: Solver) -> None:
        """Which backbones it serves is read from the annotation of `policy` in `sample`."""
        asked = _needs(part)
        assert asked, "sample has no argument `policy`"
        for need in asked:
            assert need.argument == "policy", f"nobody gives a solver {need.argument!r}"
            for member in need.classes:
                assert issubclass(member, Backbone), f"{member.__name__} is no class of backbones"

    def test_it_makes_do_with_what_it_asks_for(self, part: Solver) -> None:
        """A backbone with the ability it asks for, and no other, is refused nowhere."""
        solver, model = self._fitting(_in_steps(part, _FEW), _gaussian())
        condition, noise = _rows(model)
        for abilities in product(*(need.classes for need in _needs(solver))):
            sample = solver.sample(narrowed(model, *abilities), condition, noise, None)
            names = " and ".join(ability.__name__ for ability in abilities)
            assert torch.isfinite(sample).all(), f"its samples of a {names} are not finite"

    def test_samples_have_the_shape_and_precision_of_the_noise(self, part: Solver) -> None:
        """Chunks and plans of actions are samples too, and run in any precision."""
        for shape, dtype in (((2,), torch.float32), ((4, 2), torch.float64)):
            solver, model = self._fitting(_in_steps(part, _FEW), _learned(shape, dtype))
            condition = torch.randn(5, 3, dtype=dtype)
            sample = solver.sample(model, condition, model.draw_noise(condition), None)
            what = f"noise {(5, *shape)} of {dtype}"
            assert sample.shape == (5, *shape), f"{what} becomes {tuple(sample.shape)}"
            assert sample.dtype is dtype, f"{what} becomes {sample.dtype}"

    @torch.no_grad()
    def test_samples_are_finite_in_few_steps_of_single_precision(self, part: Solver) -> None:
        """Policies act in few steps and in 32 bits, where the ends of a path are treacherous."""
        for path in (*_PATHS, VEPath()):
            solver, model = self._fitting(part, _gaussian(path).float())
            condition, noise = _rows(model, dtype=torch.float32)
            for steps in (1, 2, 7):
                sample = _in_steps(solver, steps).sample(model, condition, noise, None)
                assert torch.isfinite(sample).all(), f"{steps} steps on {path} are not finite"

    @torch.no_grad()
    def test_noise_is_carried_to_the_known_gaussian(self, part: Solver) -> None:
        """Whatever a solver does on the way, its samples are those of the model in the limit."""
        for path in _PATHS:
            solver, model = self._fitting(_in_steps(part, _MANY), _gaussian(path))
            if _draws_noise(solver, model):
                self._check_moments(_in_steps(solver, _MANY_NOISY), model)
            else:
                condition, noise = _rows(model)
                samples = solver.sample(model, condition, noise, None)
                found = float((samples - model.carried(noise, condition)).abs().max())
                assert found < self.distance, f"on {path} a sample is {found:.3g} off"

    @torch.no_grad()
    def test_the_error_falls_with_the_steps(self, part: Solver) -> None:
        """More steps must buy accuracy, or nothing but the lowest order is known of it."""
        if "steps" not in options_of(type(part)):
            self.skip("it has no option `steps`")
        solver, model = self._fitting(part, _gaussian(VEPath(0.1, 5.0)))
        if _draws_noise(_in_steps(solver, _FEW), model):
            self.skip("it draws noise on the way; the mean and spread of its samples are measured")
        exact = model.carried(_rows(model)[1], _rows(model)[0])
        found = [_solved(_in_steps(solver, count), model) for count in _COUNTS]
        errors = [float((samples - exact).norm()) for samples in found]
        if errors[0] < 1e-9 or errors[0] == errors[-1] < self.distance:
            return  # it jumps by a map that is exact here, or chooses its steps itself
        order = math.log(errors[0] / errors[-1]) / math.log(_COUNTS[-1] / _COUNTS[0])
        fall = ", ".join(f"{error:.2g}" for error in errors)
        claimed = part.convergence()
        what = f"its order is {order:.2f}, and {claimed:g} is claimed"
        assert order > 0.9 * claimed, f"{what}: in {_COUNTS} steps it errs by {fall}"

    @needs(DifferentiableSolver)
    def test_its_gradients_are_those_of_finite_differences(self, part: Solver) -> None:
        """Objectives climb Q through a solver; a wrong gradient climbs something else."""
        solver, model = self._fitting(_tight(_in_steps(part, _FEW)), _gaussian(VPPath()))
        condition, noise = _rows(model)

        def height(condition: Tensor, noise: Tensor) -> Tensor:
            seeded = torch.Generator().manual_seed(0)
            sample: Tensor = solver.sample(model, condition, noise, seeded)
            return (sample**3).sum()

        leaves = [tensor.clone().requires_grad_() for tensor in (condition, noise)]
        tensors = {"condition": condition, "noise": noise, **_weights(model)}
        targets = [*leaves, *model.parameters()]
        found = torch.autograd.grad(height(*leaves), targets, allow_unused=True)
        for (name, tensor), gradient in zip(tensors.items(), found, strict=True):
            way = torch.randn_like(tensor)
            measured = slope_along(lambda: height(condition, noise), tensor, way)
            given = 0.0 if gradient is None else float((gradient * way).detach().sum())
            close = math.isclose(given, measured, rel_tol=1e-4, abs_tol=1e-4)
            pair = f"{given:.5g}, by finite differences {measured:.5g}"
            assert close, f"along the {name} it is {pair}"

    def test_noise_on_the_way_comes_from_the_generator_or_else_from_torch(
        self, part: Solver
    ) -> None:
        """An evaluation is repeated by its generator, a training run by torch's seed."""
        solver, model = self._fitting(_in_steps(part, _FEW), _gaussian())
        before = torch.get_rng_state()
        one, same = _solved(solver, model, seed=1), _solved(solver, model, seed=1)
        assert torch.equal(torch.get_rng_state(), before), "it uses torch's numbers all the same"
        assert torch.equal(one, same), "the same generator gives other samples"
        first = _solved(solver, model, seed=None)
        torch.set_rng_state(before)
        assert torch.equal(_solved(solver, model, seed=None), first), "torch's seed is not heeded"
        if not torch.equal(one, _solved(solver, model, seed=2)):
            again = _solved(solver, model, seed=None)
            assert not torch.equal(again, first), "without a generator its noise never changes"

    def test_a_sample_is_its_own_rows(self, part: Solver) -> None:
        """What one observation's action is must not hang on which others are in the batch."""
        solver, model = self._fitting(_in_steps(part, _FEW), _gaussian(VPPath()))
        condition, noise = _rows(model)
        before = solver.sample(model, condition, noise, torch.Generator().manual_seed(0))
        condition[0], noise[0] = 3.0, -2.0
        after = solver.sample(model, condition, noise, torch.Generator().manual_seed(0))
        moved = (after - before).abs().amax(1) > 1e-9
        assert moved[0], "its sample does not depend on its condition and noise"
        assert moved.sum() == 1, "changing a row's condition and noise moves the samples of others"

    def test_rows_may_come_in_any_order(self, part: Solver) -> None:
        """A place in the batch must mean nothing."""
        solver, model = self._fitting(_in_steps(part, _FEW), _gaussian(VPPath()))
        (condition, noise), order = _rows(model), torch.tensor(ORDER)
        expected = _solved(solver, model)[order]
        seeded = torch.Generator().manual_seed(0)
        with rows_of_noise_in_order(order):
            found = solver.sample(model, condition[order], noise[order], seeded)
        torch.testing.assert_close(found, expected)

    @torch.no_grad()
    def test_every_candidate_stays_with_its_condition(self, part: Solver) -> None:
        """Several samples per observation are drawn in one batch and gathered again."""
        solver, model = self._fitting(_in_steps(part, 20), GaussianMap(LinearPath(), [0.0], 0.05))
        condition = torch.tensor([[0.0], [10.0], [-5.0]], dtype=torch.float64)
        rows = repeat_rows(condition, 4)
        samples = group_rows(solver.sample(model, rows, model.draw_noise(rows), None), 4)
        assert samples.shape == (3, 4, 1), f"4 samples of 3 conditions are {tuple(samples.shape)}"
        apart = float((samples - condition[:, None]).abs().max())
        assert apart < 1.0, f"a sample of spread 0.05 lies {apart:.2g} from its condition"

    def test_it_reads_no_value_on_the_host(self, part: Solver) -> None:
        """On a GPU, `.item()`, a branch on a tensor or a copy makes every step wait."""
        solver, model = self._fitting(_in_steps(part, _FEW), _gaussian().to("meta"))
        noise = condition = torch.zeros(5, 2, dtype=torch.float64, device="meta")
        sample = solver.sample(model, condition, noise, None)
        assert sample.device.type == "meta", f"samples lie on {sample.device}"

    @torch.no_grad()
    def test_it_is_the_same_on_cuda(self, part: Solver) -> None:
        """A tensor made on the CPU inside a step fails there, or slows every step."""
        if not torch.cuda.is_available():
            self.skip("there is no GPU here")
        solver, model = self._fitting(_in_steps(part, _FEW), _gaussian(VPPath()))
        expected, (condition, noise) = _solved(solver, model, seed=1), _rows(model)
        there, seeded = [t.to("cuda") for t in (condition, noise)], torch.Generator().manual_seed(1)
        found = solver.sample(model.to("cuda"), *there, seeded)
        torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-4)

    def _fitting(self, part: Solver, model: Any) -> tuple[Solver, Any]:
        """Return solver and model, if it is one that the solver can serve."""
        for need in _needs(part):
            if not need.met_by(type(model)):
                self.skip(f"no model here is one that {need.in_words()}")
        return part, model

    def _check_moments(self, solver: Solver, model: GaussianMap) -> None:
        """Check the law of samples whose noise on the way nobody knows.

        They start from the model's own law there: what the prior is off is no fault of a solver's.
        """
        (condition, noise), path = _rows(model, 4000), model.path
        start, end = (noise.new_tensor(time) for time in model.time_span)
        centre, scale = condition + model.mean, model.spread(start) / model.prior_std
        x = path.alpha(start) * centre + scale * noise
        samples = solver.sample(model, condition, x, torch.Generator().manual_seed(0))
        apart = samples - path.alpha(end) * centre
        off, wide = float(apart.mean(0).abs().max()), float(apart.std() / model.spread(end))
        assert off < self.distance, f"on {path} their mean is {off:.3g} off"
        sentence = f"on {path} their spread is {wide:.3g} times the data's"
        assert abs(wide - 1.0) < self.spread, sentence


def _needs(part: Solver) -> list[Need]:
    return needs_of(part.sample, "the solver", SAMPLE)


def _in_steps(part: Solver, steps: int) -> Solver:
    """Return the solver with as many steps, if it has the option."""
    return _with_known(part, steps=steps)


def _tight(part: Solver) -> Solver:
    """Return an adaptive solver whose choice of steps moves its samples by next to nothing."""
    return _with_known(part, rtol=1e-7, atol=1e-7)


def _with_known(part: Solver, **options: float) -> Solver:
    known = options_of(type(part))
    return attrs.evolve(part, **{key: options[key] for key in options if key in known})


def _gaussian(path: GaussianPath | None = None) -> GaussianMap:
    return GaussianMap(path or GVPPath(), _MEAN, _STD)


def _learned(shape: tuple[int, ...], dtype: torch.dtype) -> Backbone:
    """Return a learned flow map that knows its velocity."""
    spec = SampleSpec(sample_shape=shape, condition_dim=3)
    model: Backbone = companion("backbone", "shortcut").build(spec, small_network())
    return model.to(dtype)


def _rows(
    model: Backbone, rows: int = 5, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """Return conditions and noise, the same for the same model and rows."""
    generator = torch.Generator().manual_seed(1)
    condition = torch.randn(rows, 2, generator=generator).to(dtype)
    return condition, model.draw_noise(condition, generator)


def _solved(solver: Solver, model: Backbone, rows: int = 5, seed: int | None = 0) -> Tensor:
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    condition, noise = _rows(model, rows)
    with torch.no_grad():
        sample: Tensor = solver.sample(model, condition, noise, generator)
    return sample


def _draws_noise(solver: Solver, model: Backbone) -> bool:
    return not torch.equal(*(_solved(solver, model, seed=seed) for seed in (1, 2)))


def _weights(model: Backbone) -> dict[str, Tensor]:
    return {f"weight {name}": weight.data for name, weight in model.named_parameters()}
