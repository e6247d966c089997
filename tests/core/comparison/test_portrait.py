import math

import attrs
import numpy as np
import pytest
import torch

from genpolicy.backbone import FlowMapBackbone, GaussianPathBackbone, OneStepBackbone
from genpolicy.comparison.portrait import (
    ESTIMATED_FROM,
    Frame,
    kernel_estimate,
    portray,
    travel_of,
)
from genpolicy.errors import UsageError
from genpolicy.path import LinearPath, VEPath
from genpolicy.solver import Solver
from genpolicy_plugins.solvers.runge_kutta import RK4, Midpoint

FRAME = Frame(centre=(0.5, -0.5), half=3.0, cells=32)
CONDITION = torch.zeros(2, dtype=torch.float64)


class OneStep(OneStepBackbone):
    """Halves its noise."""

    def __init__(self):
        super().__init__((2,))

    def matching_loss(self, sample, condition):
        raise NotImplementedError

    def transport(self, noise, condition):
        return 0.5 * noise


class ExactMap(FlowMapBackbone):
    """The flow map of N(0, 1) data on the straight path: x_t keeps its direction."""

    def __init__(self):
        super().__init__((2,), LinearPath())

    def matching_loss(self, sample, condition):
        raise NotImplementedError

    def jump(self, x_t, t, s, condition):
        return x_t * torch.sqrt((s**2 + (1 - s) ** 2) / (t**2 + (1 - t) ** 2))


class BothWays(ExactMap, GaussianPathBackbone):
    """A flow map that knows its velocity, too."""

    def field(self, condition):
        return lambda x, t: x * (2 * t - 1) / (t**2 + (1 - t) ** 2)


@attrs.frozen(kw_only=True)
class Jump(Solver):
    """One jump."""

    def sample(self, policy: OneStepBackbone, condition, noise, generator=None):
        return policy.transport(noise, condition)


def portrait_of(policy, solver, frame=FRAME, **counts):
    generator = torch.Generator().manual_seed(0)
    return portray(
        policy, solver, CONDITION, frame, fine=RK4(steps=24), generator=generator, **counts
    )


def test_a_frame_shows_nearly_all_points_and_most_of_the_noise():
    frame = Frame.around(np.array([[-1.0, 0.0], [7.0, 0.5]], np.float32))
    left, right, lower, upper = frame.edges
    assert left < -2.0
    assert right > 6.9
    assert right - left == pytest.approx(upper - lower) == pytest.approx(2 * frame.half)
    far = np.concatenate([np.zeros((10_000, 2)), [[500.0, 0.0]]]).astype(np.float32)
    assert Frame.around(far).half == pytest.approx(2.0 * 1.06)


def test_the_cells_of_a_frame_fill_it():
    x, y = FRAME.axes()
    left, right, lower, upper = FRAME.edges
    assert (left, right, lower, upper) == (-2.5, 3.5, -3.5, 2.5)
    assert x[0] - left == pytest.approx(right - x[-1], abs=1e-5) == pytest.approx(FRAME.cell / 2)
    assert np.diff(y) == pytest.approx(FRAME.cell, rel=1e-4)


def test_an_ode_is_followed_and_its_density_is_exact(gaussian_data):
    policy = gaussian_data(LinearPath(), [1.0, -0.5], 0.4)
    found = portrait_of(policy, Midpoint(steps=8), samples=10, lines=7)
    assert found.travel == "ode"
    assert found.samples.shape == (10, 2)
    assert found.paths.shape == (25, 7, 2)
    noise, end = (torch.from_numpy(found.paths[k]).double() for k in (0, -1))
    np.testing.assert_allclose(policy.carried(noise, CONDITION).detach(), end, atol=1e-3)
    x, y = np.meshgrid(*FRAME.axes())
    square = ((x - 1.0) ** 2 + (y + 0.5) ** 2) / 0.4**2
    np.testing.assert_allclose(
        found.density, np.exp(-square / 2) / (2 * math.pi * 0.4**2), atol=2e-3
    )


def test_much_noise_is_shrunk_into_the_picture(gaussian_data):
    policy = gaussian_data(VEPath(), [0.0, 0.0], 1.0)
    paths = portrait_of(policy, Midpoint(steps=8), samples=1, lines=200).paths
    assert np.abs(paths[0]).max() < 5.0
    # N(0, 1) data: x_t / sqrt(1 + sigma_t^2) does not move
    np.testing.assert_allclose(paths[-1], paths[0], atol=0.05)


def test_a_flow_map_jumps_from_the_noise_to_every_time():
    found = portrait_of(ExactMap(), Jump(), samples=10, lines=5, times=8)
    assert found.travel == "jumps"
    t = np.linspace(0.0, 1.0, 9)
    scale = np.sqrt(t**2 + (1 - t) ** 2)[:, None, None]
    np.testing.assert_allclose(found.paths, scale * found.paths[0], rtol=1e-5)


def test_a_flow_map_whose_ode_is_solved_shows_its_ode():
    assert travel_of(BothWays(), Jump()) == "jumps"
    assert travel_of(BothWays(), Midpoint()) == "ode"
    solved = portrait_of(BothWays(), Midpoint(), samples=1, lines=5)
    jumped = portrait_of(BothWays(), Jump(), samples=1, lines=5, times=24)
    np.testing.assert_allclose(solved.paths, jumped.paths, atol=1e-3)
    # the estimate is of 20 000 samples and blurred by a cell
    np.testing.assert_allclose(solved.density, jumped.density, atol=0.02)


def test_what_takes_one_step_goes_straight():
    found = portrait_of(OneStep(), Jump(), samples=10, lines=5)
    assert found.travel == "straight"
    assert found.paths.shape == (2, 5, 2)
    np.testing.assert_allclose(found.paths[1], 0.5 * found.paths[0], rtol=1e-6)


def test_a_kernel_estimate_is_the_density_blurred_by_a_cell():
    random = np.random.default_rng(0)
    points = random.normal([0.5, -0.5], 0.5, (ESTIMATED_FROM, 2)).astype(np.float32)
    found = kernel_estimate(points, FRAME)
    assert found.sum() * FRAME.cell**2 == pytest.approx(1.0, abs=1e-3)
    x, y = np.meshgrid(*FRAME.axes())
    variance = 0.5**2 + FRAME.cell**2
    square = ((x - 0.5) ** 2 + (y + 0.5) ** 2) / variance
    expected = np.exp(-square / 2) / (2 * math.pi * variance)
    np.testing.assert_allclose(found, expected, atol=0.03 * expected.max())


def test_rows_of_a_density_are_heights():
    found = kernel_estimate(np.array([[0.5, 2.0]], np.float32), FRAME)
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert row > 25
    assert column in (15, 16)


def test_the_same_seed_gives_the_same_portrait():
    one, other = (portrait_of(ExactMap(), Jump(), samples=9, lines=3) for _ in range(2))
    for name in ("samples", "paths", "density"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def test_a_model_of_anything_but_points_is_refused(gaussian_data):
    policy = gaussian_data(LinearPath(), [0.0, 0.0, 0.0], 1.0)
    with pytest.raises(UsageError) as caught:
        portrait_of(policy, Midpoint())
    assert str(caught.value) == (
        "a portrait shows points in the plane, samples of shape (2,); this model's samples have "
        "shape (3,)"
    )
