"""Scoring a policy in its environment, episode by episode.

Every environment has its own fixed quota of episodes, so a short episode counts no more than a long
one, and episode k always starts from ``protocol.seed + k``, however many environments there are.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from genpolicy.dataset import Dataset, EnvironmentSpec, Reference
from genpolicy.errors import DataError
from genpolicy.evaluation.environment import flatten, make_environments
from genpolicy.evaluation.lane import Lane
from genpolicy.evaluation.play import Act, Play, each_by_itself, play_together
from genpolicy.evaluation.protocol import Protocol
from genpolicy.records import EvaluationRecord, Selection

if TYPE_CHECKING:
    from genpolicy.evaluation.environment import Environment


class Evaluator:
    """Scores policies in one environment, whose copies it keeps until closed.

    One copy is made at once, which shows whether it can be; the others when they are needed.

    Args:
        environment: The environment.
        protocol: Which episodes a policy is scored on.
        reference: Between which returns scores are normalised, if known.

    Raises:
        DataError: The environment cannot be made.
    """

    def __init__(
        self,
        environment: EnvironmentSpec,
        protocol: Protocol,
        *,
        reference: Reference | None = None,
    ) -> None:
        self.environment = environment
        self.protocol = protocol
        self.reference = reference
        self._environments = make_environments(environment, 1)

    @classmethod
    def of(cls, dataset: Dataset, protocol: Protocol) -> "Evaluator":
        """Return the evaluator of a dataset's own environment.

        Raises:
            DataError: The dataset has no environment, it cannot be made, or what it observes or
                takes has another size than the data.
        """
        if dataset.environment is None:
            raise DataError(
                f"dataset {dataset.name!r} names no environment to score a policy in; "
                "it can only be trained on"
            )
        evaluator = cls(dataset.environment, protocol, reference=dataset.reference)
        try:
            evaluator._check_sizes(dataset)
        except DataError:
            evaluator.close()
            raise
        return evaluator

    def evaluate(
        self,
        act: Act,
        *,
        stage: str = "",
        step: int = 0,
        selection: Selection | None = None,
    ) -> EvaluationRecord:
        """Play the protocol's episodes and record each; the same policy gets the same record.

        Args:
            act: The policy, in batches of at most ``protocol.environments``.
            stage: The training stage that the record names.
            step: The training step that the record names.
            selection: Which checkpoint is scored.

        Raises:
            DataError: The environments cannot be made.
            RunError: The policy's actions are not finite.
        """
        play, start = self.play(), time.perf_counter()
        play_together([play], each_by_itself([act]))
        seconds = time.perf_counter() - start
        return self.record(play, seconds, stage=stage, step=step, selection=selection)

    def play(self) -> Play:
        """Begin the protocol's episodes.

        Raises:
            DataError: The environments cannot be made.
        """
        missing = min(self.protocol.environments, self.protocol.episodes) - len(self._environments)
        self._environments += make_environments(self.environment, missing)
        lanes = (Lane(self.environment, one, seeds) for one, seeds in self._quotas())
        return Play(lanes, self.protocol.seed)

    def record(
        self,
        play: Play,
        seconds: float,
        *,
        stage: str = "",
        step: int = 0,
        selection: Selection | None = None,
    ) -> EvaluationRecord:
        """Return the record of episodes that were played; arguments as in :meth:`evaluate`.

        Args:
            play: The episodes.
            seconds: How long they took.
            stage: The training stage that the record names.
            step: The training step that the record names.
            selection: Which checkpoint is scored.
        """
        return EvaluationRecord(
            stage=stage,
            step=step,
            protocol=self.protocol.label + self.environment.told,
            selection=selection,
            environment=self.environment.as_json(),
            seed=self.protocol.seed,
            episodes=play.episodes,
            random_return=self.reference.random_return if self.reference else None,
            expert_return=self.reference.expert_return if self.reference else None,
            seconds=seconds,
        )

    def close(self) -> None:
        """Close the environments; the evaluator is then of no further use."""
        for environment in self._environments:
            environment.close()
        self._environments = []

    def _quotas(self) -> "Iterator[tuple[Environment, range]]":
        first, count = self.protocol.seed, len(self._environments)
        for index, environment in enumerate(self._environments):
            yield environment, range(first + index, first + self.protocol.episodes, count)

    def _check_sizes(self, dataset: Dataset) -> None:
        environment = self._environments[0]
        seen = flatten(self.environment, environment.reset(seed=self.protocol.seed)[0])
        shape, sample = environment.action_space.shape, dataset.action.shape[1:]
        takes = shape == sample or (len(sample) > 1 and shape == sample[1:])  # a chunk's actions
        if seen.shape != dataset.observation.shape[1:] or not takes:
            raise DataError(
                f"environment {self.environment.id!r} gives observations of shape {seen.shape} and "
                f"takes actions of shape {shape}; dataset {dataset.name!r} holds "
                f"{dataset.observation.shape[1:]} and {sample}"
            )


def evaluate(
    act: Act,
    environment: EnvironmentSpec,
    protocol: Protocol,
    *,
    reference: Reference | None = None,
    stage: str = "",
    step: int = 0,
    selection: Selection | None = None,
) -> EvaluationRecord:
    """Score a policy once: make an :class:`Evaluator`, use it, close it.

    Raises:
        DataError: The environment cannot be made.
        RunError: The policy's actions are not finite.
    """
    evaluator = Evaluator(environment, protocol, reference=reference)
    try:
        return evaluator.evaluate(act, stage=stage, step=step, selection=selection)
    finally:
        evaluator.close()
