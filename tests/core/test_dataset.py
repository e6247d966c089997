import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
import torch

from genpolicy.dataset import Dataset
from genpolicy.errors import DataError
from genpolicy.training.sampler import Sampler

DataMaker = Callable[..., Dataset]


def _with(data: Dataset, name: str, row: int, value: float) -> Dataset:
    array = getattr(data, name).copy()
    array[row] = value
    return attrs.evolve(data, **{name: array})


def test_episodes_end_at_terminals_and_time_outs(make_dataset: DataMaker) -> None:
    # rows 15, 31, … are terminals and 7, 23, … time-outs; the last row of 64 is a terminal
    assert make_dataset(rows=64).episodes == 8
    assert make_dataset(rows=60).episodes == 8
    assert len(make_dataset(rows=60)) == 60


def test_the_fingerprint_is_of_the_content_and_not_of_the_name(make_dataset: DataMaker) -> None:
    data = make_dataset()
    same = attrs.evolve(data, name="other", observation=np.asfortranarray(data.observation))
    assert data.fingerprint() == same.fingerprint()
    for name in ("observation", "action", "reward", "next_observation", "terminal", "timeout"):
        assert _with(data, name, 3, 0.5).fingerprint() != data.fingerprint(), name


def test_a_batch_of_everything_is_the_dataset(make_dataset: DataMaker) -> None:
    data = make_dataset()
    batch = data.to_batch(torch.device("cpu"))
    assert len(batch) == len(data)
    assert np.array_equal(batch.action.numpy(), data.action)
    assert batch.terminal.dtype is torch.float32


def _walk(*ends: str) -> Dataset:
    """A walk through the states 0, 1, 2, …, one per row, that ends or is cut where ``ends`` say.

    An episode that starts anew starts at the next hundred.
    """
    rows = len(ends)
    broken = np.array([bool(end) for end in ends])
    episode = np.concatenate([[0], np.cumsum(broken)[:-1]])
    state = (100 * episode + np.arange(rows)).astype(np.float32)
    return Dataset(
        name="walk",
        observation=state[:, None],
        action=np.arange(rows, dtype=np.float32)[:, None],
        reward=np.arange(rows, dtype=np.float32),
        next_observation=state[:, None] + 1.0,
        terminal=np.array([end == "terminal" for end in ends]),
        timeout=np.array([end == "timeout" for end in ends]),
        action_low=np.full(1, -99.0, np.float32),
        action_high=np.full(1, 99.0, np.float32),
    )


def test_the_next_action_is_the_next_rows_and_an_episodes_last_is_repeated() -> None:
    data = _walk("", "", "terminal", "", "timeout", "", "")
    assert data.next_action()[:, 0].tolist() == [1, 2, 2, 4, 4, 6, 6]


@pytest.mark.parametrize("end", ["terminal", "timeout"])
def test_an_episode_that_goes_on_where_another_ended_is_another(end: str) -> None:
    """The next row starts where this one led, and yet it is a reset."""
    data = _walk("", "", end, "", "")
    same = np.arange(5, dtype=np.float32)[:, None]
    data = attrs.evolve(data, observation=same, next_observation=same + 1.0)
    assert data.next_action()[:, 0].tolist() == [1, 2, 2, 4, 4]


def test_shuffled_rows_have_their_own_action_for_the_next() -> None:
    data = _walk(*[""] * 6)
    order = np.array([4, 0, 2, 5, 1, 3])
    names = ("observation", "action", "reward", "next_observation")
    shuffled = attrs.evolve(data, **{name: getattr(data, name)[order] for name in names})
    assert np.array_equal(shuffled.next_action(), shuffled.action)


def test_rows_in_order_but_for_a_gap_say_what_they_can() -> None:
    data, kept = _walk(*[""] * 6), np.array([0, 1, 3, 4, 5])
    names = ("observation", "action", "reward", "next_observation", "terminal", "timeout")
    with_gap = attrs.evolve(data, **{name: getattr(data, name)[kept] for name in names})
    assert with_gap.next_action()[:, 0].tolist() == [1, 1, 4, 5, 5]


def test_the_next_decision_lies_a_stride_ahead() -> None:
    data = attrs.evolve(_walk("", "", "", "", "", ""), stride=2)
    onward = attrs.evolve(data, next_observation=data.observation + 2.0)
    assert onward.next_action()[:, 0].tolist() == [2, 3, 4, 5, 4, 5]


