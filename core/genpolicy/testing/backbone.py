"""What every backbone must do, and what its abilities promise on top."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from genpolicy.backbone import (
    Backbone,
    BackboneRecipe,
    ConsistencyBackbone,
    DenoiserBackbone,
    FlowMapBackbone,
    GaussianPathBackbone,
    OneStepBackbone,
    SampleSpec,
    VelocityBackbone,
)
from genpolicy.comparison.distances import energy_distance
from genpolicy.composition.contract import provided_class
from genpolicy.density import sample_with_log_prob
from genpolicy.testing.companions import companion, named_solver, small_network
from genpolicy.testing.draws import rows_of_noise_in_order
from genpolicy.testing.rows import ORDER, SHAPES, check_rows
from genpolicy.testing.suite import Program, Suite, needs


class BackboneSuite(Suite):
    """The checks of a backbone.

    ``distance`` is how near it must come to a mixture of two Gaussians on a line: the squared
    energy distance of its samples, when a network of two layers of 48 was trained on it for
    ``steps`` steps of 256 samples. Fresh points of the mixture have less than 0.001; the best
    single Gaussian has 0.075.
    """

    kind: ClassVar[str] = "backbone"
    distance: ClassVar[float] = 0.02
    steps: ClassVar[int] = 1000

    def program(self, part: BackboneRecipe) -> Program:
        """Return the loss of a few rows."""
        model, (sample, condition) = _build(part), _rows()
        return Program({"policy": model}, lambda: model.matching_loss(sample, condition))

    def test_it_is_what_build_promises(self, part: BackboneRecipe) -> None:
        """Which objectives and solvers go with it is read from the annotation of `build`."""
        promised, model = provided_class(type(part)), _build(part)
        assert isinstance(model, promised), f"{type(model).__name__} is no {promised.__name__}"

    def test_the_loss_is_one_finite_number_per_row(self, part: BackboneRecipe) -> None:
        """Objectives weigh every sample's loss by what its action is worth, then average."""
        for shape in SHAPES:
            loss = _build(part, shape).matching_loss(*_rows(shape))
            assert loss.shape == (5,), f"five samples of {shape} give a loss of {tuple(loss.shape)}"
            assert torch.isfinite(loss).all(), f"the loss of samples of {shape} is {loss.tolist()}"

    def test_its_gradient_reaches_every_weight(self, part: BackboneRecipe) -> None:
        """A weight without a gradient never learns, and nobody notices."""
        for shape in SHAPES:
            model = _build(part, shape)
            model.matching_loss(*_rows(shape)).mean().backward()  # type: ignore[no-untyped-call]
            for key, weight in model.named_parameters():
                if weight.requires_grad:
                    assert weight.grad is not None, f"{key} gets no gradient"
                    assert torch.isfinite(weight.grad).all(), f"{key}'s gradient is not finite"
                    assert weight.grad.any(), f"{key}'s gradient is 0"

    def test_a_rows_loss_is_its_own(self, part: BackboneRecipe) -> None:
        """The weight that an objective gives a row must meet that row's sample and no other's."""
        model, rows = _build(part), _rows()
        before = _seeded_loss(model, *rows)
        for changed in range(2):
            pair = [tensor.clone() for tensor in rows]
            pair[changed][1] += 1.0
            moved = (_seeded_loss(model, *pair) - before).abs() > 1e-12
            what = ("sample", "condition")[changed]
            assert moved[1], f"its loss does not depend on the {what}"
            assert moved.sum() == 1, f"changing one row's {what} changes the loss of others"

    def test_rows_may_come_in_any_order(self, part: BackboneRecipe) -> None:
        """Batches are shuffled; a place in the batch must mean nothing."""
        model, (sample, condition) = _build(part), _rows()
        order = torch.tensor(ORDER)
        expected = _seeded_loss(model, sample, condition)[order]
        with rows_of_noise_in_order(order):
            found = _seeded_loss(model, sample[order], condition[order])
        torch.testing.assert_close(found, expected)

    def test_a_row_of_weight_zero_teaches_nothing(self, part: BackboneRecipe) -> None:
        """An objective leaves a sample out by weighing it with 0."""
        model, (sample, condition) = _build(part), _rows()
        weight = torch.tensor([1.0, 0.0, 2.0, 1.0, 1.0]).double()
        expected = _weighted_gradient(model, weight, sample, condition)
        sample = sample.clone()
        sample[1] += 1.0
        torch.testing.assert_close(_weighted_gradient(model, weight, sample, condition), expected)

    def test_the_loss_reads_no_value_on_the_host(self, part: BackboneRecipe) -> None:
        """On a GPU, `.item()`, a branch on a tensor or a copy makes every step wait."""
        model = _build(part).to("meta")  # whose tensors have no values to read
        sample, condition = (rows.to("meta") for rows in _rows())
        loss = model.matching_loss(sample, condition)
        model.after_step(0.5)
        assert loss.device.type == "meta", f"the loss lies on {loss.device}"

    def test_it_is_the_same_on_cuda(self, part: BackboneRecipe) -> None:
        """A tensor made on the CPU inside a loss fails there, or slows every step."""
        if not torch.cuda.is_available():
            self.skip("there is no GPU here")
        model, rows = _read(part), _rows()
        there = [tensor.to("cuda") for tensor in rows]
        noise = model.draw_noise(rows[1])
        expected = _acts(model, noise, rows[1])
        loss = model.to("cuda").matching_loss(*there)
        assert torch.isfinite(loss).all(), "the loss is not finite"
        found = _acts(model, noise.to("cuda"), there[1]).cpu()
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)

    def test_its_state_dict_is_all_of_it(self, part: BackboneRecipe) -> None:
        """Checkpoints and saved agents hold the state dict and nothing else."""
        model, other = _build(part), _build(part)
        for weight in model.parameters():
            weight.data.add_(0.1)
        model.after_step(0.6)
        other.load_state_dict(model.state_dict())
        losses = [_seeded_loss(each, *_rows()) for each in (model, other)]
        assert torch.equal(*losses), "a model that takes over the state has another loss"

    def test_noise_is_one_row_per_condition_of_the_spread_it_states(
        self, part: BackboneRecipe
    ) -> None:
        """Solvers start from it, and log-densities count with its standard deviation."""
        model = _build(part, (4, 2))
        noise = model.draw_noise(torch.zeros(4000, 3))
        assert noise.shape == (4000, 4, 2), f"4000 conditions give noise of {tuple(noise.shape)}"
        ratio = float(noise.std()) / model.prior_std
        assert 0.98 < ratio < 1.02, f"its spread is {ratio:.3f} times prior_std"

    def test_noise_comes_from_the_generator_that_is_given(self, part: BackboneRecipe) -> None:
        """An evaluation draws from its own generator, so that it can be repeated."""
        model, condition = _build(part), torch.zeros(3, 3)
        before = torch.get_rng_state()
        one, two = (model.draw_noise(condition, torch.Generator().manual_seed(5)) for _ in "ab")
        assert torch.equal(torch.get_rng_state(), before), "torch's global numbers are used"
        assert torch.equal(one, two), "the same generator gives other noise"

    def test_it_learns_a_mixture_on_a_line(self, part: BackboneRecipe) -> None:
        """A model may satisfy every other check and still learn nothing."""
        model = _trained(part, self.steps)
        found = float(energy_distance(_drawn(part, model, 4000), _mixture(4000)))
        assert found < self.distance, f"its distance is {found:.4f}, not below {self.distance}"

    @needs(OneStepBackbone)
    def test_every_row_of_noise_is_sent_to_its_own_sample(self, part: BackboneRecipe) -> None:
        """Many candidates of many observations are drawn in one batch."""
        for shape in SHAPES:
            model, (noise, condition) = _read(part, shape), _rows(shape)
            assert isinstance(model, OneStepBackbone)
            _check_sent(model.transport, noise, condition)

    @needs(ConsistencyBackbone)
    def test_the_end_of_the_path_is_sent_to_itself(self, part: BackboneRecipe) -> None:
        """What is data already must not be moved; it is the boundary condition of learning."""
        model, (x_t, condition) = _read(part), _rows()
        assert isinstance(model, ConsistencyBackbone)
        end, start = (x_t.new_tensor(t) for t in (model.path.end, model.path.start))
        torch.testing.assert_close(model.endpoint(x_t, end, condition), x_t)
        sent = model.endpoint(x_t, start, condition)
        torch.testing.assert_close(model.transport(x_t, condition), sent)

    @needs(FlowMapBackbone)
    def test_a_jump_in_no_time_goes_nowhere(self, part: BackboneRecipe) -> None:
        """Φ(x, t, t) = x is what makes it a flow map."""
        for shape in SHAPES:
            model, (x_t, condition) = _read(part, shape), _rows(shape)
            assert isinstance(model, FlowMapBackbone)
            for t in (model.path.start, 0.1, 0.7, model.path.end):
                now = x_t.new_tensor(t)
                torch.testing.assert_close(model.jump(x_t, now, now, condition), x_t)

    @needs(FlowMapBackbone)
    def test_every_row_jumps_by_itself_at_its_own_times(self, part: BackboneRecipe) -> None:
        """Losses ask for jumps between times that differ from row to row."""
        model, (x_t, condition) = _read(part), _rows()
        assert isinstance(model, FlowMapBackbone)
        t, s = x_t.new_tensor([0.1, 0.2, 0.3, 0.4, 0.5]), x_t.new_tensor([0.9, 0.8, 0.7, 0.6, 0.6])
        whole = check_rows(model.jump, x_t, t, s, condition, what="jump")
        torch.testing.assert_close(model.jump(x_t[:1], t[0], s[0], condition[:1]), whole[:1])
        assert ((whole - x_t).abs().amax(1) > 1e-6).all(), "a jump from 0.1 to 0.9 goes nowhere"
        _check_heard(model.jump(x_t, t, s, condition + 1.0), whole)

    @needs(FlowMapBackbone, VelocityBackbone)
    def test_a_short_jump_follows_the_velocity(self, part: BackboneRecipe) -> None:
        """The velocity of a flow map is the limit of its jumps."""
        model, (x_t, condition) = _read(part), _rows()
        assert isinstance(model, FlowMapBackbone)
        assert isinstance(model, VelocityBackbone)
        t, h = x_t.new_tensor(0.4), 1e-6
        slope = (model.jump(x_t, t, t + h, condition) - x_t) / h
        velocity = model.velocity(x_t, t, condition)
        torch.testing.assert_close(slope, velocity, rtol=1e-4, atol=1e-4)

    @needs(VelocityBackbone)
    def test_a_rows_velocity_is_its_own(self, part: BackboneRecipe) -> None:
        """Many candidates of many observations are solved in one batch."""
        for shape in SHAPES:
            model, (x_t, condition) = _read(part, shape), _rows(shape)
            assert isinstance(model, VelocityBackbone)
            t = x_t.new_tensor(0.4)
            _check_sent(partial(_velocity_at, model, t), x_t, condition)
            whole = model.field(condition)(x_t, t)
            torch.testing.assert_close(model.velocity(x_t, t.expand(5), condition), whole)

    @needs(VelocityBackbone)
    def test_the_velocity_is_finite_at_both_ends(self, part: BackboneRecipe) -> None:
        """Every solver evaluates it where its time span begins, and many where it ends."""
        model, (x_t, condition) = _read(part), _rows()
        assert isinstance(model, VelocityBackbone)
        for end in model.time_span:
            velocity = model.velocity(x_t, x_t.new_tensor(end), condition)
            assert torch.isfinite(velocity).all(), f"at time {end} it is not finite"

    @needs(VelocityBackbone)
    @torch.no_grad()
    def test_its_density_integrates_to_one(self, part: BackboneRecipe) -> None:
        """Objectives that measure a divergence take the density for what it is."""
        model = _read(part, (1,))
        assert isinstance(model, VelocityBackbone)
        z = torch.linspace(-6, 6, 401).double()[:, None] * model.prior_std
        condition = torch.ones(401, 3).double()
        solver = companion("solver", "rk4", steps=100)
        sample, log_density = sample_with_log_prob(model, condition, z, solver)
        mass = float(torch.trapezoid(log_density.exp(), sample[:, 0]))
        assert abs(mass - 1) < 1e-2, f"it integrates to {mass:.4f}"

    @needs(DenoiserBackbone)
    def test_the_denoiser_follows_from_the_velocity(self, part: BackboneRecipe) -> None:
        """Solvers that denoise and solvers that follow the velocity must solve one ODE."""
        model, (x_t, condition) = _read(part), _rows()
        assert isinstance(model, DenoiserBackbone)
        t = x_t.new_full((5,), 0.4)
        data = model.denoiser(x_t, t, condition)
        velocity = model.path.velocity_from_data(x_t, data, t)
        torch.testing.assert_close(velocity, model.velocity(x_t, t, condition))

    @needs(GaussianPathBackbone)
    def test_denoiser_and_score_agree(self, part: BackboneRecipe) -> None:
        """By Tweedie's formula, alpha E[a | x_t] = x_t + sigma² score."""
        model, (x_t, condition) = _read(part), _rows()
        assert isinstance(model, GaussianPathBackbone)
        t = x_t.new_full((5,), 0.4)
        data, score = model.denoiser(x_t, t, condition), model.score(x_t, t, condition)
        alpha, sigma = model.path.alpha(t)[:, None], model.path.sigma(t)[:, None]
        torch.testing.assert_close(alpha * data - sigma**2 * score, x_t)


