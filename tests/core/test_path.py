import math

import pytest
import torch
from torch import Tensor

from genpolicy.path import GaussianPath, Grid, GVPPath, LinearPath, VEPath, VPPath

PATHS = [LinearPath(0.0), LinearPath(0.1), VPPath(), GVPPath(), VEPath(), VEPath(0.1, 5.0)]
every_path = pytest.mark.parametrize("path", PATHS, ids=str)
every_grid = pytest.mark.parametrize("grid", ["uniform", "karras", "log-snr"])


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
    if not isinstance(path, VEPath):  # which keeps the data, and drowns it
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


def test_ve_has_the_constants_of_its_paper() -> None:
    path, t = VEPath(), torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    torch.testing.assert_close(path.sigma(t), torch.tensor([80.0, 40.001, 0.002]).double())
    assert torch.equal(path.alpha(t), torch.ones_like(t))
    assert torch.equal(path.d_alpha(t), torch.zeros_like(t))
    torch.testing.assert_close(path.d_sigma(t), torch.full_like(t, -79.998))
    assert path.prior_std == 80.0
    assert path.grid == "karras"


@every_path
def test_the_time_at_a_log_signal_to_noise_ratio_is_the_time_that_has_it(
    path: GaussianPath,
) -> None:
    t = _inner_times(path).reshape(3, -1)
    torch.testing.assert_close(path.time_at(path.half_log_snr(t)), t, rtol=1e-9, atol=1e-9)


@every_path
def test_the_time_at_a_log_signal_to_noise_ratio_is_exact_in_single_precision(
    path: GaussianPath,
) -> None:
    t = _inner_times(path)
    found = path.time_at(path.half_log_snr(t).float())
    torch.testing.assert_close(found.double(), t, rtol=1e-4, atol=2e-5)


@every_path
def test_carrying_keeps_the_noise_and_the_data(path: GaussianPath) -> None:
    """From any time before the end, where there is noise to carry, to any later one."""
    sample, noise = _rows(0), _rows(1)
    t = torch.linspace(path.start, 0.9 * path.end, 201, dtype=torch.float64)
    for s in (_all_times(path), torch.full_like(t, path.end), t):
        x_t, x_s = path.interpolate(sample, noise, t), path.interpolate(sample, noise, s)
        torch.testing.assert_close(path.carry(x_t, sample, t, s), x_s, rtol=1e-9, atol=1e-9)


def test_carrying_on_ve_is_a_step_of_euler_in_the_noise_level() -> None:
    path, x, data = VEPath(), _rows(0, 1), _rows(1, 1)
    t, s = torch.tensor(0.2, dtype=torch.float64), torch.tensor(0.9, dtype=torch.float64)
    slope = (x - data) / path.sigma(t)  # dx / dsigma, Karras et al. 2022, eq. 3
    expected = x + (path.sigma(s) - path.sigma(t)) * slope
    torch.testing.assert_close(path.carry(x, data, t, s), expected)


@every_path
@every_grid
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_times_rise_from_the_start_of_the_path_to_its_end(
    path: GaussianPath, grid: Grid, dtype: torch.dtype
) -> None:
    for steps in (1, 2, 18, 200):
        times = path.times(steps, torch.zeros((), dtype=dtype), grid)
        assert times.dtype is dtype
        assert times.shape == (steps + 1,)
        assert (times.diff() > 0).all()
        ends = torch.tensor([path.start, path.end], dtype=dtype)
        assert torch.equal(times[[0, -1]], ends)


@every_path
def test_a_path_s_own_grid_is_taken_where_none_is_named(path: GaussianPath) -> None:
    like = torch.zeros((), dtype=torch.float64)
    assert torch.equal(path.times(9, like), path.times(9, like, path.grid))
    assert not torch.equal(path.times(9, like, "uniform"), path.times(9, like, "log-snr"))


@pytest.mark.parametrize("path", [VEPath(), VEPath(0.1, 5.0)], ids=str)
def test_noise_levels_on_ve_are_those_of_the_papers(path: VEPath) -> None:
    """Karras et al. 2022, eq. 5, with rho = 7; and evenly in the logarithm."""
    like = torch.zeros((), dtype=torch.float64)
    share = torch.linspace(0, 1, 19, dtype=torch.float64)
    most, least = path.sigma_max, path.sigma_min
    karras = (most ** (1 / 7) + share * (least ** (1 / 7) - most ** (1 / 7))) ** 7
    torch.testing.assert_close(path.sigma(path.times(18, like, "karras")), karras)
    even = most * (least / most) ** share
    torch.testing.assert_close(path.sigma(path.times(18, like, "log-snr")), even)


@pytest.mark.parametrize("path", [LinearPath(0.0), GVPPath()], ids=str)
def test_paths_without_ends_share_the_inner_levels_of_ve(path: GaussianPath) -> None:
    """Beyond 80 and 0.002 nothing is left to resolve."""
    like, ve = torch.zeros((), dtype=torch.float64), VEPath(0.002, 80.0)
    for grid in ("karras", "log-snr"):
        times = path.times(18, like, grid)[1:-1]
        levels = path.sigma(times) / path.alpha(times)
        torch.testing.assert_close(levels, ve.sigma(ve.times(18, like, grid)[1:-1]))
