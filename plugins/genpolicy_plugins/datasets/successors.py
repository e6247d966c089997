"""What was seen after each step, where a file holds every observation once, and transitions of it.

Files are gone through block by block; only flags, a byte per step, are in memory as a whole.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genpolicy.columns import Columns, Flags, Floats, blocks, blocks_of
from genpolicy.dataset import Dataset
from genpolicy.dataset_checks import check_box, check_finite, check_shapes
from genpolicy.errors import DataError
from genpolicy_plugins.datasets.npz_fields import Fields

After = Callable[[slice, Flags], Floats]
"""Returns, for rows and which of them end an episode, what was seen after the latter."""


def transitions(fields: Fields) -> Iterator[Columns]:
    """Yield the transitions of a file in blocks.

    Without ``next_observation``, a step is followed by the next row of its episode, and an
    episode's last step by its ``final_observation``. Without that too, a terminal step is followed
    by itself (nothing is bootstrapped from there), and a last step that is no terminal is dropped.

    Raises:
        DataError: A field is missing or unfit, or no step is left.
    """
    count = checked_count(fields)
    terminal, timeout = fields.ends(count)
    if fields.has("next_observation"):
        return _as_told(fields, terminal, timeout)
    ends = _ends(terminal, timeout)
    if fields.has("final_observation"):
        after, dropped = _final(fields, ends), np.zeros(count, np.bool_)
    else:
        after, dropped = itself(fields), ends & ~terminal
    return joined(fields, terminal, timeout, dropped=dropped, after=after)


def joined(
    fields: Fields, terminal: Flags, timeout: Flags, *, dropped: Flags, after: After
) -> Iterator[Columns]:
    """Yield steps that are followed by the next row of their episode, in blocks.

    Args:
        fields: The file.
        terminal: Where the task ended, ``[row]``.
        timeout: Where an episode was cut, ``[row]``.
        dropped: The rows whose successor nobody knows; the steps before them become the cuts.
        after: What was seen after a step that ends its episode and is kept.

    Raises:
        DataError: No step is left.
    """
    if dropped.all():
        raise DataError(
            f"dataset {fields.dataset!r} has no step with a known successor: its episodes are one "
            "step long; give next_observation or final_observation"
        )
    ends = _ends(terminal, timeout | dropped)
    cut = timeout | (np.roll(dropped, -1) & ~ends)
    for rows in _blocks(fields, len(ends)):
        kept, last = ~dropped[rows], ends[rows]
        observation, action, reward = _read(fields, rows)
        beyond = fields.floats("observation", slice(rows.stop, rows.stop + 1))
        following = np.concatenate([observation[1:], beyond, observation[:1]])[: len(observation)]
        following[last & kept] = after(rows, last & kept)
        yield Columns(
            observation=observation[kept],
            action=action[kept],
            reward=reward[kept],
            next_observation=following[kept],
            terminal=terminal[rows][kept],
            timeout=cut[rows][kept],
        )


def itself(fields: Fields) -> After:
    """Let steps that end their episode be followed by themselves."""
    return lambda rows, last: fields.floats("observation", rows)[last]


def final_observations(dataset: Dataset) -> Floats | None:
    """Return what was seen after each episode's last step, ``[episode, observation]``.

    Returns:
        ``None`` where some other step is followed by something else than its episode's next row, so
        that ``next_observation`` cannot be derived.
    """
    ends = _ends(dataset.terminal, dataset.timeout)
    for rows in blocks(dataset.observation, dataset.next_observation):
        inside = ~ends[rows]
        following = dataset.observation[rows.start + 1 : rows.stop + 1]
        told = dataset.next_observation[rows][: len(following)]
        inside = inside[: len(following)]
        if not np.array_equal(told[inside], following[inside]):
            return None
    return dataset.next_observation[ends]


def _final(fields: Fields, ends: Flags) -> After:
    expected = (int(ends.sum()), *fields.shape("observation")[1:])
    if fields.shape("final_observation") != expected:
        raise DataError(
            f"dataset {fields.dataset!r}: final_observation must have shape {expected}, one row "
            f"per episode; its shape is {fields.shape('final_observation')}"
        )
    before: NDArray[np.int64] = np.cumsum(ends) - ends

    def after(rows: slice, last: Flags) -> Floats:
        first = int(before[rows.start])
        return fields.floats("final_observation", slice(first, first + int(last.sum())))

    return after


def _as_told(fields: Fields, terminal: Flags, timeout: Flags) -> Iterator[Columns]:
    for rows in _blocks(fields, len(terminal)):
        observation, action, reward = _read(fields, rows)
        yield Columns(
            observation=observation,
            action=action,
            reward=reward,
            next_observation=fields.floats("next_observation", rows),
            terminal=terminal[rows],
            timeout=timeout[rows],
        )


def _read(fields: Fields, rows: slice) -> tuple[Floats, Floats, Floats]:
    """Return rows of the fields that every file has.

    Raises:
        DataError: They are not what they claim to be; the row that it names is the file's.
    """
    observation, action = fields.floats("observation", rows), fields.floats("action", rows)
    reward = fields.column("reward", rows)
    for name, array in (("observation", observation), ("action", action), ("reward", reward)):
        if not np.isfinite(array).all():
            check_finite(fields.dataset, name, partial(_all, fields, name))
    box = fields.given_box()
    if box is not None and box[0].shape == box[1].shape == action.shape[1:]:
        inside = (action >= box[0]).all() and (action <= box[1]).all()
        check_box(fields.dataset, box, lambda: [] if inside else _all(fields, "action"))
    return observation, action, reward


def _all(fields: Fields, name: str) -> Iterator[Floats]:
    """Go through a field, which is done where something is wrong with it."""
    for rows in _blocks(fields, fields.shape("reward")[0]):
        yield fields.floats(name, rows)


def checked_count(fields: Fields, *, successors: bool = True) -> int:
    """Return how many steps there are, if the arrays are as long as one another.

    Args:
        fields: The file.
        successors: Whether ``next_observation`` is used where there is one.

    Raises:
        DataError: They do not go together.
    """
    observation, action = fields.shape("observation"), fields.shape("action")
    reward = fields.shape("reward")
    reward = reward[:1] if reward[1:] == (1,) else reward
    told = successors and fields.has("next_observation")
    following = fields.shape("next_observation") if told else observation
    flags = _stand_in(reward[:1], np.bool_)
    columns = Columns(
        observation=_stand_in(observation, np.float32),
        action=_stand_in(action, np.float32),
        reward=_stand_in(reward, np.float32),
        next_observation=_stand_in(following, np.float32),
        terminal=flags,
        timeout=flags,
    )
    check_shapes(fields.dataset, columns)
    return len(columns)


def _stand_in(shape: tuple[int, ...], kind: type) -> Any:
    """Return an array of a shape that takes no memory."""
    return np.broadcast_to(kind(), shape)


def _blocks(fields: Fields, count: int) -> Iterator[slice]:
    shapes = (fields.shape(name) for name in ("observation", "observation", "action"))
    return blocks_of(count, sum(4 * int(np.prod(shape[1:])) for shape in shapes))


def _ends(terminal: Flags, timeout: Flags) -> Flags:
    ends = terminal | timeout
    ends[-1] = True
    return ends
