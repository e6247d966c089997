import torch
from torch import Tensor, nn

from genpolicy.guide import Guide
from genpolicy.path import LinearPath


class Bump(Guide):
    """f = weight sum (s sin u + t u^2)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))

    def read(self, u: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        return self.weight * (condition * torch.sin(u) + t[:, None] * u**2).sum(1)


PATH = LinearPath()


def _rows() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    x, condition = torch.randn(2, 5, 3, dtype=torch.float64).unbind()
    return x, torch.rand(5, dtype=torch.float64), condition


def test_an_energy_reads_the_expected_data_of_standard_normal_ones() -> None:
    x, t, condition = _rows()
    u = t[:, None] * x / (t**2 + (1 - t) ** 2)[:, None]
    guide = Bump()
    torch.testing.assert_close(guide.energy(PATH, x, t, condition), guide.read(u, t, condition))


def test_the_pull_is_the_energys_gradient_at_x_over_alpha_row_by_row() -> None:
    guide, (x, t, condition) = Bump(), _rows()
    at = x.clone().requires_grad_()
    (known,) = torch.autograd.grad(guide.energy(PATH, at, t, condition).sum(), at)
    torch.testing.assert_close(guide.pull(PATH, x, t, condition), known / t[:, None])


def test_the_pull_is_finite_in_pure_noise() -> None:
    x, t, condition = _rows()
    pull = Bump().pull(PATH, x, torch.zeros_like(t), condition)
    torch.testing.assert_close(pull, 2.0 * condition)  # cos 0 = 1, and sigma is 1


def test_the_pull_is_a_constant_even_where_gradients_are_off() -> None:
    guide, (x, t, condition) = Bump(), _rows()
    with torch.no_grad():
        off = guide.pull(PATH, x, t, condition)
    on = guide.pull(PATH, x.requires_grad_(), t, condition)
    assert torch.equal(on, off)
    assert not on.requires_grad
    assert x.grad is None
    assert guide.weight.grad is None
