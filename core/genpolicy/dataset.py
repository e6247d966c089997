"""Transitions: what is known of them, what one batch of them is, and who provides them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Self

import attrs
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genpolicy.columns import NAMES, Columns, blocks, fingerprint_of
from genpolicy.columns import Flags as Flags
from genpolicy.columns import Floats as Floats
from genpolicy.dataset_checks import check, check_unbroken
from genpolicy.environment_spec import EnvironmentSpec as EnvironmentSpec
from genpolicy.environment_spec import Reference as Reference
from genpolicy.errors import DataError, OptionError
from genpolicy.recipe import Recipe, option
from genpolicy.transforms import (
    RewardRule,
    RewardScale,
    Units,
    best_episodes,
    in_chunks,
    some_episodes,
    units_of,
    with_n_step_returns,
    with_reward_rule,
)

_ALL: Final = slice(None)


@attrs.frozen(eq=False, kw_only=True)
class Batch:
    """Transitions that a loss is computed on.

    Args:
        observation: What the agent saw, ``[batch, observation]``.
        action: What it did, ``[batch, *sample]``.
        reward: What it got, ``[batch]``.
        next_observation: What it saw next, ``[batch, observation]``.
        terminal: 1.0 where the task ended there, so that nothing follows, ``[batch]``; a time-out
            is not an end.
        next_action: What it did next, ``[batch, *sample]``; ``action`` where the data do not say.
        constants: Constants of losses that were computed beforehand, by name, ``[batch, ...]``.
    """

    observation: Tensor
    action: Tensor
    reward: Tensor
    next_observation: Tensor
    terminal: Tensor
    next_action: Tensor
    constants: Mapping[str, Tensor] = attrs.field(factory=dict)

    def columns(self) -> dict[str, Tensor]:
        """Return what every transition has, by name: all but constants."""
        fields = attrs.asdict(self, recurse=False)
        del fields["constants"]
        return fields

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """Return the batch of which every tensor is what a function makes of this one's."""
        columns = {name: function(values) for name, values in self.columns().items()}
        constants = {name: function(values) for name, values in self.constants.items()}
        return attrs.evolve(self, **columns, constants=constants)

    def __len__(self) -> int:
        return len(self.reward)


def joined(batches: Sequence[Batch]) -> Batch:
    """Return batches as one, with the constants that all of them know."""
    first, *rest = batches
    columns = [batch.columns() for batch in batches]
    known = [name for name in first.constants if all(name in each.constants for each in rest)]
    return attrs.evolve(
        first,
        **{name: torch.cat([each[name] for each in columns]) for name in columns[0]},
        constants={name: torch.cat([each.constants[name] for each in batches]) for name in known},
    )


