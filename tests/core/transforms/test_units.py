import attrs
import numpy as np
import pytest
import torch

from genpolicy.transforms.units import Units, units_of
from walks import walk


@pytest.fixture
def data():
    return attrs.evolve(
        walk(5, 6),
        action_low=np.array([-20.0, -15.0], np.float32),
        action_high=np.array([30.0, 15.0], np.float32),
    )


def test_normalised_observations_have_mean_0_and_deviation_1(data):
    small = attrs.evolve(data, observation=1e-4 * data.observation + 3e-3)
    for each in (data, small):
        units = units_of(each, normalise=True, rescale=False)
        seen = units.seen(torch.as_tensor(each.observation))
        assert float(seen.mean()) == pytest.approx(0.0, abs=1e-5)
        assert float(seen.std(correction=0)) == pytest.approx(1.0, abs=1e-5)


def test_a_constant_observation_stays_finite(data):
    same = np.full_like(data.observation, 7.0)
    units = units_of(attrs.evolve(data, observation=same), normalise=True, rescale=False)
    assert units.seen(torch.as_tensor(same)).abs().max() == 0.0


def test_the_box_of_actions_becomes_that_from_minus_one_to_one(data):
    units = units_of(data, normalise=False, rescale=True)
    bounds = torch.as_tensor(np.stack([data.action_low, data.action_high]))
    assert units.aimed(bounds).tolist() == [[-1.0, -1.0], [1.0, 1.0]]


def test_chunks_are_rescaled_action_by_action(data):
    units = units_of(data, normalise=False, rescale=True)
    chunk = torch.as_tensor(data.action).reshape(1, -1, 2)
    assert torch.equal(units.aimed(chunk)[0], units.aimed(chunk[0]))


def test_there_and_back_is_the_same(data):
    units = units_of(data, normalise=True, rescale=True)
    action = torch.as_tensor(data.action)
    torch.testing.assert_close(units.done(units.aimed(action)), action, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize(("low", "high"), [(-np.inf, np.inf), (5.0, 5.0)])
def test_bounds_that_are_infinite_or_leave_no_room_are_left_alone(data, low, high):
    lows, highs = data.action_low.copy(), data.action_high.copy()
    lows[0], highs[0] = low, high
    still = np.full_like(data.action, 5.0)
    box = {"action_low": lows, "action_high": highs}
    units = units_of(attrs.evolve(data, action=still, **box), normalise=False, rescale=True).action
    assert units is not None
    assert (float(units.center[0]), float(units.scale[0])) == (0.0, 1.0)
    assert float(units.scale[1]) == 15.0


def test_units_that_change_nothing_are_none():
    ones = np.ones(2, np.float32)
    data = attrs.evolve(
        walk(2), action=np.zeros((2, 2), np.float32), action_low=-ones, action_high=ones
    )
    units = units_of(data, normalise=False, rescale=True)
    assert (units.action, units.observation) == (None, None)
    assert units.as_json() == {}


def test_units_are_written_and_read(data):
    units = units_of(data, normalise=True, rescale=True)
    again = Units.from_json(units.as_json())
    action, seen = torch.as_tensor(data.action), torch.as_tensor(data.observation)
    assert torch.equal(again.aimed(action), units.aimed(action))
    assert torch.equal(again.seen(seen), units.seen(seen))
