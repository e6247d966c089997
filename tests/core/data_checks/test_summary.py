"""Statistics of data."""

import attrs
import numpy as np
import pytest

from genpolicy.data_checks import Spread, summarise
from genpolicy.data_checks.coverage import coverage_of, plane_of
from genpolicy.dataset import EnvironmentSpec, Reference
from genpolicy.errors import OptionError
from genpolicy.transforms import units_of

MAZE = EnvironmentSpec(id="x", horizon=9, observation_keys=("observation", "desired_goal"))


def test_episodes_are_counted_and_summed(walk):
    reference = Reference(random_return=0.0, expert_return=10.0, source="here")
    environment = EnvironmentSpec(id="x", horizon=20)
    data = walk(reward=np.ones(160, np.float32), reference=reference, environment=environment)
    found = summarise(data)
    assert (found.transitions, found.episodes) == (160, 8)
    assert (found.terminals, found.timeouts) == (4, 4)
    assert found.lengths.tolist() == found.returns.tolist() == [20.0] * 8
    assert found.scores.tolist() == [200.0] * 8
    assert summarise(walk()).scores is None


def test_spreads_are_numpys(walk):
    values = np.random.default_rng(0).normal(size=101)
    found = Spread.of(values)
    assert found.mean == pytest.approx(values.mean())
    assert found.deviation == pytest.approx(values.std())
    assert [found.smallest, found.median, found.largest] == pytest.approx(
        [values.min(), np.median(values), values.max()]
    )
    assert found.quarter < found.median < found.three_quarters


def test_columns_are_told_in_the_environments_unit_and_as_models_see_them(walk):
    wide = np.array([4.0, 1.0], np.float32)
    data = walk(action_low=-wide, action_high=wide)
    data = attrs.evolve(data, units=units_of(data, normalise=True, rescale=True))
    columns = {column.name: column for column in summarise(data).columns}
    assert list(columns) == [*(f"observation {k}" for k in range(3)), "action 0", "action 1"]
    for place in range(3):
        column = columns[f"observation {place}"]
        assert column.spread.mean == pytest.approx(data.observation[:, place].mean(), rel=1e-4)
        assert column.seen_mean == pytest.approx(0.0, abs=1e-5)
        assert column.seen_deviation == pytest.approx(1.0, abs=2e-3)
        assert column.edge is None
    action = columns["action 0"]
    assert action.seen_deviation == pytest.approx(action.spread.deviation / 4)
    assert columns["action 1"].seen_mean == columns["action 1"].spread.mean


def test_actions_at_the_edge_of_their_box_are_counted(walk):
    data = walk()
    data.action[:, 0] = np.where(np.arange(160) < 40, 1.0, 0.0)
    columns = summarise(data).columns
    assert columns[3].edge == 0.25
    far = np.full(2, np.inf, np.float32)
    assert summarise(walk(action_low=-far, action_high=far)).columns[3].edge is None


def test_chunks_of_actions_are_counted_action_by_action(walk):
    data = walk(action=np.zeros((160, 4, 2), np.float32))
    assert [column.name for column in summarise(data).columns[3:]] == ["action 0", "action 1"]


def test_the_plane_is_the_place_where_a_goal_is_observed_else_the_main_components(walk):
    assert plane_of(walk(environment=MAZE)).names == ("observation 0", "observation 1")
    data = walk(observation=walk().observation[:, :2], next_observation=walk().observation[:, :2])
    assert plane_of(data).what == "observed numbers 0 and 1"
    found = plane_of(walk())
    assert found.names == ("main component", "second component")
    assert "the two main components of the observations" in found.what
    spread = found.points.std(axis=0)
    assert spread[0] >= spread[1]
    assert np.corrcoef(found.points.T)[0, 1] == pytest.approx(0.0, abs=1e-9)


def test_the_plane_of_a_bandit_is_that_of_its_actions(walk):
    nothing = np.zeros((160, 3), np.float32)
    found = plane_of(walk(observation=nothing, next_observation=nothing))
    assert found.names == ("action 0", "action 1")
    assert found.columns == 0
    assert found.dimensions == 0.0


def test_axes_that_are_named_span_the_plane(walk):
    data = walk()
    found = plane_of(data, (2, 0))
    assert np.array_equal(found.points, data.observation[:, [2, 0]])
    with pytest.raises(OptionError, match=r"observes 3 numbers, 0 to 2; got axes 0,3"):
        plane_of(data, (0, 3))


def test_dimensions_count_what_varies_by_itself(walk):
    random = np.random.default_rng(0).normal(size=(160, 3)).astype(np.float32)
    assert plane_of(walk(observation=random)).dimensions == pytest.approx(3.0, abs=0.2)
    line = random[:, :1] * np.array([1.0, 5.0, -2.0], np.float32)
    assert plane_of(walk(observation=line)).dimensions == pytest.approx(1.0, abs=1e-3)


def test_coverage_grows_with_what_is_visited(walk):
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 120), np.linspace(0, 1, 120)), -1)
    points = grid.reshape(-1, 2).astype(np.float32)
    ends = {"terminal": np.ones(14400, bool), "timeout": np.zeros(14400, bool)}
    other = {"action": np.zeros((14400, 2), np.float32), "reward": np.zeros(14400, np.float32)}
    even = walk(observation=points, next_observation=points, **ends, **other)
    found = coverage_of(plane_of(even))
    assert found.visited > 0.9
    assert found.half > 0.3
    spot = points.copy()
    spot[:14000] = 0.5
    found = coverage_of(plane_of(attrs.evolve(even, observation=spot)))
    assert found.half == pytest.approx(1 / 900)
    assert found.visited < 0.5
