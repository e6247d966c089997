import math

import pytest
import torch
from torch import Tensor

from genpolicy.path import GaussianPath, GVPPath, LinearPath, VPPath

PATHS = [LinearPath(0.0), LinearPath(0.1), VPPath(), GVPPath()]
every_path = pytest.mark.parametrize("path", PATHS, ids=str)


def _inner_times(path: GaussianPath, count: int = 201) -> Tensor:
    """Times of a path that keep clear of its ends, where some conversions divide by zero."""
    span = path.end - path.start
    start, end = path.start + 0.005 * span, path.end - 0.005 * span
    return torch.linspace(start, end, count, dtype=torch.float64)


def _all_times(path: GaussianPath) -> Tensor:
    return torch.linspace(path.start, path.end, 201, dtype=torch.float64)


def _rows(seed: int, count: int = 201) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 2, 3, dtype=torch.float64, generator=generator)


@every_path
def test_derivatives_agree_with_finite_differences(path: GaussianPath) -> None:
    t, h = _inner_times(path), 1e-6
    for function, derivative in ((path.alpha, path.d_alpha), (path.sigma, path.d_sigma)):
        measured = (function(t + h) - function(t - h)) / (2 * h)
        torch.testing.assert_close(derivative(t), measured, rtol=1e-6, atol=1e-7)


@every_path
def test_coefficients_are_finite_at_every_time_up_to_both_ends(path: GaussianPath) -> None:
    t = _all_times(path)
    for values in (path.alpha(t), path.sigma(t), path.d_alpha(t), path.d_sigma(t)):
        assert values.shape == t.shape
        assert torch.isfinite(values).all()


@every_path
def test_a_path_runs_from_noise_to_data(path: GaussianPath) -> None:
    start, end = (torch.tensor(t, dtype=torch.float64) for t in (path.start, path.end))
    assert float(path.alpha(start)) < 0.01
    assert float(path.alpha(end)) > 0.999
    assert float(path.sigma(end)) <= 0.1
    assert float(path.sigma(start)) == pytest.approx(path.prior_std, abs=1e-4)


@every_path
def test_the_velocity_is_the_time_derivative_of_the_interpolation(path: GaussianPath) -> None:
    t, h, sample, noise = _inner_times(path), 1e-6, _rows(0), _rows(1)
    ahead, behind = path.interpolate(sample, noise, t + h), path.interpolate(sample, noise, t - h)
    measured = (ahead - behind) / (2 * h)
    torch.testing.assert_close(path.velocity(sample, noise, t), measured, rtol=1e-6, atol=1e-6)


@every_path
def test_any_of_velocity_noise_score_and_data_gives_the_others(path: GaussianPath) -> None:
    t, sample, noise = _inner_times(path), _rows(0), _rows(1)
    x_t, velocity = path.interpolate(sample, noise, t), path.velocity(sample, noise, t)
    score = -noise / path.sigma(t)[:, None, None]
    agrees = {"rtol": 1e-9, "atol": 1e-9}
    torch.testing.assert_close(path.data_from_velocity(x_t, velocity, t), sample, **agrees)
    torch.testing.assert_close(path.noise_from_velocity(x_t, velocity, t), noise, **agrees)
    torch.testing.assert_close(path.data_from_noise(x_t, noise, t), sample, **agrees)
    torch.testing.assert_close(path.noise_from_data(x_t, sample, t), noise, **agrees)
    torch.testing.assert_close(path.velocity_from_noise(x_t, noise, t), velocity, **agrees)
    torch.testing.assert_close(path.velocity_from_data(x_t, sample, t), velocity, **agrees)
    torch.testing.assert_close(path.score_from_noise(noise, t), score, **agrees)
    torch.testing.assert_close(path.noise_from_score(score, t), noise, **agrees)


@every_path
def test_data_and_noise_follow_from_the_velocity_even_at_the_ends(path: GaussianPath) -> None:
    t = torch.tensor([path.start, path.end], dtype=torch.float64)
    sample, noise = _rows(0, 2), _rows(1, 2)
    x_t, velocity = path.interpolate(sample, noise, t), path.velocity(sample, noise, t)
    torch.testing.assert_close(path.data_from_velocity(x_t, velocity, t), sample)
    torch.testing.assert_close(path.noise_from_velocity(x_t, velocity, t), noise)


