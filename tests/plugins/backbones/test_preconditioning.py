"""The rotation between data and noise, and the denoiser that it makes of a network."""

import math

import pytest
import torch
from torch import Tensor

from genpolicy.backbone import SampleSpec
from genpolicy.path import GaussianPath, GVPPath, LinearPath, VEPath, VPPath
from genpolicy_plugins.backbones.denoiser_model import DenoiserModel
from genpolicy_plugins.backbones.diffusion import Diffusion
from genpolicy_plugins.backbones.preconditioning import Preconditioning
from genpolicy_plugins.backbones.time_sampling import TimeSampling
from genpolicy_plugins.networks.mlp import MLP

every_path = pytest.mark.parametrize(
    "path", [LinearPath(), LinearPath(0.1), VPPath(), GVPPath(), VEPath()], ids=str
)


def _times(path: GaussianPath, count: int = 50) -> Tensor:
    return torch.linspace(path.start, path.end, count, dtype=torch.float64)


def _rows(seed: int, count: int = 50) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 2, dtype=torch.float64, generator=generator)


@every_path
def test_the_target_means_its_data_and_noise_at_every_time(path: GaussianPath) -> None:
    turn, t, sample, noise = Preconditioning(path, 0.5), _times(path), _rows(0), _rows(1)
    x_t = path.interpolate(sample, noise, t)
    found = turn.data_and_noise(x_t, turn.target(sample, noise, t), t)
    torch.testing.assert_close(found, (sample, noise))


@every_path
def test_whatever_the_network_says_its_data_and_noise_make_up_x_t(path: GaussianPath) -> None:
    turn, t, x_t = Preconditioning(path, 0.5), _times(path), _rows(0)
    data, noise = turn.data_and_noise(x_t, _rows(1), t)
    torch.testing.assert_close(path.interpolate(data, noise, t), x_t)


@every_path
def test_input_and_target_have_unit_variance_at_every_time(path: GaussianPath) -> None:
    torch.manual_seed(0)
    turn = Preconditioning(path, 0.3)
    sample, noise = 0.3 * torch.randn(100_000, 1), torch.randn(100_000, 1)
    for t in _times(path, 7).float():
        x_t = path.interpolate(sample, noise, t)
        assert float(turn.given(x_t, t).std()) == pytest.approx(1.0, abs=0.01)
        assert float(turn.target(sample, noise, t).std()) == pytest.approx(1.0, abs=0.01)


def test_on_the_variance_exploding_path_it_has_the_constants_of_its_paper() -> None:
    path, sd = VEPath(), 0.5
    level = torch.tensor([80.0, 5.0, 0.5, 0.02], dtype=torch.float64)
    t, x, predicted = path.time_at(-level.log()), _rows(0, 4), _rows(1, 4)
    c_skip = sd**2 / (level**2 + sd**2)
    c_out = level * sd / torch.sqrt(level**2 + sd**2)
    expected = c_skip[:, None] * x + c_out[:, None] * predicted
    data, _ = Preconditioning(path, sd).data_and_noise(x, predicted, t)
    torch.testing.assert_close(data, expected)
    given = Preconditioning(path, sd).given(x, t)
    torch.testing.assert_close(given, x / torch.sqrt(level**2 + sd**2)[:, None])


@every_path
def test_the_angle_falls_from_the_noise_to_the_data(path: GaussianPath) -> None:
    angle = Preconditioning(path, 0.5).angle(_times(path))
    assert (angle.diff() < 0).all()
    assert 0.99 < float(angle[0]) <= 1.0
    assert 0.0 <= float(angle[-1]) < 0.13


def test_the_loss_is_the_papers_weighted_denoising_loss() -> None:
    torch.manual_seed(0)
    spec = SampleSpec(sample_shape=(2,), condition_dim=1)
    model = Diffusion(path="ve").build(spec, MLP(hidden=(8,), time_dim=4)).double()
    sample, condition = _rows(0, 6), torch.zeros(6, 1).double()
    torch.manual_seed(3)
    found = model.matching_loss(sample, condition)
    torch.manual_seed(3)
    level = torch.exp(-1.2 + 1.2 * torch.randn(6, dtype=torch.float64))
    x_t = sample + level[:, None] * torch.randn_like(sample)
    data = model.denoiser(x_t, model.path.time_at(-level.log()), condition)
    weight = (level**2 + 0.25) / (level * 0.5) ** 2
    torch.testing.assert_close(found, 0.5 * weight * ((data - sample) ** 2).sum(1))


def test_log_normal_times_have_log_normal_noise_levels_within_the_path() -> None:
    torch.manual_seed(0)
    path = VEPath()
    t = TimeSampling(log_normal=True, mean=-1.2, std=1.2).draw(path, torch.zeros(50_000, 2))
    log_level = torch.log(path.sigma(t))
    assert float(log_level.mean()) == pytest.approx(-1.2, abs=0.02)
    assert float(log_level.std()) == pytest.approx(1.2, abs=0.02)
    wild = TimeSampling(log_normal=True, mean=0.0, std=20.0).draw(path, torch.zeros(1000, 2))
    assert path.start == float(wild.min()) < float(wild.max()) == path.end


def test_even_times_are_the_paths_own() -> None:
    sampling = TimeSampling(log_normal=False, mean=0.0, std=1.0)
    torch.manual_seed(5)
    found = sampling.draw(VPPath(), torch.zeros(9, 2))
    torch.manual_seed(5)
    assert torch.equal(found, VPPath().sample_time(torch.zeros(9, 2)))


@pytest.mark.parametrize(
    ("recipe", "log_normal"),
    [
        (Diffusion(path="ve"), True),
        (Diffusion(path="ve", times="uniform"), False),
        (Diffusion(path="vp", head="denoiser"), False),
        (Diffusion(path="vp", head="denoiser", times="log-normal"), True),
    ],
    ids=str,
)
def test_training_times_are_log_normal_on_ve_unless_said(
    recipe: Diffusion, log_normal: bool
) -> None:
    model = recipe.build(SampleSpec(sample_shape=(2,), condition_dim=1), MLP(hidden=(8,)))
    assert isinstance(model, DenoiserModel)
    assert model.sampling.log_normal is log_normal


def test_the_angle_is_told_in_quarter_turns() -> None:
    turn = Preconditioning(VEPath(), 0.5)
    t = VEPath().time_at(torch.tensor(-math.log(0.5), dtype=torch.float64))
    assert float(turn.angle(t)) == pytest.approx(0.5)


@every_path
def test_a_jump_moves_by_its_scale_times_the_output(path: GaussianPath) -> None:
    turn, x_t, predicted = Preconditioning(path, 0.5), _rows(0), _rows(1)
    t = path.start + 0.4 * (_times(path) - path.start)
    s = t + 0.3
    landed, other = (
        path.interpolate(*turn.data_and_noise(x_t, output, t), s)
        for output in (predicted, predicted + 1.0)
    )
    torch.testing.assert_close(other - landed, turn.jump_scale(t, s, x_t).expand_as(x_t))
