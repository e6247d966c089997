"""The flow map of generative trajectories, against the exact map of Gaussian data."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from genpolicy.backbone import SampleSpec
from genpolicy.network import Network, NetworkRecipe, NetworkSpec
from genpolicy.path import LinearPath, VEPath
from genpolicy_plugins.backbones.trajectory import Trajectory, TrajectoryModel
from genpolicy_plugins.networks.mlp import MLP

SPEC = SampleSpec(sample_shape=(2,), condition_dim=1)


class _Exact(Network):
    """The flow map of N(0, sigma_data^2 I): x keeps its place among x_t's standard deviations."""

    def __init__(self) -> None:
        super().__init__()
        self.one = torch.nn.Parameter(torch.ones((), dtype=torch.float64))

    def encode(self, condition: Tensor) -> Tensor:
        return condition

    def forward(self, sample: Tensor, context: Tensor, *times: Tensor) -> Tensor:
        t, s = times
        turn = torch.tan((t - s) * (math.pi / 4)) * self.one
        return sample * (turn[:, None] if turn.ndim else turn)


class _ExactRecipe(NetworkRecipe):
    def build(self, spec: NetworkSpec) -> Network:
        assert spec.times == 2
        return _Exact()


def _exact(**options: object) -> TrajectoryModel:
    return Trajectory(**options).build(SPEC, _ExactRecipe())  # type: ignore[arg-type]


def _random(path: str) -> TrajectoryModel:
    torch.manual_seed(0)
    recipe = Trajectory(path=path, weighting="plain")  # type: ignore[arg-type]
    return recipe.build(SPEC, MLP(hidden=(16,), time_dim=4)).double()


def _data(rows: int = 2000) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return 0.5 * torch.randn(rows, 2).double(), torch.zeros(rows, 1).double()


@pytest.mark.parametrize("path", ["ve", "linear"])
@pytest.mark.parametrize("jumps", [1, 2, 5])
def test_the_exact_map_carries_noise_to_the_data_in_any_number_of_jumps(
    path: str, jumps: int
) -> None:
    model, (_, condition) = _exact(path=path), _data(20_000)
    torch.manual_seed(0)
    x = model.draw_noise(condition.double())
    start = x
    times = model.path.times(jumps, x)
    for t, s in itertools.pairwise(times):
        x = model.jump(x, t, s, condition)
    t = torch.tensor(model.path.start).double()
    before = torch.sqrt((0.5 * model.path.alpha(t)) ** 2 + model.path.sigma(t) ** 2)
    end = 0.0 if path == "linear" else 0.002
    torch.testing.assert_close(x, start / before * math.hypot(0.5, end))


@pytest.mark.parametrize("path", ["ve", "linear"])
def test_the_exact_map_has_no_inconsistency_by_its_own_semigroup(path: str) -> None:
    model = _exact(path=path, teacher="semigroup", instantaneous_weight=0.0)
    assert float(model.matching_loss(*_data()).detach().max()) < 1e-24


@pytest.mark.parametrize("path", ["ve", "linear"])
def test_a_teacher_of_higher_order_leaves_the_exact_map_less_inconsistent(path: str) -> None:
    def inconsistency(teacher: str, steps: int) -> float:
        model = _exact(
            path=path,
            teacher=teacher,
            weighting="plain",
            instantaneous_weight=0.0,
            grid_first=steps,
            grid_last=steps,
        )
        torch.manual_seed(2)
        return float(model.matching_loss(*_data()).detach().mean().sqrt())

    euler, heun = (
        [inconsistency(teacher, n) for n in (20, 40, 80)] for teacher in ("euler", "heun")
    )
    for coarse, fine in itertools.pairwise(euler):
        assert 3.0 < coarse / fine < 5.0  # one Euler step errs by its square
    for coarse, fine in itertools.pairwise(heun):
        assert coarse / fine > 5.5  # and one of Heun by its cube
    assert heun[0] < 0.25 * euler[0]