@every_path
def test_a_scalar_time_serves_every_row(path: GaussianPath) -> None:
    sample, noise = _rows(0, 4), _rows(1, 4)
    scalar = torch.tensor(0.3, dtype=torch.float64)
    each = scalar.expand(4)
    x_t = path.interpolate(sample, noise, scalar)
    assert torch.equal(x_t, path.interpolate(sample, noise, each))
    assert torch.equal(
        path.data_from_velocity(x_t, noise, scalar), path.data_from_velocity(x_t, noise, each)
    )


@every_path
def test_the_log_signal_to_noise_ratio_rises(path: GaussianPath) -> None:
    t = _inner_times(path)
    half = path.half_log_snr(t)
    torch.testing.assert_close(half, torch.log(path.alpha(t) / path.sigma(t)))
    assert (half.diff() > 0).all()


@every_path
def test_times_are_drawn_uniformly_over_the_whole_path(path: GaussianPath) -> None:
    torch.manual_seed(0)
    t = path.sample_time(torch.zeros(20_000, 2, dtype=torch.float64))
    assert t.shape == (20_000,)
    assert path.start <= float(t.min()) < path.start + 0.001
    assert path.end - 0.001 < float(t.max()) <= path.end
    assert float(t.mean()) == pytest.approx((path.start + path.end) / 2, abs=0.01)


@pytest.mark.parametrize("path", [VPPath(), GVPPath()], ids=str)
def test_variance_preserving_paths_preserve_variance(path: GaussianPath) -> None:
    t = _all_times(path)
    torch.testing.assert_close(path.alpha(t) ** 2 + path.sigma(t) ** 2, torch.ones_like(t))


def test_the_linear_path_keeps_sigma_min_at_the_data() -> None:
    t = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    path = LinearPath(0.1)
    assert path.prior_std == pytest.approx(math.sqrt(1.01))
    expected = torch.tensor([1.01, 0.26, 0.01], dtype=torch.float64).sqrt()
    torch.testing.assert_close(path.sigma(t), expected)
    torch.testing.assert_close(path.alpha(t), t)


def test_vp_has_the_constants_of_its_paper() -> None:
    path, t = VPPath(), torch.tensor([0.0, 0.5, 0.999], dtype=torch.float64)
    # log alpha = -(1 - t)^2 (20 - 0.1) / 4 - (1 - t) 0.1 / 2
    expected = torch.tensor([-5.025, -1.26875, -0.000054975], dtype=torch.float64)
    torch.testing.assert_close(path.alpha(t).log(), expected)
    # d log alpha / dt = beta / 2, with beta from 20 at the noise to 0.1 at the data
    halved = torch.tensor([10.0, 5.025, 0.05995], dtype=torch.float64)
    torch.testing.assert_close(path.d_alpha(t) / path.alpha(t), halved)
    assert path.end == 0.999


def test_vp_keeps_its_noise_near_the_data_in_single_precision() -> None:
    t = torch.tensor(0.999)
    exact = float(VPPath().sigma(t.double()))
    assert float(VPPath().sigma(t)) == pytest.approx(exact, rel=1e-4)


def test_gvp_has_the_constants_of_its_paper() -> None:
    path, t = GVPPath(), torch.tensor([0.0, 1 / 3, 0.5, 1.0], dtype=torch.float64)
    alpha = torch.tensor([0.0, 0.5, math.sqrt(0.5), 1.0], dtype=torch.float64)
    sigma = torch.tensor([1.0, math.sqrt(0.75), math.sqrt(0.5), 0.0], dtype=torch.float64)
    torch.testing.assert_close(path.alpha(t), alpha, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(path.sigma(t), sigma, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(path.d_alpha(t), math.pi / 2 * sigma, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(path.d_sigma(t), -math.pi / 2 * alpha, rtol=1e-12, atol=1e-12)
