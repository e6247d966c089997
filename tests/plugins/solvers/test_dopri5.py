"""The adaptive solver: its tolerance, its steps, and where it gives up."""

import math

import pytest
import torch
from torch import Tensor

from genpolicy.backbone import Field
from genpolicy.errors import RunError
from genpolicy_plugins.solvers.dopri5 import Dopri5

START = [[0.1], [0.3], [0.7]]


def _growth(x: Tensor, t: Tensor) -> Tensor:
    """x' = 3 t x (1 - x), whose solution is the logistic curve of 3 t^2 / 2."""
    return 3.0 * t * x * (1.0 - x)


def _population() -> Tensor:
    return torch.tensor(START, dtype=torch.float64)


def _integrate(solver: Dopri5, field: Field, start: float, end: float) -> Tensor:
    return solver.integrate(field, _population(), torch.tensor([start, end], dtype=torch.float64))


@pytest.mark.parametrize("span", [(0.0, 1.0), (1.0, 0.0)], ids=["forward", "backward"])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-5, 1e-7, 1e-9])
def test_it_meets_its_tolerance(tolerance: float, span: tuple[float, float]) -> None:
    found = _integrate(Dopri5(rtol=tolerance, atol=tolerance), _growth, *span)
    grown = torch.sigmoid(torch.logit(_population()) + 1.5 * (span[1] ** 2 - span[0] ** 2))
    assert float((found - grown).abs().max()) < 10 * tolerance


def test_it_takes_more_steps_for_a_tighter_tolerance() -> None:
    def evaluations(tolerance: float) -> int:
        times: list[Tensor] = []

        def field(x: Tensor, t: Tensor) -> Tensor:
            times.append(t)
            return _growth(x, t)

        _integrate(Dopri5(rtol=tolerance, atol=tolerance), field, 0.0, 1.0)
        return len(times)

    assert evaluations(1e-10) > 2 * evaluations(1e-4)


def test_it_says_when_it_takes_too_many_steps() -> None:
    with pytest.raises(RunError, match=r"did not get from t = 0.0 to 1.0 in 3 steps") as caught:
        _integrate(Dopri5(max_steps=3, rtol=1e-10), _growth, 0.0, 1.0)
    assert "raise solver.max_steps, or loosen solver.rtol and solver.atol" in str(caught.value)


def test_it_may_use_all_the_steps_it_is_allowed() -> None:
    def arrives(count: int) -> bool:
        try:
            _integrate(Dopri5(max_steps=count, rtol=1e3, atol=1e3), _growth, 0.0, 1.0)
        except RunError:
            return False
        return True

    # a twentieth of the way, then five times as far, then the rest
    assert [arrives(count) for count in (1, 2, 3, 4)] == [False, False, True, True]


@pytest.mark.parametrize("bad_from", [0.0, 0.4], ids=["at once", "on the way"])
def test_it_says_that_a_field_is_not_finite(bad_from: float) -> None:
    def field(x: Tensor, t: Tensor) -> Tensor:
        return x * (math.nan if float(t) >= bad_from else 1.0)

    with pytest.raises(RunError, match="dopri5 met a velocity that is not finite"):
        _integrate(Dopri5(), field, 0.0, 1.0)
