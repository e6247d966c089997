import torch
from torch import Tensor, nn

from genpolicy.guide import Guide


class Bump(Guide):
    """f = weight sum (s sin u + t u^2)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))

    def energy(self, x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        return self.weight * (condition * torch.sin(x) + t[:, None] * x**2).sum(1)


def _rows() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    x, condition = torch.randn(2, 5, 3, dtype=torch.float64).unbind()
    return x, torch.rand(5, dtype=torch.float64), condition


def test_the_gradient_is_the_energys_row_by_row() -> None:
    x, t, condition = _rows()
    known = 2.0 * (condition * torch.cos(x) + 2.0 * t[:, None] * x)
    torch.testing.assert_close(Bump().gradient(x, t, condition), known)


def test_the_gradient_is_a_constant_even_where_gradients_are_off() -> None:
    guide, (x, t, condition) = Bump(), _rows()
    with torch.no_grad():
        off = guide.gradient(x, t, condition)
    on = guide.gradient(x.requires_grad_(), t, condition)
    assert torch.equal(on, off)
    assert not on.requires_grad
    assert x.grad is None
    assert guide.weight.grad is None
