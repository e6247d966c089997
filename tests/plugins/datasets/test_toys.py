import math

import numpy as np
import pytest

from genpolicy.dataset import DatasetRecipe
from genpolicy.errors import DataError
from genpolicy_plugins.datasets.toys import BOX, NOISE, draw

SHAPES = ("eight-gaussians", "two-moons", "pinwheel", "checkerboard")


def random(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(params=SHAPES)
def toy(request, catalogue):
    """The recipe class of a toy dataset, by the name that users type."""
    return catalogue.load(catalogue.find("dataset", f"toy/{request.param}"), DatasetRecipe)


def test_data_is_points_to_be_imitated_with_nothing_to_see_or_to_gain(toy):
    data = toy(points=100).prepare()
    assert data.name == f"toy/{toy.shape}"
    assert data.action.shape == (100, 2)
    assert data.observation.tolist() == data.next_observation.tolist() == [[0.0]] * 100
    assert not data.reward.any()
    assert data.terminal.all()
    assert not data.timeout.any()
    assert (data.environment, data.reference) == (None, None)
    assert data.action_high.tolist() == [BOX, BOX]
    assert data.action_low.tolist() == [-BOX, -BOX]


def test_fresh_points_come_from_the_same_sampler(toy):
    data = toy(points=64, seed=5).load()
    assert np.array_equal(data.action, draw(toy.shape, 64, random(5)))


def test_points_are_no_actions_in_a_row(toy):
    with pytest.raises(DataError, match=r"no episode of 2 steps .* has 1; lower dataset.chunk"):
        toy(points=10, chunk=2).prepare()


@pytest.mark.parametrize("shape", SHAPES)
def test_every_coordinate_has_mean_zero_and_variance_one(shape):
    points = draw(shape, 200_000, random()).astype(np.float64)
    error = 5.0 / math.sqrt(len(points))
    assert np.abs(points.mean(axis=0)).max() < error
    assert np.abs(points.var(axis=0) - 1.0).max() < 1.5 * error
    assert np.abs(points).max() < BOX - 0.5


def test_eight_gaussians_have_an_eighth_each():
    points = draw("eight-gaussians", 80_000, random())
    turns = np.round(np.arctan2(*points.T[::-1]) / (math.pi / 4)) % 8
    shares = np.bincount(turns.astype(int), minlength=8) / len(points)
    assert np.abs(shares - 0.125).max() < 0.005
    centres = math.sqrt(2 * (1 - NOISE**2)) * np.stack(
        [np.cos(turns * math.pi / 4), np.sin(turns * math.pi / 4)], axis=1
    )
    assert (points - centres).std(axis=0) == pytest.approx([NOISE, NOISE], rel=0.01)


def test_moons_lie_around_two_half_circles_of_one_width():
    points = draw("two-moons", 50_000, random()).astype(np.float64)
    scale = np.sqrt([0.75, 0.5625 - 1 / math.pi]) / math.sqrt(1 - NOISE**2)
    angle = np.linspace(0, math.pi, 400)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    curve = (np.concatenate([upper, [1.0, 0.5] - upper]) - [0.5, 0.25]) / scale
    gaps = np.stack([np.hypot(*(curve - point).T).min() for point in points[:2000]])
    # the distance of Gaussian noise from a line is half normal
    assert gaps.mean() == pytest.approx(NOISE * math.sqrt(2 / math.pi), rel=0.06)


def test_a_pinwheel_is_the_same_after_a_fifth_of_a_turn():
    x, y = draw("pinwheel", 200_000, random()).astype(np.float64).T
    direction = (x + 1j * y) / np.hypot(x, y)
    for power in range(1, 5):
        assert abs((direction**power).mean()) < 0.01
    assert abs((direction**5).mean()) > 0.2


def test_a_checkerboard_fills_eight_squares_evenly():
    squares = np.floor(draw("checkerboard", 80_000, random()) / (0.5 * math.sqrt(3)) + 2)
    column, row = squares.astype(int).T
    assert ((column + row) % 2 == 0).all()
    shares = np.bincount(4 * column + row, minlength=16) / len(row)
    assert (shares > 0).sum() == 8
    assert np.abs(shares[shares > 0] - 0.125).max() < 0.005
