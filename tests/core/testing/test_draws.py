"""Noise that can be followed: rows in another order, and the same numbers at every draw."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch import randn_like as imported

from genpolicy.testing.draws import rows_of_noise_in_order, the_same_noise

ORDER = torch.tensor([2, 0, 3, 1])
ROWS = torch.linspace(0.1, 0.9, 8).reshape(4, 2)

DRAWS: dict[str, Callable[[Tensor], Tensor]] = {
    "randn": lambda rows: torch.randn(4, 2),
    "a name of one's own": imported,
    "in place": lambda rows: torch.empty_like(rows).normal_(),
    "normal": lambda rows: torch.normal(rows, 0.1),
    "bernoulli": torch.bernoulli,
    "in place by rows": lambda rows: torch.empty_like(rows).bernoulli_(rows),
    "multinomial": lambda rows: torch.multinomial(rows, 1),
    "dropout": lambda rows: torch.nn.functional.dropout(rows),
    "exponential": lambda rows: torch.nn.functional.gumbel_softmax(rows),
    "a distribution": lambda rows: torch.distributions.Normal(rows, rows).rsample(),
    "two for each row": lambda rows: torch.randint(9, (8,)).reshape(4, 2),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_noise_comes_in_the_rows_order(draw: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(3)
    expected = draw(ROWS)[ORDER]
    torch.manual_seed(3)
    with rows_of_noise_in_order(ORDER):
        found = draw(ROWS[ORDER])
    assert torch.equal(found, expected)


def test_noise_that_belongs_to_no_row_is_as_it_was() -> None:
    torch.manual_seed(3)
    expected = torch.randn(()), torch.randn(5), torch.randperm(4)
    torch.manual_seed(3)
    with rows_of_noise_in_order(ORDER):
        found = torch.randn(()), torch.randn(5), torch.randperm(4)
    assert all(map(torch.equal, found, expected))


def test_what_is_drawn_in_place_is_the_tensor_that_was_there() -> None:
    noise = torch.zeros(4, 2)
    with rows_of_noise_in_order(ORDER):
        assert noise.normal_() is noise
    assert noise.all()


def test_the_same_noise_is_even_and_draws_nothing() -> None:
    before = torch.get_rng_state()
    like, whole = torch.zeros(1000, 2, dtype=torch.float64), torch.zeros(1000, dtype=torch.int64)
    with the_same_noise():
        normal = [torch.randn(1000, 2, dtype=torch.float64), torch.randn_like(like)]
        uniform = [
            torch.rand((1000, 2), dtype=torch.float64, generator=None),
            torch.rand_like(like),
        ]
        counts = [
            torch.randint(2, 5, (1000,)),
            torch.randint(2, high=5, size=(1000,)),
            torch.randint(low=2, high=5, size=(1000,)),
            torch.randint_like(whole, 2, 5),
        ]
        short = [torch.randint(5, (1000,)), torch.randint_like(whole, high=5)]
    assert torch.equal(torch.get_rng_state(), before)
    for pair in (normal, uniform, short):
        assert torch.equal(*pair)
    assert float(normal[0].mean()) == pytest.approx(0.0, abs=0.01)
    assert float(normal[0].std()) == pytest.approx(1.0, abs=0.01)
    assert float(uniform[0].mean()) == pytest.approx(0.5, abs=0.01)
    for each in counts:
        assert torch.equal(each, counts[0])
    assert counts[0].unique().tolist() == [2, 3, 4]
    assert short[0].unique().tolist() == [0, 1, 2, 3, 4]
    assert counts[0].dtype == torch.int64