def test_a_last_row_is_nobodys_next_but_by_its_place() -> None:
    """In a world of one state every row looks like what followed every other."""
    data = _walk(*[""] * 4)
    one = np.zeros((4, 1), np.float32)
    still = attrs.evolve(data, observation=one, next_observation=one, stride=3)
    assert still.next_action()[:, 0].tolist() == [3, 1, 2, 3]


def test_a_drawn_transition_brings_its_next_action() -> None:
    data = _walk("", "", "", "terminal", "", "")
    torch.manual_seed(0)
    batch = Sampler(data, torch.device("cpu")).draw(50)
    row = batch.reward.long().numpy()
    assert set(row) == set(range(6))
    assert np.array_equal(batch.next_action.numpy(), data.next_action()[row])
    whole = data.to_batch(torch.device("cpu"))
    assert np.array_equal(whole.next_action.numpy(), data.next_action())


@pytest.mark.parametrize("name", ["observation", "action", "reward", "next_observation"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none_are_refused(
    name: str, value: float, make_dataset: DataMaker
) -> None:
    with pytest.raises(DataError) as caught:
        _with(make_dataset(), name, 5, value)
    assert str(caught.value) == (
        f"dataset 'tiny': {name} is not finite in 1 of 64 rows, first in row 5; remove or repair "
        "these rows"
    )


def test_actions_outside_the_box_are_refused(make_dataset: DataMaker) -> None:
    with pytest.raises(DataError) as caught:
        _with(make_dataset(), "action", 9, 1.5)
    assert str(caught.value) == (
        "dataset 'tiny': 1 of 64 actions lie outside the box from [-1.0, -1.0] to [1.0, 1.0], "
        "first in row 9; clip them or give the right bounds"
    )


def test_actions_outside_the_box_by_rounding_are_taken(make_dataset: DataMaker) -> None:
    assert len(_with(make_dataset(), "action", 9, 1.0 + 1e-6)) == 64


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"observation": np.zeros(64, np.float32)},
            "observation must be a matrix with 64 rows, one per reward; its shape is (64,)",
        ),
        (
            {"action": np.zeros((63, 2), np.float32)},
            "action must be a matrix, or an array of more dimensions, with 64 rows, one per "
            "reward; its shape is (63, 2)",
        ),
        (
            {"terminal": np.zeros((64, 1), np.bool_)},
            "terminal must be a vector with 64 rows, one per reward; its shape is (64, 1)",
        ),
        (
            {"timeout": np.zeros(64, np.float32)},
            "timeout must be bool, is float32",
        ),
        (
            {"observation": np.zeros((64, 3))},
            "observation must be float32, is float64",
        ),
        (
            {"next_observation": np.zeros((64, 4), np.float32)},
            "next_observation has shape (64, 4), observation (64, 3); they must agree",
        ),
        (
            {"action_low": -np.ones(3, np.float32)},
            "actions have shape (2,), their bounds (3,) and (2,)",
        ),
        (
            {"action": np.zeros((64, 4, 2), np.float32), "action_high": np.ones(4, np.float32)},
            "actions have shape (4, 2), their bounds (2,) and (4,)",
        ),
    ],
)
def test_arrays_of_the_wrong_shape_or_type_are_refused(
    changes: dict[str, Any], sentence: str, make_dataset: DataMaker
) -> None:
    with pytest.raises(DataError) as caught:
        attrs.evolve(make_dataset(), **changes)
    assert str(caught.value) == f"dataset 'tiny': {sentence}"


@pytest.mark.parametrize("shape", [(2,), (4, 2)])
def test_chunks_of_actions_lie_in_a_box_per_dimension_or_per_number(
    shape: tuple[int, ...], make_dataset: DataMaker
) -> None:
    chunks = np.zeros((64, 4, 2), np.float32)
    ends = {"action_low": -np.ones(shape, np.float32), "action_high": np.ones(shape, np.float32)}
    data = attrs.evolve(make_dataset(), action=chunks, **ends)
    assert data.to_batch(torch.device("cpu")).action.shape == (64, 4, 2)
    chunks[9, 3, 1] = 2.0
    with pytest.raises(DataError, match=r"1 of 64 actions lie outside the box .* in row 9"):
        attrs.evolve(data, action=chunks)


def test_a_dataset_without_transitions_is_refused(make_dataset: DataMaker) -> None:
    data = make_dataset(rows=8)
    empty = {
        name: getattr(data, name)[:0]
        for name in (
            "observation",
            "action",
            "reward",
            "next_observation",
            "terminal",
            "timeout",
        )
    }
    with pytest.raises(DataError, match="dataset 'tiny' has no transitions"):
        attrs.evolve(data, **empty)
