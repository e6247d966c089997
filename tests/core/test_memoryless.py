"""The memoryless chain against Gaussian data, for which every step is known in closed form."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genpolicy.memoryless import data_variance, memoryless_chain
from genpolicy.path import GaussianPath, GVPPath, LinearPath, VEPath, VPPath
from genpolicy.transitions import Transition, noise_kept, transitions

PATHS: dict[str, GaussianPath] = {
    "linear": LinearPath(),
    "smoothed": LinearPath(0.1),
    "vp": VPPath(),
    "gvp": GVPPath(),
    "ve": VEPath(),
}
MEAN, STD = 0.3, 0.5
ZERO = torch.zeros(1, 1, dtype=torch.float64)

every_path = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
any_number_of_steps = pytest.mark.parametrize("steps", [1, 3, 20])


def _known_variance(path: GaussianPath, times: Tensor) -> Tensor:
    """That of N(., STD^2) data given x_t."""
    alpha, sigma = path.alpha(times), path.sigma(times)
    return STD**2 * sigma**2 / (alpha**2 * STD**2 + sigma**2)


def _chain(path: GaussianPath, steps: int) -> list[Transition]:
    times = path.times(steps, ZERO)
    return [*transitions(path, times, variance=_known_variance(path, times[:-1]))]


def _line(policy: Any, step: Transition) -> tuple[float, float]:
    """The mean of a step as slope x + offset; it is affine for Gaussian data."""
    ends = [
        float(step.mean(x, policy.velocity(x, step.t, ZERO)).detach()) for x in (ZERO, ZERO + 1.0)
    ]
    return ends[1] - ends[0], ends[0]


@torch.no_grad()
def _law(policy: Any, time: float) -> tuple[float, float]:
    """Mean and spread of x_t."""
    t = torch.tensor(time, dtype=torch.float64)
    return float(policy.path.alpha(t) * policy.mean), float(policy.spread(t))


@torch.no_grad()
def _end(policy: Any, chain: list[Transition]) -> tuple[float, float, float]:
    """Mean and spread of a chain's end, and its correlation with the start; exactly."""
    mean, start = _law(policy, policy.path.start)
    variance, kept = start**2, 1.0
    for step in chain:
        slope, offset = _line(policy, step)
        mean, variance, kept = slope * mean + offset, slope**2 * variance, slope * kept
        variance += float(step.std) ** 2
    return mean, variance**0.5, kept * start / variance**0.5


@every_path
def test_a_step_is_the_posterior_of_the_forward_process_given_the_data(
    path: GaussianPath,
) -> None:
    """x_s ~ N(alpha_s a, sigma_s^2) is seen through x_t = (alpha_t / alpha_s) x_s + more noise."""
    times = path.time_on(torch.tensor([0.3, 0.55], dtype=torch.float64))
    (step,), (t, s) = transitions(path, times), times.unbind()
    alpha_t, alpha_s, sigma_t, sigma_s = path.alpha(t), path.alpha(s), path.sigma(t), path.sigma(s)
    shrink = alpha_t / alpha_s
    added = sigma_t**2 - (shrink * sigma_s) ** 2
    precision = 1.0 / sigma_s**2 + shrink**2 / added
    torch.testing.assert_close(step.std, precision**-0.5)
    data, x_t = torch.tensor([[0.7]], dtype=torch.float64), ZERO - 0.4
    mean = (alpha_s * data / sigma_s**2 + shrink * x_t / added) / precision
    velocity = path.velocity_from_data(x_t, data, t)
    torch.testing.assert_close(step.mean(x_t, velocity), mean)


@every_path
@torch.no_grad()
def test_with_the_datas_variance_a_step_is_the_exact_reverse_kernel(
    path: GaussianPath, gaussian_data: Any
) -> None:
    """For Gaussian data x_s and x_t are jointly Gaussian, with covariance shrink Var x_s."""
    policy = gaussian_data(path, [MEAN], STD)
    times = path.time_on(torch.tensor([0.4, 0.6], dtype=torch.float64))
    (step,) = transitions(path, times, variance=_known_variance(path, times[:1]))
    t, s = times.unbind()
    variance_t, variance_s = (float(policy.spread(at)) ** 2 for at in (t, s))
    shrink = float(path.alpha(t) / path.alpha(s))
    slope = shrink * variance_s / variance_t
    offset = MEAN * float(path.alpha(s) - slope * path.alpha(t))
    assert _line(policy, step) == pytest.approx((slope, offset))
    spread = math.sqrt(variance_s - slope * shrink * variance_s)
    assert float(step.std) == pytest.approx(spread)