@attrs.frozen(eq=False, kw_only=True)
class Dataset:
    """Transitions in memory, checked when made.

    Args:
        name: What the user called it.
        observation: ``[transition, observation]``, 32-bit floats.
        action: ``[transition, *sample]``, 32-bit floats.
        reward: ``[transition]``.
        next_observation: ``[transition, observation]``.
        terminal: ``[transition]``, true where the task ended.
        timeout: ``[transition]``, true where an episode was cut without an end.
        action_low: The smallest action allowed, ``[*sample]`` or its last dimension alone.
        action_high: The largest action allowed, likewise.
        stride: How many rows on the next decision of an episode lies; that of chunks is their
            length.
        environment: Where a policy can be scored, if anywhere.
        reference: Between which returns its scores are normalised, if known.
        last: ``[transition]``, true where an episode's rows end, where that is not at its terminals
            and time-outs, since a transition spans several steps.
        units: What models see of the numbers above.
        rewards: What a reward of the environment is among those above, before any are summed.
        origin: The fingerprint of the data that these were made from, where it is theirs too: the
            same episodes, told in other steps or rewards.

    Raises:
        DataError: The arrays cannot be what they claim to be; the message names the array, the
            first row at fault and what would do.
    """

    name: str
    observation: Floats
    action: Floats
    reward: Floats
    next_observation: Floats
    terminal: Flags
    timeout: Flags
    action_low: Floats
    action_high: Floats
    stride: int = 1
    environment: EnvironmentSpec | None = None
    reference: Reference | None = None
    last: Flags | None = None
    units: Units = attrs.field(factory=Units)
    rewards: RewardScale = attrs.field(factory=RewardScale)
    origin: str | None = None

    def __attrs_post_init__(self) -> None:
        check(self)

    @classmethod
    def of(
        cls,
        columns: Columns,
        *,
        name: str,
        action_low: Floats,
        action_high: Floats,
        environment: EnvironmentSpec | None = None,
        reference: Reference | None = None,
    ) -> Self:
        """Return the dataset that has these columns; the other arguments are its fields."""
        return cls(
            name=name,
            observation=columns.observation,
            action=columns.action,
            reward=columns.reward,
            next_observation=columns.next_observation,
            terminal=columns.terminal,
            timeout=columns.timeout,
            action_low=action_low,
            action_high=action_high,
            environment=environment,
            reference=reference,
        )

    def __len__(self) -> int:
        return len(self.reward)

    @property
    def columns(self) -> Columns:
        """Its arrays, one row per transition."""
        return Columns(**{name: getattr(self, name) for name in NAMES})

    @property
    def episodes(self) -> int:
        """How many episodes it holds, an unfinished last one included."""
        return int(self.ends.sum())

    @property
    def ends(self) -> Flags:
        """Where the rows of an episode end, those of an unfinished last one included."""
        ends = self.terminal | self.timeout if self.last is None else self.last.copy()
        ends[-1] = True
        return ends

    def fingerprint(self) -> str:
        """Return the SHA-256 of the content, in hexadecimal; the name does not count."""
        if self.origin is not None:
            return self.origin
        return fingerprint_of(self.columns.arrays())

    def next_action(self) -> Floats:
        """Return the action of every transition's successor, ``[transition, *sample]``.

        The last action of an episode, which has none, is repeated.
        """
        following = np.empty_like(self.action, subok=False)
        for rows in blocks(self.observation, self.action):
            following[rows] = self._next_action(rows)
        return following

    def to_batch(self, device: torch.device, rows: slice = _ALL) -> Batch:
        """Return transitions as one batch on a device.

        Args:
            device: The device.
            rows: Which; all of them if not told.
        """

        def tensor(array: NDArray[Any]) -> Tensor:
            # Torch warns of arrays that it could not write to.
            return torch.as_tensor(np.require(array, requirements="W"), device=device)

        return Batch(
            observation=tensor(self.observation[rows]),
            action=tensor(self.action[rows]),
            reward=tensor(self.reward[rows]),
            next_observation=tensor(self.next_observation[rows]),
            terminal=tensor(self.terminal[rows]).float(),
            next_action=tensor(self.next_action() if rows == _ALL else self._next_action(rows)),
        )

    def _next_action(self, rows: slice) -> Floats:
        here = np.arange(*rows.indices(len(self)))
        there = np.minimum(here + self.stride, len(self) - 1)
        follows = (self.observation[there] == self.next_observation[rows]).all(axis=1)
        follows &= ~(self.terminal[rows] | self.timeout[rows]) & (here + self.stride < len(self))
        following: Floats = self.action[np.where(follows, there, here)]
        return following


