import math

import numpy as np
import pytest
import torch

from genpolicy.comparison.distances import energy_distance
from genpolicy.dataset import DatasetRecipe
from genpolicy_plugins.datasets.bandits import (
    BOX,
    CENTRES,
    WIDTH,
    MultiPeak,
    PeaksPayoff,
    Quadratic,
    draw_behaviour,
    log_behaviour,
)

BANDITS = ("quadratic", "multi-peak")
PAYOFFS = pytest.mark.parametrize(
    "payoff", [Quadratic.payoff, MultiPeak.payoff], ids=["quadratic", "multi-peak"]
)
BETAS = pytest.mark.parametrize("beta", [1.0, 4.0, 16.0])


def random(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(params=BANDITS)
def bandit(request, catalogue):
    """The recipe class of a bandit, by the name that users type."""
    return catalogue.load(catalogue.find("dataset", f"bandit/{request.param}"), DatasetRecipe)


def test_data_are_actions_that_end_at_once_and_earn_their_value(bandit):
    data = bandit(points=100).prepare()
    assert data.name == f"bandit/{bandit.title}"
    assert data.action.shape == (100, 2)
    assert data.observation.tolist() == data.next_observation.tolist() == [[0.0]] * 100
    assert np.array_equal(data.reward, bandit.payoff.q(data.action).astype(np.float32))
    assert data.terminal.all()
    assert not data.timeout.any()
    assert (data.environment, data.reference) == (None, None)
    assert data.action_high.tolist() == [BOX, BOX]
    assert data.action_low.tolist() == [-BOX, -BOX]
    assert bandit.default_recipe == "bandits"


def test_noise_is_added_to_rewards_and_changes_no_action(bandit):
    plain, noisy = bandit(points=20_000).load(), bandit(points=20_000, noise=0.5).load()
    assert np.array_equal(plain.action, noisy.action)
    noise = noisy.reward - plain.reward
    assert abs(noise.mean()) < 0.02
    assert noise.std() == pytest.approx(0.5, rel=0.02)


def test_every_coordinate_has_mean_zero_and_variance_one():
    action = draw_behaviour(200_000, random())
    error = 5.0 / math.sqrt(len(action))
    assert np.abs(action.mean(axis=0)).max() < error
    assert np.abs(action.var(axis=0) - 1.0).max() < 1.5 * error
    assert np.abs(action).max() < BOX - 0.5


def test_the_density_of_the_data_is_that_of_eight_gaussians():
    assert math.exp(log_behaviour(CENTRES[:1])[0]) == pytest.approx(
        1 / (8 * 2 * math.pi * WIDTH**2), rel=1e-5
    )
    action = draw_behaviour(100_000, random())
    entropy = math.log(8) + math.log(2 * math.pi * math.e * WIDTH**2)  # they hardly overlap
    assert -log_behaviour(action).mean() == pytest.approx(entropy, abs=0.03)
    # importance weights of a wide Gaussian, whose mean is the integral of the density
    wide = 2.0 * random().normal(size=(200_000, 2))
    log_wide = -0.125 * (wide**2).sum(1) - math.log(8 * math.pi)
    assert np.exp(log_behaviour(wide) - log_wide).mean() == pytest.approx(1.0, abs=0.02)


def test_values_are_the_known_ones():
    action = np.array([[0.7, 0.2], [0.7, 2.2], [-1.3, 0.2]])
    assert Quadratic.payoff.q(action) == pytest.approx([0.0, -1.0, -1.0])
    peaks = PeaksPayoff(centres=((0.0, 0.0), (3.0, 4.0)), heights=(1.0, 0.5), widths=(5.0, 2.0))
    expected = [1.0 + 0.5 * math.exp(-25 / 8), 0.5 + math.exp(-0.5)]
    assert peaks.q(np.array([[0.0, 0.0], [3.0, 4.0]])) == pytest.approx(expected)


@PAYOFFS
def test_no_value_exceeds_the_bound_and_one_comes_near_it(payoff):
    side = np.linspace(-BOX, BOX, 1600)
    q = payoff.q(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2))
    assert payoff.highest() - 1e-3 < q.max() <= payoff.highest()


