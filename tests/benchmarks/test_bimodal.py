import importlib
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genpolicy.path import GaussianPath, LinearPath, VEPath

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
WIDE, NARROW = VEPath(sigma_max=80.0), VEPath(sigma_max=5.0)
both_paths = pytest.mark.parametrize("path", [WIDE, NARROW], ids=["T=80", "T=5"])


@pytest.fixture(scope="module")
def maps() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("bimodal_maps")


@pytest.fixture(scope="module")
def bimodal(maps: Any) -> Any:
    return importlib.import_module("bimodal")


@pytest.fixture(scope="module")
def teach(bimodal: Any, maps: Any) -> Any:
    @cache
    def teach(path: GaussianPath, teacher: str, steps: int) -> Any:
        setting = bimodal.Setting("here", path)
        return bimodal.measure(bimodal.teach(setting, teacher, steps, maps.Line(401)))

    return teach


@pytest.mark.slow
@both_paths
def test_the_next_point_teaches_far_better_than_any_point(teach: Any, path: VEPath) -> None:
    for steps in (10, 20, 40):
        by_next, by_any = (teach(path, name, steps) for name in ("data", "data, u uniform"))
        assert by_next.share[1] > by_any.share[1] + 0.3
        assert by_next.distance[1] < 0.6 * by_any.distance[1]


@both_paths
def test_any_point_teaches_one_jump_to_the_mean(teach: Any, path: VEPath) -> None:
    for steps in (10, 40):
        taught = teach(path, "data, u uniform", steps)
        assert taught.share[1] < 0.005
        assert float(taught.curve.abs().median()) < 0.25  # the mean of the data is 0
        assert taught.distance[1] > 0.6


@both_paths
def test_the_data_teacher_improves_as_the_root_of_the_grid(teach: Any, path: VEPath) -> None:
    for coarse, fine in pairwise(teach(path, "data", steps) for steps in (10, 20, 40, 80)):
        assert fine.share[1] > coarse.share[1] + 0.05
        assert 1.35 < coarse.distance[1] / fine.distance[1] < 1.55


@both_paths
def test_the_residual_of_the_data_teacher_falls_with_the_grid(teach: Any, path: VEPath) -> None:
    residuals = [teach(path, "data", steps).residual for steps in (10, 20, 40, 80)]
    assert all(fine < 0.9 * coarse for coarse, fine in pairwise(residuals))


@both_paths
def test_solvers_with_the_exact_velocity_are_right_on_ten_steps(teach: Any, path: VEPath) -> None:
    assert teach(path, "euler", 10).share[1] > 0.94
    assert teach(path, "heun", 10).share[1] > 0.995
    assert teach(path, "heun", 10).residual == 0.0


def test_more_jumps_mend_what_one_jump_blurs(teach: Any) -> None:
    one, two, five = teach(NARROW, "data", 10).share.values()
    assert two > one + 0.3
    assert five > two
    assert teach(WIDE, "data", 10).share[2] < 0.4  # its stop lies where the data are still one blur


def test_shares_and_distances_are_the_known_ones(teach: Any) -> None:
    known = {
        (WIDE, "data"): (0.3147, 0.3243, 0.7516, 0.3640),
        (NARROW, "data"): (0.4889, 0.8989, 0.9561, 0.2643),
        (WIDE, "data, u uniform"): (0.0, 0.0324, 0.8218, 0.6759),
        (WIDE, "euler"): (0.9496, 0.9496, 0.9496, 0.0383),
    }
    for (path, teacher), values in known.items():
        taught = teach(path, teacher, 10)
        found = (*taught.share.values(), taught.distance[1])
        assert found == pytest.approx(values, abs=5e-4)


@pytest.mark.parametrize("uniform", [False, True])
def test_the_learned_jump_is_the_mean_of_the_walks_that_its_teacher_takes(
    maps: Any, uniform: bool
) -> None:
    """An independent way to it: random walks, without a line, nodes or a recursion."""
    steps, walks, x = 10, 20_000, torch.tensor([-6.0, -1.0, 0.5, 4.0], dtype=torch.float64)
    times = NARROW.times(steps, x)
    learned = maps.learn(NARROW, times, [steps], maps.Line(601), uniform=uniform)
    ends = _walk(maps, times, x.repeat(walks), uniform).reshape(walks, -1)
    error = ends.std(0) / walks**0.5
    assert ((ends.mean(0) - learned.jump(x, 0, steps)).abs() < 4.0 * error).all()


