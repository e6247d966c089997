"""What makes data shard by shard; a shard is whole episodes with random numbers of its own."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from genpolicy.dataset import Dataset

Arrays = Mapping[str, NDArray[Any]]
"""Columns by name, all with as many rows."""


@attrs.frozen(kw_only=True)
class Shard:
    """A part of the data that depends on no other.

    Args:
        index: Which one it is.
        transitions: How many transitions it holds.
        seed: Where its random numbers start.
    """

    index: int
    transitions: int
    seed: int


class Shards(ABC):
    """What was made, shard by shard."""

    @abstractmethod
    def column(self, name: str) -> Iterator[NDArray[Any]]:
        """Yield one column's rows in pieces, in their order."""

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Return the columns' names."""

    def whole(self, name: str) -> NDArray[Any]:
        """Return one column of all shards."""
        return np.concatenate(list(self.column(name)))


class Maker(ABC):
    """Makes data in shards.

    It is sent to other processes, so that it must be a frozen class of an installed package; two
    that print alike must make alike.
    """

    @property
    @abstractmethod
    def transitions(self) -> int:
        """How many transitions the dataset has."""

    @property
    @abstractmethod
    def seed(self) -> int:
        """The seed that the dataset is made from."""

    @abstractmethod
    def shards(self, transitions: int, seed: int) -> tuple[Shard, ...]:
        """Return the shards of so many transitions; nothing else decides what they are.

        Raises:
            OptionError: There is not one transition to make.
        """

    @abstractmethod
    def make(self, shard: Shard) -> Iterator[Arrays]:
        """Make a shard, block by block; the same shard gives the same arrays.

        Raises:
            DataError: The simulator cannot be had.
        """

    @abstractmethod
    def dataset(self, shards: Shards) -> Dataset:
        """Return what was made as a dataset."""


class FileMaker(Maker):
    """A maker whose data has a file of its own kind."""

    @abstractmethod
    def write(self, shards: Shards, path: Path) -> None:
        """Write the file, whole or not at all; the same shards give the same bytes.

        Raises:
            DataError: It cannot be written there.
        """

    @abstractmethod
    def validation(self, transitions: int) -> "tuple[FileMaker, int]":
        """Return what makes the data to validate with, and how many transitions that is."""


class MadeInShards(ABC):
    """A dataset that can be made in shards."""

    @abstractmethod
    def maker(self) -> Maker:
        """Return what makes it.

        Raises:
            DataError: It cannot be made here; the message says what can.
        """


@attrs.frozen(eq=False)
class _InMemory(Shards):
    blocks: Sequence[Arrays]

    def column(self, name: str) -> Iterator[NDArray[Any]]:
        return (block[name] for block in self.blocks)

    def names(self) -> tuple[str, ...]:
        return tuple(self.blocks[0])


def make_at_once(
    maker: Maker, *, transitions: int | None = None, seed: int | None = None
) -> Shards:
    """Make all shards in this process and keep them in memory.

    Args:
        maker: What makes them.
        transitions: How many; as many as the dataset has if ``None``.
        seed: Where random numbers start; the dataset's own seed if ``None``.

    Raises:
        OptionError: There is not one transition to make.
        DataError: The simulator cannot be had.
    """
    count = maker.transitions if transitions is None else transitions
    shards = maker.shards(count, maker.seed if seed is None else seed)
    return _InMemory([block for shard in shards for block in maker.make(shard)])


def split(transitions: int, size: int) -> list[int]:
    """Return the sizes of the shards, all alike but for the last one's rest."""
    whole, rest = divmod(transitions, size)
    return [size] * whole + [rest] * bool(rest)


def derived_seed(*numbers: int) -> int:
    """Return a seed that follows from others and has nothing to do with its neighbours'."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