@BETAS
def test_the_optimum_of_a_hill_is_known_in_closed_form(beta):
    c, k = np.array(Quadratic.payoff.centre), Quadratic.payoff.curvature
    u = 1 + beta * k * WIDTH**2
    terms = np.exp(-beta * k * ((CENTRES - c) ** 2).sum(1) / (2 * u))
    log_z = math.log(terms.sum() / (8 * u))
    mean = (CENTRES + beta * k * WIDTH**2 * c) / u
    reward = -0.5 * k * terms @ (((mean - c) ** 2).sum(1) + 2 * WIDTH**2 / u) / terms.sum()
    known = Quadratic.payoff.optimum(beta)
    assert known.log_z == pytest.approx(log_z, abs=1e-8)
    assert known.reward == pytest.approx(reward, abs=1e-8)
    assert known.kl == pytest.approx(beta * reward - log_z, abs=1e-8)


@PAYOFFS
@BETAS
def test_what_is_known_of_an_optimum_is_what_its_draws_and_the_data_say(payoff, beta):
    known, count = payoff.optimum(beta), 100_000
    weight = np.exp(beta * payoff.q(draw_behaviour(count, random())))
    error = 5.0 * weight.std() / weight.mean() / math.sqrt(count)
    assert math.log(weight.mean()) == pytest.approx(known.log_z, abs=error)
    share = weight.mean() ** 2 / (weight**2).mean()
    assert known.effective == pytest.approx(share, rel=0.1)
    assert known.effective > 0.02
    q = payoff.q(payoff.draw_optimum(beta, count, random(1)))
    error = 5.0 * q.std() / math.sqrt(count)
    assert q.mean() == pytest.approx(known.reward, abs=error)
    assert (beta * q - known.log_z).mean() == pytest.approx(known.kl, abs=beta * error)


@PAYOFFS
def test_without_a_temperature_the_optimum_is_the_data(payoff):
    known = payoff.optimum(0.0)
    assert (known.kl, known.log_z, known.effective) == pytest.approx((0.0, 0.0, 1.0), abs=1e-9)
    mean = payoff.q(draw_behaviour(200_000, random())).mean()
    assert known.reward == pytest.approx(mean, abs=5e-3)


@PAYOFFS
@BETAS
def test_draws_are_those_of_the_weighted_data(payoff, beta):
    """Two independent ways to them: what the module draws, and choosing among the data."""
    drawn = payoff.draw_optimum(beta, 3000, random())
    data = draw_behaviour(100_000, random(1))
    weight = np.exp(beta * payoff.q(data))
    chosen = data[random(2).choice(len(data), 3000, p=weight / weight.sum())]
    assert distance(drawn, chosen) < 4e-3


@BETAS
def test_rejection_draws_what_the_closed_form_draws(beta):
    payoff = Quadratic.payoff
    rejected = payoff.draw_weighted(lambda q: beta * q, 3000, random())
    assert rejected.shape == (3000, 2)
    assert distance(rejected, payoff.draw_optimum(beta, 3000, random(1))) < 4e-3


@PAYOFFS
def test_the_same_generator_draws_the_same_actions(payoff):
    first, again = (payoff.draw_optimum(4.0, 50, random(3)) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, payoff.draw_optimum(4.0, 50, random(4)))


def test_temperatures_span_from_the_data_to_a_mode_or_two():
    for bandit in (Quadratic, MultiPeak):
        far = [
            distance(
                bandit.payoff.draw_optimum(beta, 2000, random()), draw_behaviour(2000, random(1))
            )
            for beta in (1.0, 4.0, 16.0)
        ]
        assert far[0] < 0.1
        assert far[0] < 0.2 * far[2]
        assert far[0] < far[1] < far[2]
        drawn = bandit.payoff.draw_optimum(16.0, 20_000, random())
        mode = ((drawn[:, None] - CENTRES) ** 2).sum(-1).argmin(1)
        share = np.sort(np.bincount(mode, minlength=8) / len(drawn))
        assert share[-2:].sum() > 0.9
        assert share[-2] > 0.1


def distance(x, y):
    return energy_distance(torch.from_numpy(x), torch.from_numpy(y))