def _walk(maps: Any, times: Tensor, x: Tensor, uniform: bool) -> Tensor:
    """Return where walks end that go towards a fresh sample of p(a | x_t) at every stop."""
    generator, last = torch.Generator().manual_seed(0), len(times) - 1
    at = torch.zeros(len(x), dtype=torch.long)
    for i in range(last):
        weights, means, std = maps.posterior(NARROW, x, times[i])
        mode = torch.multinomial(weights, 1, generator=generator)
        noise = torch.randn(x.shape, dtype=x.dtype, generator=generator)
        a = means.gather(1, mode)[:, 0] + std * noise
        span = last - i if uniform else 1
        ahead = i + 1 + torch.randint(span, x.shape, generator=generator)
        here = at == i
        x = torch.where(here, NARROW.carry(x, a, times[i].expand_as(x), times[ahead]), x)
        at = torch.where(here, ahead, at)
    return x


@pytest.mark.parametrize("uniform", [False, True])
def test_ve_and_linear_paths_agree_through_the_change_of_variables(
    maps: Any, uniform: bool
) -> None:
    linear, line, x = LinearPath(), maps.Line(401), torch.linspace(-9, 9, 50, dtype=torch.float64)
    ve_times = NARROW.times(20, x)
    linear_times = linear.time_at(NARROW.half_log_snr(ve_times))
    by_ve = maps.learn(NARROW, ve_times, [20], line, uniform=uniform).jump(x, 0, 20)
    learned = maps.learn(linear, linear_times, [20], line, uniform=uniform)
    by_linear = learned.jump(linear.alpha(linear_times[0]) * x, 0, 20)
    torch.testing.assert_close(by_linear / linear.alpha(linear_times[-1]), by_ve)


@pytest.mark.parametrize("path", [WIDE, NARROW, LinearPath()], ids=str)
def test_solvers_converge_to_the_same_quantile(bimodal: Any, path: GaussianPath) -> None:
    """In one dimension the ODE keeps every sample's rank."""
    setting = bimodal.Setting("here", path)
    away = [
        float((bimodal.teach(setting, "heun", steps).sample(1, 500) - target).abs().mean())
        for target in [bimodal.exact(path, 500)]
        for steps in (40, 160)
    ]
    assert away[1] < 2e-4
    assert away[1] < away[0] / 8


def test_solvers_move_as_the_path_carries_the_expected_data(maps: Any) -> None:
    t, s, x = (torch.tensor(v, dtype=torch.float64) for v in (0.7, 0.8, [-2.0, 0.3, 1.0]))
    weights, means, _ = maps.posterior(NARROW, x, t)
    carried = NARROW.carry(x, (weights * means).sum(1), t, s)
    torch.testing.assert_close(maps.euler(NARROW, x, t, s), carried)


def test_a_line_reads_cubics_exactly_and_a_little_beyond_its_ends(maps: Any) -> None:
    line, t = maps.Line(31), torch.tensor(0.4, dtype=torch.float64)
    points = line.at(NARROW, t)
    cubic = torch.stack([points**3 - 2 * points**2, 5 - points], dim=1)
    x = torch.linspace(1.05 * points[0], 1.05 * points[-1], 77, dtype=torch.float64)
    expected = torch.stack([x**3 - 2 * x**2, 5 - x], dim=1)
    torch.testing.assert_close(line.read(cubic, NARROW, t, x), expected)


def test_the_data_are_at_no_distance_from_themselves(bimodal: Any) -> None:
    data = torch.cat([mode + 0.05 * bimodal.quantiles(500) for mode in (-0.8, 0.8)])
    assert bimodal.wasserstein(data) < 1e-9
    assert bimodal.wasserstein(data + 0.1) == pytest.approx(0.1)
    assert bimodal.share_near(data + 0.2) == pytest.approx(0.5)


def test_jumps_stop_where_the_solver_halts(bimodal: Any, maps: Any) -> None:
    taught = bimodal.teach(bimodal.Setting("here", NARROW), "data", 10, maps.Line(101))
    assert taught.stops == {1: [0, 10], 2: [0, 5, 10], 5: [0, 2, 4, 6, 8, 10]}


@pytest.mark.slow
def test_the_command_prints_its_table_and_draws_its_figure(
    bimodal: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(bimodal, "STEPS", {"data": (10, 40), "euler": (10,)})
    monkeypatch.setattr(bimodal, "Line", lambda: importlib.import_module("bimodal_maps").Line(401))
    monkeypatch.setattr(sys, "argv", ["bimodal.py", "--out", str(tmp_path / "figure.png")])
    bimodal.main()
    printed = capsys.readouterr().out
    assert "| VE, T = 80 | data | 10 | 31.5 % | 32.4 % | 75.2 % | 0.3640 |" in printed
    assert "VE, T = 5: the ODE itself 100.0 %, 0.0007" in printed
    assert (tmp_path / "figure.png").stat().st_size > 10_000
