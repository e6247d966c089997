"""The grid of times that doubles while a model trains."""

import pytest
import torch

from genpolicy.path import GaussianPath, LinearPath, VEPath
from genpolicy_plugins.backbones.growing_grid import GrowingGrid

LIKE = torch.zeros(40_000, 2)


def _grid(progress: float, path: GaussianPath | None = None) -> GrowingGrid:
    grid = GrowingGrid(path or VEPath(), 10, 1280)
    grid.advance(progress)
    return grid


@pytest.mark.parametrize(
    ("progress", "steps"),
    [(0.0, 10), (0.12, 10), (0.13, 20), (0.3, 40), (0.5, 160), (0.8, 640), (0.9, 1280), (1, 1280)],
)
def test_it_doubles_from_ten_to_1280_in_equal_stretches(progress: float, steps: int) -> None:
    assert int(_grid(progress).steps) == steps


def test_a_grid_that_does_not_grow_stays() -> None:
    grid = GrowingGrid(VEPath(), 40, 40)
    grid.advance(1.0)
    assert int(grid.steps) == 40


@pytest.mark.parametrize("path", [VEPath(), LinearPath()], ids=str)
def test_its_times_are_those_of_a_solve_on_the_paths_own_grid(path: GaussianPath) -> None:
    grid = _grid(0.13, path)
    expected = path.times(20, torch.zeros(1))
    torch.testing.assert_close(grid.time(torch.arange(21.0)), expected)
    assert float(grid.time(torch.tensor(0.0))) == path.start
    assert float(grid.time(torch.tensor(20.0))) == path.end


def test_every_step_is_as_likely() -> None:
    torch.manual_seed(0)
    index = _grid(0.0).draw_index(LIKE)
    assert index.shape == (40_000,)
    counts = torch.bincount(index.long(), minlength=10)
    assert len(counts) == 10
    assert counts.min() > 3700
    assert counts.max() < 4300


def test_log_normal_steps_hold_the_drawn_level() -> None:
    torch.manual_seed(0)
    path, grid = VEPath(), _grid(1.0).double()
    index = grid.draw_log_normal_index(LIKE.double(), -1.1, 2.0)
    before, after = (path.sigma(grid.time(i)) for i in (index, index + 1.0))
    torch.manual_seed(0)
    level = torch.exp(-1.1 + 2.0 * torch.randn(40_000, dtype=torch.float64)).clamp(0.002, 80.0)
    assert (before * 1.00001 >= level).all()
    assert (after * 0.99999 <= level).all()


def test_a_later_point_is_any_of_those_that_follow() -> None:
    torch.manual_seed(0)
    grid = _grid(0.0)
    later = grid.draw_later(torch.full((9000,), 7.0))
    assert later.unique().tolist() == [8.0, 9.0, 10.0]
    assert int((later == 8.0).sum()) == pytest.approx(3000, abs=200)
    assert grid.draw_later(torch.full((9,), 9.0)).unique().tolist() == [10.0]


def test_its_progress_is_part_of_the_state() -> None:
    other = GrowingGrid(VEPath(), 10, 1280)
    other.load_state_dict(_grid(0.5).state_dict())
    assert int(other.steps) == 160
