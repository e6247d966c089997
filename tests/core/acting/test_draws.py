import pytest
import torch

from genpolicy.acting.draws import draws_of, given
from genpolicy.errors import UsageError

ROWS = torch.zeros(2, 3)


def _noisy(observation, generator):
    like = torch.randn(len(observation), 4, generator=generator)
    return like + torch.rand_like(like) + torch.rand(1, generator=generator)


def test_what_is_drawn_is_known_in_order():
    draws = draws_of(_noisy, ROWS)
    assert [draw.kind for draw in draws] == ["normal", "uniform", "uniform"]
    assert [draw.shape for draw in draws] == [(2, 4), (2, 4), (1,)]
    assert [draw.by_generator for draw in draws] == [True, False, True]


def test_the_same_numbers_are_drawn_as_the_part_draws():
    draws, one, other = draws_of(_noisy, ROWS), *(torch.Generator() for _ in range(2))
    torch.manual_seed(5)
    expected = _noisy(ROWS, one.manual_seed(1))
    torch.manual_seed(5)
    other.manual_seed(1)
    with given([draw.take(other, ROWS.device) for draw in draws]):
        assert torch.equal(_noisy(ROWS, None), expected)
    assert torch.equal(one.get_state(), other.get_state())


def test_looking_uses_up_nobodys_random_numbers():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    draws_of(_noisy, ROWS)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    "reads",
    [
        lambda x, _: x if float(x.sum()) > 1 else -x,
        lambda x, _: x[x > 0],
        lambda x, _: x if x.sum() > 1 else -x,
    ],
)
def test_a_decision_that_reads_values_is_no_graph(reads):
    with pytest.raises(UsageError, match="it reads values on its way, and what it does next"):
        draws_of(reads, ROWS)


@pytest.mark.parametrize(
    "draws",
    [
        lambda x, _: x.clone().normal_(),
        lambda x, _: torch.bernoulli(x),
        lambda x, _: torch.nn.functional.dropout(x, 0.5),
    ],
)
def test_a_decision_that_draws_otherwise_is_no_graph(draws):
    with pytest.raises(UsageError, match=r"otherwise than by torch\.randn and torch\.rand"):
        draws_of(draws, ROWS)
