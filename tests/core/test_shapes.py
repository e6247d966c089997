import torch

from genpolicy.shapes import expand, group_rows, repeat_rows, sum_rows


def test_candidates_of_a_row_stand_together_and_are_grouped_again() -> None:
    rows = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    repeated = repeat_rows(rows, 3)
    assert repeated[:, 0].tolist() == [1.0, 1.0, 1.0, 3.0, 3.0, 3.0]
    grouped = group_rows(repeated, 3)
    assert grouped.shape == (2, 3, 2)
    assert torch.equal(grouped, rows[:, None].expand(2, 3, 2))


def test_a_value_per_candidate_is_grouped_by_row() -> None:
    assert group_rows(torch.arange(6), 3).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_value_per_row_broadcasts_over_chunks_and_a_scalar_passes() -> None:
    like = torch.zeros(2, 3, 4)
    assert expand(torch.tensor([1.0, 2.0]), like).shape == (2, 1, 1)
    assert expand(torch.tensor(1.0), like).shape == ()


def test_rows_are_summed_over_everything_else() -> None:
    assert sum_rows(torch.ones(2, 3, 4)).tolist() == [12.0, 12.0]
    assert sum_rows(torch.ones(2, 3)).tolist() == [3.0, 3.0]
