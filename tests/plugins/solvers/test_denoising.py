"""Solvers that step through the denoiser: orders, exact posteriors, and what each reduces to."""

import math
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import torch
from torch import Tensor

from genpolicy.errors import OptionError
from genpolicy.path import GaussianPath, GVPPath, LinearPath, VEPath, VPPath
from genpolicy.recipe import make_recipe
from genpolicy.testing.models import GaussianData, Mixture
from genpolicy.transitions import noise_kept
from genpolicy_plugins.solvers.ddim import DDIM
from genpolicy_plugins.solvers.ddpm import DDPM
from genpolicy_plugins.solvers.dpm_solver import DPMSolver
from genpolicy_plugins.solvers.runge_kutta import RK4, Euler
from genpolicy_plugins.solvers.sde import SDE

PATHS = [LinearPath(0.0), LinearPath(0.1), VPPath(), GVPPath(), VEPath()]
every_path = pytest.mark.parametrize("path", PATHS, ids=str)
MODES = [[-0.7, -0.3], [0.5, 0.6], [0.2, -0.8]]

Make = Callable[..., Any]


def _noise(policy: Any, rows: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    condition = torch.zeros(rows, 1, dtype=torch.float64)
    return condition, policy.draw_noise(condition)


@pytest.mark.parametrize(
    ("solver", "order"),
    [
        (DDIM(grid="log-snr"), 1),
        (DPMSolver(grid="log-snr", order=1), 1),
        (DPMSolver(grid="log-snr"), 2),
        (DPMSolver(grid="karras"), 2),
    ],
    ids=repr,
)
def test_the_error_shrinks_with_the_claimed_order(solver: Any, order: int, slope: Make) -> None:
    policy = GaussianData(VEPath(0.1, 5.0), [0.5], 0.4)
    condition, noise = _noise(policy, 20)
    exact, counts = policy.carried(noise, condition).detach(), [20, 40, 80]
    with torch.no_grad():
        found = [attrs.evolve(solver, steps=n).sample(policy, condition, noise) for n in counts]
    errors = [float((samples - exact).norm()) for samples in found]
    assert slope([1 / count for count in counts], errors) == pytest.approx(order, abs=0.25)


@every_path
def test_dpm_solver_beats_euler_at_equal_evaluations(path: GaussianPath) -> None:
    policy = Mixture(path, MODES, 0.1)
    condition, noise = _noise(policy, 200)
    exact = RK4(steps=100, grid="log-snr").sample(policy, condition, noise)

    def error(solver: Any) -> float:
        return float((solver.sample(policy, condition, noise) - exact).abs().mean())

    for steps in (5, 8, 10, 20):
        assert error(DPMSolver(steps=steps)) < 0.7 * error(Euler(steps=steps))
        assert error(DPMSolver(steps=steps)) < 0.6 * error(DDIM(steps=steps))
    assert error(DPMSolver(steps=40)) < 3e-3


@pytest.mark.parametrize("path", [LinearPath(0.1), VEPath(0.1, 5.0)], ids=str)
def test_dpm_solver_ends_with_second_order_where_the_path_ends_with_noise(
    path: GaussianPath,
) -> None:
    """In its last step the previous denoiser counts; on a path to no noise it does not."""
    like = torch.zeros((), dtype=torch.float64)

    def last(path: GaussianPath) -> float:
        solver = DPMSolver(steps=6)
        return float(solver._weights(path, solver.times(path, like))[-1])

    assert last(path) == pytest.approx(0.5)
    assert last(LinearPath(0.0)) == last(GVPPath()) == 0.0


def test_dpm_solver_spreads_its_steps_over_more_noise_levels_the_more_they_are() -> None:
    path, like = LinearPath(0.0), torch.zeros((), dtype=torch.float64)
    for steps in (4, 40):
        times = DPMSolver(steps=steps).times(path, like)
        assert times.tolist()[0] == 0.0
        assert times.tolist()[-1] == 1.0
        lam, ends = path.half_log_snr(times[1:-1]), (-math.log(steps), math.log(steps / 0.2))
        even = torch.linspace(*ends, steps + 1, dtype=torch.float64)[1:-1]
        torch.testing.assert_close(lam, even)


@every_path
def test_every_grid_serves_dpm_solver(path: GaussianPath) -> None:
    policy = GaussianData(path, [0.5], 0.4)
    condition, noise = _noise(policy, 20)
    for grid in ("uniform", "karras", "log-snr"):
        if grid == "uniform" and isinstance(path, VEPath):
            continue  # one step per hundredth of 80 is no way to noise of 0.4
        with torch.no_grad():
            samples = DPMSolver(steps=100, grid=grid).sample(policy, condition, noise)
        exact = policy.carried(noise, condition)
        torch.testing.assert_close(samples, exact, rtol=0, atol=0.03)


@every_path
def test_what_the_solvers_reduce_to(path: GaussianPath) -> None:
    policy = GaussianData(path, [0.5], 0.4)
    condition, noise = _noise(policy, 20)

    def sample(solver: Any) -> Tensor:
        return solver.sample(policy, condition, noise).detach()

    ddim = sample(DDIM(steps=7, grid="karras"))
    torch.testing.assert_close(sample(DPMSolver(steps=7, order=1, grid="karras")), ddim)
    torch.testing.assert_close(sample(DDPM(steps=7, eta=0.0, grid="karras")), ddim)
    torch.testing.assert_close(sample(SDE(steps=7, churn=0.0)), sample(Euler(steps=7)))
    if isinstance(path, VEPath):  # there, time is the noise level
        torch.testing.assert_close(sample(Euler(steps=7)), ddim)


@pytest.mark.parametrize("path", [LinearPath(0.1), VEPath(0.1, 5.0), VPPath()], ids=str)
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 3, 10])
def test_ancestral_steps_are_exact_for_a_single_datum(
    steps: int, eta: float, path: GaussianPath
) -> None:
    """Their posterior is that of x_s given x_t and the data: with the data known, of x_s."""
    policy = GaussianData(path, [0.5], 1e-7)
    condition, noise = _noise(policy, 20_000)
    start, end = (torch.tensor(t, dtype=torch.float64) for t in policy.time_span)
    x = path.sigma(start) * noise / path.prior_std + path.alpha(start) * 0.5
    with torch.no_grad():
        samples = DDPM(steps=steps, eta=eta).sample(policy, condition, x)
    standard = (samples - path.alpha(end) * 0.5) / path.sigma(end)
    assert float(standard.mean()) == pytest.approx(0.0, abs=0.03)
    assert float(standard.std()) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("path", [LinearPath(0.1), VEPath(0.1, 5.0), VPPath(), GVPPath()], ids=str)
