"""What some datasets can do besides being loaded; to have the method is to have the ability."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from genpolicy.dataset import Dataset

if TYPE_CHECKING:
    from genpolicy.evaluation import Protocol
    from genpolicy.records import EvaluationRecord


class MadeDataset(ABC):
    """A dataset that can be made again, in any size."""

    @abstractmethod
    def make(self, *, transitions: int | None = None, seed: int | None = None) -> Dataset:
        """Make the data in a simulator; the same arguments give the same arrays.

        Args:
            transitions: How many; as many as the dataset has if ``None``.
            seed: Where its random numbers start; the dataset's own if ``None``.

        Raises:
            OptionError: There is not one transition to make.
            DataError: The simulator cannot be had.
        """


class ReferenceDataset(ABC):
    """A dataset that knows policies of its own which its scores can refer to, such as an expert.

    Of any other one with an environment, random actions can be measured all the same.
    """

    @abstractmethod
    def measure_reference(
        self, protocol: "Protocol | None" = None
    ) -> "Mapping[str, EvaluationRecord]":
        """Score the policies that scores are normalised with, and others worth knowing.

        Args:
            protocol: The episodes to score them on; the published measurement's if ``None``.

        Returns:
            One evaluation per policy by name; ``"random"`` and ``"expert"`` are among them.

        Raises:
            DataError: The simulator cannot be had.
        """


class WritableDataset(ABC):
    """A dataset recipe that names a place to which data can be written."""

    @abstractmethod
    def write(self, dataset: Dataset) -> None:
        """Write a dataset there, such that loading this recipe gives the same transitions.

        Raises:
            DataError: It cannot be written.
        """
