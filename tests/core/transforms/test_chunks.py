from collections.abc import Callable
from unittest.mock import patch

import attrs
import numpy as np
import pytest

from genpolicy.dataset import Dataset, DatasetRecipe
from genpolicy.errors import DataError, OptionError
from genpolicy.recipe import make_recipe, options_of
from genpolicy.transforms.chunks import in_chunks
from walks import joined, walk

DataMaker = Callable[..., Dataset]


def by_hand(data: Dataset, length: int) -> list[tuple[object, ...]]:
    """Every window, found by looking at each in turn."""
    ends = data.terminal | data.timeout
    found = []
    for first in range(len(data) - length + 1):
        last = first + length - 1
        if not ends[first:last].any():
            actions = data.action[first : last + 1]
            facts = (data.reward[first : last + 1].sum(), data.terminal[last], data.timeout[last])
            seen = (data.observation[first, 0], data.next_observation[last, 0])
            found.append((seen, actions.tolist(), *facts))
    return found


@pytest.mark.parametrize("length", [2, 3, 5])
@pytest.mark.parametrize("cut_last", [True, False])
def test_windows_are_those_found_by_hand(length: int, cut_last: bool) -> None:
    data = walk(4, 1, 7, 3, 5, cut_last=cut_last)
    chunks = in_chunks(data, length)
    seen = zip(chunks.observation[:, 0], chunks.next_observation[:, 0], strict=True)
    columns = (seen, chunks.action.tolist(), chunks.reward, chunks.terminal, chunks.timeout)
    assert [*zip(*columns, strict=True)] == by_hand(data, length)
    assert chunks.action.shape[1:] == (length, 2)
    assert chunks.action.dtype == chunks.reward.dtype == np.float32


def test_a_window_in_numbers() -> None:
    chunks = in_chunks(walk(3, 4), 3)
    assert chunks.action.tolist() == [
        [[0.0, 0.0], [1.0, -1.0], [2.0, -2.0]],
        [[3.0, -3.0], [4.0, -4.0], [5.0, -5.0]],
        [[4.0, -4.0], [5.0, -5.0], [6.0, -6.0]],
    ]
    assert chunks.reward.tolist() == [3.0, 12.0, 15.0]
    assert chunks.observation[:, 0].tolist() == [0.0, 3.0, 4.0]
    assert chunks.next_observation[:, 0].tolist() == [2.5, 5.5, 6.5]
    assert chunks.terminal.tolist() == [True, False, False]
    assert chunks.timeout.tolist() == [False, False, True]


def _next_by_hand(chunks: Dataset) -> list[list[list[float]]]:
    """The chunk that starts at the step after each one's last, if it lies in the same episode."""
    starts = [actions[0][0] for actions in chunks.action.tolist()]
    found = []
    for actions, terminal, timeout in zip(
        chunks.action.tolist(), chunks.terminal, chunks.timeout, strict=True
    ):
        follower = actions[-1][0] + 1.0
        goes_on = follower in starts and not (terminal or timeout)
        found.append(chunks.action[starts.index(follower)].tolist() if goes_on else actions)
    return found


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("cut_last", [True, False])
def test_the_next_chunk_starts_where_a_chunk_ends(length: int, cut_last: bool) -> None:
    """Rows that have none, whose episode has too few steps left, keep their own."""
    chunks = in_chunks(joined(4, 1, 7, 3, 9, cut_last=cut_last), length)
    assert chunks.stride == length
    if length > 1:
        assert chunks.next_action().tolist() == _next_by_hand(chunks)
    else:
        assert chunks.next_action()[:4, 0].tolist() == [1.0, 2.0, 3.0, 3.0]


def test_the_next_chunk_in_numbers() -> None:
    chunks = in_chunks(joined(5), 2)
    assert chunks.next_action()[..., 0].tolist() == [[2.0, 3.0], [3.0, 4.0], [2.0, 3.0], [3.0, 4.0]]


def test_the_rest_of_the_data_stays(make_dataset: DataMaker) -> None:
    data = make_dataset()
    chunks = in_chunks(data, 4)
    assert chunks.name == data.name
    assert chunks.action_low is data.action_low
    assert (chunks.environment, chunks.reference) == (data.environment, data.reference)
    assert len(chunks) == 8 * (8 - 3)
    assert chunks.episodes == data.episodes


def test_one_action_is_no_chunk(make_dataset: DataMaker) -> None:
    data = make_dataset()
    assert in_chunks(data, 1) is data


def test_data_without_an_episode_as_long_as_a_chunk_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        in_chunks(walk(2, 5, 3), 6)
    assert str(caught.value) == (
        "dataset 'walk' has no episode of 6 steps to make chunks of: the longest, episode 1 of 3, "
        "has 5; lower dataset.chunk"
    )


def test_chunks_of_chunks_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        in_chunks(in_chunks(walk(9), 4), 2)
    assert str(caught.value) == (
        "dataset 'walk' holds actions of shape (4, 2), which are chunks already; leave "
        "dataset.chunk at 1"
    )


@attrs.frozen(kw_only=True)
class Walks(DatasetRecipe):
    def load(self) -> Dataset:
        return joined(4, 7)


def test_any_dataset_is_prepared_in_chunks() -> None:
    assert Walks().prepare().action.shape == (11, 2)
    recipe = make_recipe(Walks, {"chunk": "3"}, who="dataset walks")
    assert recipe.prepare().action.shape == (7, 3, 2)
    assert recipe.load().action.shape == (11, 2)
    assert options_of(Walks)["chunk"].help == "actions per decision; a sample is that many in a row"


def test_a_chunk_holds_an_action_or_more() -> None:
    with pytest.raises(OptionError, match=r"dataset walks: 'chunk' must be >= 1: 0"):
        make_recipe(Walks, {"chunk": 0}, who="dataset walks")


@pytest.mark.parametrize("option", [{"chunk": 3}, {"n_step": 3}])
def test_steps_that_lead_elsewhere_are_not_joined(option: dict[str, int]) -> None:
    broken = joined(9)
    broken.next_observation[4] += 7.0
    recipe = attrs.evolve(Walks(), **option)
    with patch.object(Walks, "load", lambda _: broken), pytest.raises(DataError) as caught:
        recipe.prepare()
    assert str(caught.value) == (
        "dataset 'walk': row 4 leads elsewhere than to the next row, though its episode goes on, "
        "so steps cannot be joined to chunks or n-step returns; give it a timeout, or leave "
        "dataset.chunk and dataset.n_step at 1"
    )
