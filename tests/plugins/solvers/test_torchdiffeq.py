"""torchdiffeq's methods behind our interface, with and without the package."""

import math
import subprocess
import sys
from typing import get_args

import pytest
import torch
from torch import Tensor

from genpolicy.errors import OptionError, RunError
from genpolicy.path import VPPath
from genpolicy.recipe import make_recipe
from genpolicy.testing.models import GaussianData
from genpolicy_plugins.solvers import torchdiffeq_solvers
from genpolicy_plugins.solvers.torchdiffeq_solvers import Method, TorchDiffEq

ADAPTIVE = ["dopri5", "dopri8", "bosh3", "adaptive_heun"]
TIMES = torch.linspace(0.0, 1.0, 41, dtype=torch.float64)


def _decay(x: Tensor, t: Tensor) -> Tensor:
    return -2.0 * t * x


@pytest.mark.parametrize("times", [TIMES, TIMES.flip(0)], ids=["forward", "backward"])
@pytest.mark.parametrize("method", get_args(Method))
def test_every_method_solves_a_known_equation(method: str, times: Tensor) -> None:
    state = torch.tensor([[1.0], [-0.5]], dtype=torch.float64)
    solver = TorchDiffEq(method=method, rtol=1e-6, atol=1e-6)
    factor = math.exp(-(float(times[-1]) ** 2) + float(times[0]) ** 2)
    close = 0.06 if method == "euler" else 1e-3
    torch.testing.assert_close(
        solver.integrate(_decay, state, times), factor * state, rtol=close, atol=0
    )


@pytest.mark.parametrize("method", ADAPTIVE)
def test_an_adaptive_method_stays_within_the_path(method: str) -> None:
    """It would step over the end, and the VP path has no noise to give beyond t = 1."""
    torch.manual_seed(0)
    policy, condition = GaussianData(VPPath(), [0.5], 0.4), torch.zeros(4, 1).double()
    seen: list[float] = []
    field = policy.field(condition)
    policy.field = lambda condition: lambda x, t: (seen.append(float(t)), field(x, t))[1]
    solver, noise = TorchDiffEq(method=method, rtol=1e-3, atol=1e-3), policy.draw_noise(condition)
    with torch.no_grad():
        samples = solver.sample(policy, condition, noise)
    torch.testing.assert_close(samples, policy.carried(noise, condition), rtol=0, atol=0.02)
    assert max(seen) <= policy.path.end


def test_it_says_when_it_takes_too_many_steps() -> None:
    with pytest.raises(RunError, match="torchdiffeq's dopri5 gave up: max_num_steps exceeded"):
        TorchDiffEq(rtol=1e-10, max_steps=2).integrate(_decay, torch.ones(1, 1).double(), TIMES)


def test_it_says_that_a_field_is_not_finite() -> None:
    with pytest.raises(RunError, match="torchdiffeq's bosh3 gave up: "):
        TorchDiffEq(method="bosh3").integrate(
            lambda x, t: x * math.nan, torch.ones(1, 1).double(), TIMES
        )


def test_it_names_the_extra_where_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchdiffeq_solvers, "find_spec", lambda name: None)
    with pytest.raises(OptionError) as caught:
        make_recipe(TorchDiffEq, {}, who="solver torchdiffeq")
    assert str(caught.value) == (
        "solver torchdiffeq: it needs the package torchdiffeq, which is not installed: "
        "pip install 'genpolicy[torchdiffeq]'"
    )


@pytest.mark.slow
def test_its_module_is_imported_without_the_package() -> None:
    code = (
        "import sys; sys.modules['torchdiffeq'] = None; "
        "import genpolicy_plugins.solvers.torchdiffeq_solvers"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_method_it_does_not_have_is_refused() -> None:
    with pytest.raises(OptionError, match="got 'rk5'"):
        make_recipe(TorchDiffEq, {"method": "rk5"}, who="solver torchdiffeq")
