"""Jumps of learned maps, on maps that are known exactly."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from genpolicy.backbone import ConsistencyBackbone, FlowMapBackbone
from genpolicy.errors import OptionError
from genpolicy.path import GaussianPath, GVPPath, LinearPath, VEPath, VPPath
from genpolicy.recipe import make_recipe
from genpolicy.testing.models import GaussianMap
from genpolicy_plugins.solvers.jump import Jump

PATHS = [LinearPath(0.0), LinearPath(0.1), VPPath(), GVPPath(), VEPath(), VEPath(0.1, 5.0)]
every_path = pytest.mark.parametrize("path", PATHS, ids=str)

Make = Callable[..., Any]


@every_path
@pytest.mark.parametrize("renoise", [None, 0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_an_exact_map_samples_its_data_in_any_jumps_and_with_any_noise(
    steps: int, renoise: float | None, path: GaussianPath
) -> None:
    torch.manual_seed(0)
    policy, condition = GaussianMap(path, [0.5], 0.4), torch.zeros(20_000, 1).double()
    noise = policy.path.prior_std * torch.randn(20_000, 1).double() + path.alpha(
        torch.tensor(path.start).double()
    ) * (condition + 0.5)  # as a datum would arrive there, which matters on VP alone
    with torch.no_grad():
        samples = Jump(steps=steps, renoise=renoise).sample(policy, condition, noise)
        spread = float(policy.spread(torch.tensor(path.end).double()))
    assert float(samples.mean()) == pytest.approx(0.5, abs=0.012)
    assert float(samples.std()) == pytest.approx(spread, abs=0.012)


def test_one_jump_is_the_transport() -> None:
    policy, condition = GaussianMap(VEPath(), [0.5], 0.4), torch.zeros(3, 1).double()
    noise = policy.draw_noise(condition)
    assert torch.equal(Jump().sample(policy, condition, noise), policy.transport(noise, condition))


@pytest.mark.parametrize(("renoise", "share"), [(0.6, 0.8), (0.8, 0.6), (0.0, 1.0)])
def test_a_jump_lands_below_its_stop_by_the_share_of_the_paper(
    renoise: float, share: float
) -> None:
    """On VE: to sqrt(1 - gamma^2) of the stop's noise level, then gamma of it anew."""
    path = VEPath(0.002, 80.0)
    policy, condition = GaussianMap(path, [0.5], 0.4), torch.zeros(50_000, 1).double()
    stops: list[tuple[Tensor, Tensor]] = []

    def land(x: Tensor, t: Tensor, s: Tensor, condition: Tensor) -> Tensor:
        stops.append((t, s))
        return torch.zeros_like(x)

    policy.jump, policy.endpoint = land, lambda x, t, condition: x
    torch.manual_seed(0)
    samples = Jump(steps=2, renoise=renoise, grid="log-snr").sample(policy, condition, condition)
    ((t, s),) = stops
    assert float(t) == 0.0
    assert float(path.sigma(s)) == pytest.approx(share * 0.4)  # the stop: sqrt(80 · 0.002)
    assert float(samples.std()) == pytest.approx(renoise * 0.4, abs=0.003)


def test_a_stop_just_above_the_end_is_reached_from_no_further_than_the_end() -> None:
    path = LinearPath(0.1)
    policy, ends = GaussianMap(path, [0.5], 0.4), []
    jump = policy.jump
    policy.jump = lambda x, t, s, condition: (ends.append(float(s)), jump(x, t, s, condition))[1]
    condition = torch.zeros(4, 1).double()
    samples = Jump(steps=50, renoise=0.999).sample(policy, condition, policy.draw_noise(condition))
    assert torch.isfinite(samples).all()
    assert max(ends) <= 1.0 + 1e-9


def test_fresh_noise_is_the_default_for_a_map_to_the_data_alone(endpoint_only: Make) -> None:
    policy = GaussianMap(GVPPath(), [0.5], 0.4)
    condition = torch.zeros(3, 1).double()
    noise = policy.draw_noise(condition)

    def sample(model: Any, renoise: float | None) -> Tensor:
        solver, generator = Jump(steps=3, renoise=renoise), torch.Generator().manual_seed(0)
        with torch.no_grad():
            return solver.sample(model, condition, noise, generator)

    assert torch.equal(sample(policy, None), sample(policy, 0.0))
    assert torch.equal(sample(endpoint_only(policy), None), sample(policy, 1.0))
    assert not torch.equal(sample(policy, 0.0), sample(policy, 1.0))


def test_denoising_and_renoising_on_ve_is_that_of_consistency_models(endpoint_only: Make) -> None:
    """x = f(x, tau) + sqrt(tau^2 - epsilon^2) z, Song et al. 2023, algorithm 1."""
    path = VEPath(0.002, 80.0)
    policy = endpoint_only(GaussianMap(path, [0.5], 0.4))
    condition = torch.zeros(3, 1).double()
    noise, seeded = policy.draw_noise(condition), torch.Generator().manual_seed(3)
    found = Jump(steps=2).sample(policy, condition, noise, seeded)
    middle = path.times(2, noise)[1]
    tau = float(path.sigma(middle))
    fresh = torch.randn(3, 1, generator=seeded.manual_seed(3), dtype=torch.float64)
    x = policy.transport(noise, condition) + math.sqrt(tau**2 - 0.002**2) * fresh
    torch.testing.assert_close(found, policy.endpoint(x, middle, condition))


@pytest.mark.parametrize(
    ("solver", "needs"),
    [
        (Jump(), {}),
        (Jump(renoise=0.5), {}),
        (Jump(steps=2), {"policy": ConsistencyBackbone}),
        (Jump(steps=2, renoise=1.0), {"policy": ConsistencyBackbone}),
        (Jump(steps=2, renoise=0.5), {"policy": FlowMapBackbone}),
        (Jump(steps=2, renoise=0.0), {"policy": FlowMapBackbone}),
    ],
    ids=repr,
)
def test_several_jumps_ask_for_more_than_one(solver: Jump, needs: dict[str, Any]) -> None:
    assert solver.further_needs() == needs


@pytest.mark.parametrize("options", [{"renoise": 1.5}, {"renoise": -0.1}, {"steps": 0}], ids=str)
def test_what_cannot_be_meant_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=f"solver jump: '{next(iter(options))}' must be"):
        make_recipe(Jump, options, who="solver jump")