def _build(part: BackboneRecipe, shape: tuple[int, ...] = (2,)) -> Backbone:
    torch.manual_seed(0)
    spec = SampleSpec(sample_shape=shape, condition_dim=3)
    return part.build(spec, small_network()).double()


def _read(part: BackboneRecipe, shape: tuple[int, ...] = (2,)) -> Backbone:
    """Return a model as it acts, and is only read: without dropout, with statistics that stay."""
    return _build(part, shape).eval()


def _rows(shape: tuple[int, ...] = (2,)) -> tuple[Tensor, Tensor]:
    """Return five samples and conditions."""
    generator = torch.Generator().manual_seed(1)
    sample = torch.randn(5, *shape, generator=generator).double()
    return sample, torch.randn(5, 3, generator=generator).double()


def _seeded_loss(model: Backbone, sample: Tensor, condition: Tensor) -> Tensor:
    torch.manual_seed(3)
    loss = model.matching_loss(sample, condition)
    assert loss.shape == (len(sample),), "its loss is not one number per row"
    return loss


def _weighted_gradient(
    model: Backbone, weight: Tensor, sample: Tensor, condition: Tensor
) -> list[Tensor]:
    loss = (weight * _seeded_loss(model, sample, condition)).mean()
    weights = [each for each in model.parameters() if each.requires_grad]
    return list(torch.autograd.grad(loss, weights))