def test_the_data_teacher_is_the_pull_towards_the_sample_itself() -> None:
    """By hand: x_u = a + (u / t) (x_t - a), jumped on by the slow copy."""
    model = _random("ve")
    for weight in model.teacher.parameters():
        weight.data.add_(0.1)
    sample, condition = _data(6)
    torch.manual_seed(3)
    found = model.matching_loss(sample, condition)
    torch.manual_seed(3)
    index = torch.floor(torch.rand(6, dtype=torch.float64) * 10.0)
    noise = torch.randn_like(sample)
    later = index + 1 + torch.floor(torch.rand(6, dtype=torch.float64) * (10 - index))
    t, u, s = (model.grid.time(point) for point in (index, index + 1, later))
    level = model.path.sigma(t)[:, None]
    x_u = sample + model.path.sigma(u)[:, None] / level * (level * noise)
    x_t = sample + level * noise
    slow = Trajectory().build(SPEC, MLP(hidden=(16,), time_dim=4)).double()
    slow.load_state_dict(model.state_dict())
    slow.network.load_state_dict(model.teacher.state_dict())
    target = slow.jump(x_u, u, s, condition)
    inconsistency = ((model.jump(x_t, t, s, condition) - target) ** 2).sum(1)
    instantaneous = ((model.denoiser(x_t, t, condition) - sample) ** 2).sum(1)
    torch.testing.assert_close(found, inconsistency + instantaneous)


def test_a_jumps_error_is_told_in_units_of_the_networks_output() -> None:
    """Moving the output by one moves every row's loss by as much, however far it jumps."""
    sample, condition = _data(64)
    losses = []
    for shift in (0.0, 1.0):
        torch.manual_seed(0)
        model = _exact(teacher="semigroup", weighting="output", instantaneous_weight=0.0)
        exact = model.network.forward
        model.network.forward = lambda *a, exact=exact, shift=shift: exact(*a) + shift
        torch.manual_seed(2)
        losses.append(model.matching_loss(sample, condition).detach())
    torch.testing.assert_close(losses[0], torch.zeros_like(losses[0]), atol=1e-12, rtol=0)
    torch.testing.assert_close(losses[1], torch.full_like(losses[1], 2.0))


def test_the_teacher_decides_on_the_grid_and_on_the_weighting() -> None:
    assert Trajectory().weighs_output
    assert not Trajectory(weighting="plain").weighs_output
    assert not Trajectory(teacher="semigroup").weighs_output
    assert Trajectory().finest_grid == 1280
    assert Trajectory(teacher="heun").finest_grid == 40
    assert Trajectory(teacher="heun", grid_last=20).finest_grid == 20


def test_both_paths_are_one_map_through_the_change_of_variables() -> None:
    """x_t / alpha_t of the linear path lies on the variance-exploding one, of level sigma/alpha."""
    exploding, linear = _random("ve"), _random("linear")
    linear.network.load_state_dict(exploding.network.state_dict())
    x, condition = _data(5)
    before, after = torch.tensor([4.0, 2.0, 1.0, 0.5, 0.1]).double(), torch.tensor(0.01).double()
    ve = [exploding.path.time_at(-level.log()) for level in (before, after)]
    rf = [1.0 / (1.0 + level) for level in (before, after)]
    found = linear.jump(x / (1.0 + before[:, None]), rf[0], rf[1], condition)
    torch.testing.assert_close(found * 1.01, exploding.jump(x, ve[0], ve[1], condition))
    data = linear.denoiser(x / (1.0 + before[:, None]), rf[0], condition)
    torch.testing.assert_close(data, exploding.denoiser(x, ve[0], condition))


def test_the_slow_copy_follows_and_takes_no_gradient() -> None:
    model = _random("ve")
    name = "body.1.weight"
    fast, slow = dict(model.network.named_parameters()), dict(model.teacher.named_parameters())
    assert torch.equal(fast[name], slow[name])
    fast[name].data.add_(1.0)
    model.after_step(0.5)
    torch.testing.assert_close(fast[name] - slow[name], torch.full_like(fast[name], 0.9))
    assert not any(weight.requires_grad for weight in slow.values())
    assert int(model.grid.steps) == 160


def test_during_the_warm_up_the_instantaneous_loss_is_alone() -> None:
    torch.manual_seed(0)
    network = MLP(hidden=(16,), time_dim=4)
    model = Trajectory(warmup=0.5, instantaneous_weight=0.0).build(SPEC, network).double()
    assert float(model.matching_loss(*_data(6)).detach().abs().max()) == 0.0
    model.after_step(0.5)
    assert float(model.matching_loss(*_data(6)).detach().min()) > 0.0


def test_each_path_is_the_one_that_is_named() -> None:
    assert _random("linear").path == LinearPath()
    assert _random("ve").path == VEPath(0.002, 5.0)