def test_what_is_expected_beyond_the_box_is_cut_to_it(path: GaussianPath) -> None:
    condition, noise = _noise(GaussianData(path, [0.5], 1e-7), 500)

    def sample(mean: float, clip: float) -> Tensor:
        torch.manual_seed(1)
        policy = GaussianData(path, [mean], 1e-7)
        return DDPM(steps=5, clip=clip).sample(policy, condition, noise).detach()

    torch.testing.assert_close(sample(2.0, 1.0), sample(1.0, 0.0))
    torch.testing.assert_close(sample(0.5, 1.0), sample(0.5, 0.0))
    assert float((sample(2.0, 0.0) - sample(1.0, 0.0)).mean()) > 0.9


def test_the_ancestral_variance_on_vp_is_that_of_the_paper() -> None:
    """(sigma_s^2 / sigma_t^2) (1 - alpha_t^2 / alpha_s^2), Song et al. 2021, eq. 16."""
    path, t, s = VPPath(), torch.tensor(0.3).double(), torch.tensor(0.5).double()
    ours = path.sigma(s) ** 2 * (1 - noise_kept(path, t, s) ** 2)
    shrink = (path.sigma(s) / path.sigma(t)) ** 2
    torch.testing.assert_close(ours, shrink * (1 - path.alpha(t) ** 2 / path.alpha(s) ** 2))


@every_path
def test_nothing_of_the_noise_is_kept_from_pure_noise_or_to_pure_data(path: GaussianPath) -> None:
    start, end = (torch.tensor(t, dtype=torch.float64) for t in (path.start, path.end))
    middle = path.time_at(torch.zeros((), dtype=torch.float64))
    assert float(noise_kept(path, middle, middle)) == pytest.approx(1.0)
    pure = float(path.alpha(start) / path.sigma(start))
    left = float(path.sigma(end) / path.alpha(end))
    assert float(noise_kept(path, start, middle)) == pytest.approx(pure)
    assert float(noise_kept(path, middle, end)) == pytest.approx(left, abs=1e-12)


@pytest.mark.parametrize("solver", [DDPM, SDE], ids=lambda solver: solver.__name__)
def test_noisy_solvers_converge_in_distribution_with_first_order(
    solver: type[Any], slope: Make
) -> None:
    """By their moments on Gaussian data, where each step is affine and its noise known."""
    policy, counts = GaussianData(GVPPath(), [0.5], 0.4), [20, 40, 80]
    errors = [abs(_spread(solver(steps=count), policy) - 0.4) for count in counts]
    assert slope([1 / count for count in counts], errors) == pytest.approx(1.0, abs=0.3)


def _spread(solver: Any, policy: Any) -> float:
    """The exact spread of samples: what one unit of each draw of noise moves them by."""
    x = torch.ones(1, 1, dtype=torch.float64, requires_grad=True)
    units: list[Tensor] = [x]

    def record(shape: Any, like: Tensor, generator: Any) -> Tensor:
        units.append(torch.zeros(1, 1, dtype=torch.float64, requires_grad=True))
        return units[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{type(solver).__module__}.randn", record)
        samples = solver.sample(policy, torch.zeros(1, 1).double(), x)
    moved = torch.autograd.grad(samples.sum(), units)
    return math.sqrt(sum(float(gradient) ** 2 for gradient in moved))


@every_path
def test_few_steps_of_the_sde_stay_bounded(path: GaussianPath) -> None:
    policy = GaussianData(path, [0.5], 0.4)
    for steps in (4, 5, 10):
        assert 0.2 < _spread(SDE(steps=steps), policy) < 1.0


def test_more_churn_forgets_more_of_the_noise() -> None:
    policy = GaussianData(LinearPath(0.0), [0.0], 0.4)
    condition, noise = _noise(policy, 2000)

    def memory(churn: float) -> float:
        with torch.no_grad():
            samples = SDE(steps=100, churn=churn).sample(policy, condition, noise)
        return float(torch.corrcoef(torch.cat([samples, noise], 1).T)[0, 1])

    assert memory(0.0) == pytest.approx(1.0)
    assert memory(0.0) > memory(0.1) > memory(0.5) > abs(memory(1.0))
    assert memory(1.0) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(
    ("recipe", "options", "words"),
    [
        (DDIM, {"steps": 0}, "'steps' must be >= 1: 0"),
        (DDPM, {"eta": 1.5}, "'eta' must be <= 1: 1.5"),
        (SDE, {"churn": -1.0}, "'churn' must be >= 0: -1.0"),
        (DPMSolver, {"order": 3}, "takes one of 1, 2; got 3"),
        (DPMSolver, {"grid": "even"}, "got 'even'"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    recipe: type[Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(OptionError, match=words):
        make_recipe(recipe, options, who="solver")