def _velocity_at(model: VelocityBackbone, t: Tensor, x_t: Tensor, condition: Tensor) -> Tensor:
    return model.field(condition)(x_t, t)


def _check_sent(send: Callable[[Tensor, Tensor], Tensor], x: Tensor, condition: Tensor) -> None:
    """Check that each row is sent somewhere by itself, and by its condition."""
    whole = check_rows(send, x, condition, what="place")
    assert whole.shape == x.shape, f"{tuple(x.shape)} becomes {tuple(whole.shape)}"
    _check_heard(send(x, condition + 1.0), whole)


def _check_heard(changed: Tensor, whole: Tensor) -> None:
    moved = (changed - whole).flatten(1).abs().amax(1) > 1e-9
    assert moved.all(), "where a row is sent does not depend on its condition"


def _acts(model: Backbone, noise: Tensor, condition: Tensor) -> Tensor:
    """Return something that the model computes without further noise, on the CPU."""
    with torch.no_grad():
        if isinstance(model, OneStepBackbone):
            return model.transport(noise, condition)
        if isinstance(model, VelocityBackbone):
            return model.velocity(noise, noise.new_tensor(0.4), condition)
        return noise


def _mixture(count: int) -> Tensor:
    """Draw from the equal mixture of N(-0.8, 0.2²) and N(0.8, 0.2²), ``[count, 1]``."""
    side = torch.randint(2, (count, 1)) * 1.6 - 0.8
    return side + 0.2 * torch.randn(count, 1)


def _trained(part: BackboneRecipe, steps: int) -> Backbone:
    torch.manual_seed(0)
    spec = SampleSpec(sample_shape=(1,), condition_dim=1)
    model = part.build(spec, companion("network", "mlp", hidden=(48, 48), activation="gelu"))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(weights, lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    condition = torch.zeros(256, 1)
    for step in range(steps):
        optimiser.zero_grad()
        model.matching_loss(_mixture(256), condition).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        model.after_step((step + 1) / steps)
    return model.eval()


@torch.no_grad()
def _drawn(part: BackboneRecipe, model: Backbone, count: int) -> Tensor:
    condition = torch.zeros(count, 1)
    solver = named_solver(part.default_solver)
    return solver.sample(model, condition, model.draw_noise(condition), None)