@attrs.frozen(kw_only=True)
class DatasetRecipe(Recipe, ABC):
    """A source of transitions, which a subclass loads; :meth:`prepare` is what a run learns from.

    ``default_recipe`` names the settings that a run on this data starts from when the user names
    none; without it, every part's own defaults hold. What is ``shared`` says how to learn from
    data, whichever they are.
    """

    default_recipe: ClassVar[str | None] = None
    shared: ClassVar[frozenset[str]] = frozenset(
        {"reward", "n_step", "n_step_discount", "chunk", "normalise", "rescale"}
    )

    environment: str | None = option(
        None, help="Gymnasium's id of where agents are scored, in place of the data's own"
    )
    horizon: int | None = option(
        None, help="steps after which evaluation episodes are cut; the data's own if none", ge=1
    )
    random_return: float | None = option(
        None, help="return that scores 0, in place of the data's own reference; with expert_return"
    )
    expert_return: float | None = option(
        None, help="return that scores 100, in place of the data's own; with random_return"
    )
    fraction: float = option(1.0, help="share of the episodes, drawn at random", gt=0, le=1)
    fraction_seed: int = option(0, help="which episodes a fraction holds", ge=0)
    best: float = option(1.0, help="share of the episodes, those of highest return", gt=0, le=1)
    reward: RewardRule = option("as-is", help="a benchmark's rule that changes rewards")
    n_step: int = option(1, help="steps whose discounted rewards one transition sums", ge=1)
    n_step_discount: float = option(
        0.99, help="discount per step within n-step returns", gt=0, le=1
    )
    chunk: int = option(1, help="actions per decision; a sample is that many in a row", ge=1)
    normalise: bool = option(False, help="show models observations of mean 0 and deviation 1")
    rescale: bool = option(True, help="show models actions between -1 and 1")

    @abstractmethod
    def load(self) -> Dataset:
        """Return the transitions, one action each, in the environment's numbers.

        Raises:
            DataError: They cannot be had or used; the message says what would work.
        """

    def prepare(self) -> Dataset:
        """Return what a run learns from, as the options ask, in the order in which they are listed.

        Raises:
            DataError: They cannot be had or used; the message says what would work.
            OptionError: Two of the options exclude one another.
        """
        if self.n_step > 1 and self.chunk > 1:
            raise OptionError(
                "dataset.n_step and dataset.chunk both join steps to one decision; set one of them"
            )
        data = best_episodes(
            some_episodes(self._scored(self.load()), self.fraction, self.fraction_seed), self.best
        )
        data = with_reward_rule(data, self.reward)
        if self.n_step > 1 or self.chunk > 1:
            check_unbroken(data)
        data = with_n_step_returns(data, self.n_step, self.n_step_discount)
        data = in_chunks(data, self.chunk)
        units = units_of(data, normalise=self.normalise, rescale=self.rescale)
        return attrs.evolve(data, units=units)

    def _scored(self, data: Dataset) -> Dataset:
        """Return the data with the environment and the reference that the options name."""
        data, reference = self._placed(data), self._reference()
        return data if reference is None else attrs.evolve(data, reference=reference)

    def _reference(self) -> Reference | None:
        """Return the reference that the options name, if they do."""
        low, high = self.random_return, self.expert_return
        if low is None and high is None:
            return None
        if low is None or high is None:
            given, missing = ("expert", "random") if low is None else ("random", "expert")
            raise OptionError(
                f"dataset.{given}_return is one end of the scale of scores; give the other one, "
                f"dataset.{missing}_return, too"
            )
        return Reference(random_return=low, expert_return=high, source="given by the user")

    def _placed(self, data: Dataset) -> Dataset:
        """Return the data with the environment that the options name, if they do."""
        named, horizon = self.environment, self.horizon
        if named is None and horizon is None:
            return data
        own = data.environment
        if named is None or (own is not None and own.answers_to(named)):
            if own is None:
                raise DataError(
                    f"dataset {data.name!r} names no environment that dataset.horizon could be "
                    "of; name one with dataset.environment"
                )
            if horizon in (None, own.horizon):
                return data
            other = attrs.evolve(own, horizon=horizon, chosen=f"horizon={horizon}")
            return attrs.evolve(data, environment=other, reference=None)
        from genpolicy.evaluation import environment_named

        chosen = named if horizon is None else f"{named},horizon={horizon}"
        other = attrs.evolve(environment_named(named, horizon), chosen=chosen)
        return attrs.evolve(data, environment=other, reference=None)