@every_path
@any_number_of_steps
def test_a_chain_of_any_number_of_steps_ends_in_the_datas_law(
    steps: int, path: GaussianPath, gaussian_data: Any
) -> None:
    policy = gaussian_data(path, [MEAN], STD)
    mean, spread, _ = _end(policy, _chain(path, steps))
    assert (mean, spread) == pytest.approx(_law(policy, path.end))


@every_path
def test_without_the_datas_variance_a_chain_ends_too_narrow_to_first_order(
    path: GaussianPath, gaussian_data: Any
) -> None:
    policy, errors = gaussian_data(path, [MEAN], STD), []
    for steps in (200, 400):
        chain = [*transitions(path, path.times(steps, ZERO, "log-snr"))]
        errors.append(_law(policy, path.end)[1] - _end(policy, chain)[1])
    assert errors[1] > 0.0
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.2)


@every_path
@any_number_of_steps
def test_the_end_has_forgotten_the_beginning(
    steps: int, path: GaussianPath, gaussian_data: Any
) -> None:
    """But for the data that a path starts with, which on the linear and the GVP path is none."""
    policy = gaussian_data(path, [MEAN], STD)
    ends = torch.tensor([path.start, path.end], dtype=torch.float64)
    alphas, spreads = path.alpha(ends), policy.spread(ends).detach()
    kept = float(alphas[0] / alphas[1] * spreads[1] / spreads[0])
    assert _end(policy, _chain(path, steps))[2] == pytest.approx(kept, abs=1e-12)
    assert kept < 0.01


@every_path
@any_number_of_steps
def test_the_divergence_of_two_chains_is_that_of_their_ends(
    steps: int, path: GaussianPath, gaussian_data: Any
) -> None:
    """Both are exact reversals of one forward process, so that nothing else tells them apart.

    For N(m_1, S^2) and N(m_2, S^2) it is (m_1 - m_2)^2 / (2 S^2), in nats, less what the starts
    would add if they differed; the gap between the means of a step is the same at every x.
    """
    one, other = (gaussian_data(path, [mean], STD) for mean in (MEAN, MEAN + 0.4))
    total = 0.0
    for step in _chain(path, steps):
        gap = _line(one, step)[1] - _line(other, step)[1]
        total += 0.5 * gap**2 / float(step.std) ** 2
    start, end = (
        0.5 * ((_law(one, t)[0] - _law(other, t)[0]) / _law(one, t)[1]) ** 2
        for t in (path.start, path.end)
    )
    assert total == pytest.approx(end - start)


def test_the_variance_of_the_data_is_measured_around_what_is_expected(gaussian_data: Any) -> None:
    """Of each row's own condition, and the mean over dimensions."""
    torch.manual_seed(0)
    path, rows = LinearPath(), 20_000
    policy = gaussian_data(path, [MEAN, -MEAN], STD)
    condition = torch.randn(rows, 2, dtype=torch.float64)
    centre = condition + policy.mean.detach()
    sample = centre + STD * torch.randn_like(condition)
    times = path.times(5, sample)[:-1]
    found = data_variance(policy, sample, condition, times)
    known = _known_variance(path, times)
    assert not found.requires_grad
    torch.testing.assert_close(found, known, rtol=5.0 / rows**0.5, atol=0)


def test_a_drawn_chain_has_the_datas_law(gaussian_data: Any) -> None:
    torch.manual_seed(0)
    policy, rows = gaussian_data(LinearPath(), [MEAN], STD), 40_000
    condition = torch.zeros(rows, 1, dtype=torch.float64)
    start = x = policy.draw_noise(condition)
    sample = MEAN + STD * torch.randn_like(condition)
    chain = memoryless_chain(policy, sample, condition, steps=4)
    assert [float(step.t) for step in chain] == [0.0, 0.25, 0.5, 0.75]
    with torch.no_grad():
        for step in chain:
            mean = step.mean(x, policy.velocity(x, step.t, condition))
            x = mean + step.std * torch.randn_like(x)
    error = 5.0 / rows**0.5
    assert float(x.mean()) == pytest.approx(MEAN, abs=error * STD)
    assert float(x.std()) == pytest.approx(STD, abs=2.0 * error * STD)
    correlation = torch.corrcoef(torch.cat([start, x], dim=1).T)[0, 1]
    assert abs(float(correlation)) < error


@every_path
def test_nothing_is_kept_from_noise_alone_and_all_of_it_without_a_step(path: GaussianPath) -> None:
    later = path.time_on(torch.linspace(0.5, 1.0, 9, dtype=torch.float64), "log-snr")
    shares = noise_kept(path, later[0], later).tolist()
    assert shares[0] == pytest.approx(1.0)
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.2
    start = torch.tensor(path.start, dtype=torch.float64)
    least = float(path.alpha(start) / path.sigma(start))
    level = float(path.sigma(later[0]) / path.alpha(later[0]))
    assert float(noise_kept(path, start, later[0])) == pytest.approx(least * level)
