"""An evaluation in progress: a policy's lanes, and what they have come to so far."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch

from genpolicy.dataset import Floats
from genpolicy.errors import RunError
from genpolicy.evaluation.lane import Lane
from genpolicy.records import EpisodeRecord

Act = Callable[[Floats, torch.Generator], Floats]
"""Decisions inside the box for observations ``[n, observation]``: actions, ``[n, *action]``, or
chunks of them, ``[n, chunk, *action]``, played to their end before the next decision. What noise
they need is drawn from the generator, which lives on the CPU."""

Asked = tuple[Floats, torch.Generator]
"""What a policy is asked: observations, and where its noise comes from."""

ActAll = Callable[[Sequence[Asked | None]], Sequence[Floats | None]]
"""Decisions of several policies, each for its own observations; ``None`` for who is not asked."""


class Play:
    """One policy's episodes, played side by side.

    Args:
        lanes: The environments, each with its quota of episodes.
        seed: Where the acting noise starts.
    """

    def __init__(self, lanes: Iterable[Lane], seed: int) -> None:
        self._lanes = list(lanes)
        self._done: list[EpisodeRecord] = []
        self._generator = torch.Generator().manual_seed(seed)

    @property
    def goes_on(self) -> bool:
        """Whether there are episodes left to play."""
        return bool(self._lanes)

    @property
    def waits(self) -> bool:
        """Whether the policy is to decide before the next step."""
        return any(lane.waits for lane in self._lanes)

    @property
    def asked(self) -> Asked:
        """What it is to decide on, ``[n, observation]``, and by which noise."""
        waiting = [lane.observation for lane in self._lanes if lane.waits]
        return np.stack(waiting), self._generator

    @property
    def episodes(self) -> tuple[EpisodeRecord, ...]:
        """The episodes that are over, by their seeds."""
        return tuple(sorted(self._done, key=lambda episode: episode.seed))

    def plan(self, decisions: Floats) -> None:
        """Take in the policy's decisions.

        Raises:
            RunError: They are not finite.
        """
        if not np.isfinite(decisions).all():
            raise RunError("the policy's actions are not finite, so it cannot be scored")
        waiting = [lane for lane in self._lanes if lane.waits]
        for lane, decision in zip(waiting, decisions, strict=True):
            lane.plan(decision)

    def step(self) -> None:
        """Take a step in every environment."""
        records = [lane.step() for lane in self._lanes]
        self._done.extend(record for record in records if record is not None)
        self._lanes = [lane for lane in self._lanes if not lane.finished]


def play_together(plays: Sequence[Play], act: ActAll) -> None:
    """Play several policies' episodes to their ends, all in step.

    Raises:
        RunError: The actions of one are not finite.
    """
    while any(play.goes_on for play in plays):
        asked = [play.asked if play.waits else None for play in plays]
        for play, decisions in zip(plays, act(asked), strict=True):
            if decisions is not None:
                play.plan(decisions)
            play.step()


def each_by_itself(acts: Sequence[Act]) -> ActAll:
    """Return the decisions of policies that are asked one after the other."""
    return lambda asked: [
        None if each is None else act(*each) for act, each in zip(acts, asked, strict=True)
    ]
