"""What is written down about a run: plain frozen records that need no heavy import."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

from genpolicy.intervals import Interval, mean_interval, share_interval

RunState = Literal["queued", "running", "finished", "failed", "interrupted"]
ReportedState = Literal[RunState, "lost"]
"""A run's state; a running run that has not been heard of for a minute is ``"lost"``."""

Selection = Literal["last", "best", "mean-of-last-three", "offline"]
"""Which checkpoint a score is of; ``"offline"`` is the one from which a run went on online."""

KINDS: Final = ("objective", "backbone", "network", "critic", "solver", "inference")
"""Kinds of parts that tell runs apart, beside their data."""

SINGLE_FILE: Final = "file:"
"""What the distribution of a plugin in a single file begins with."""

BENCH: Final = "bench"
"""What stands in the place of a reference policy's name where a run measured speed."""

HELD_OUT: Final = "held-out"
"""The stage of metrics that data alone say of a finished agent, where it has no environment."""

LOOK: Final = "-look"
"""What follows a protocol's name where a few of its episodes give a passing impression."""


@attrs.frozen(kw_only=True)
class PartRecord:
    """One part of a run's recipe, and where it came from.

    Args:
        slot: Its place in the recipe, such as ``"backbone"`` or ``"student.backbone"``.
        kind: Its kind, such as ``"backbone"``.
        name: Its full name, ``"distribution/name"``.
        distribution: The distribution that provides it.
        version: That distribution's version.
        source_hash: SHA-256 of the source files of its package, in hexadecimal.
        options: Its hyper-parameters as JSON values.
    """

    slot: str
    kind: str
    name: str
    distribution: str
    version: str
    source_hash: str
    options: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class DatasetRecord:
    """The data a run learns from.

    Args:
        name: What the user called it.
        fingerprint: SHA-256 of its content, in hexadecimal.
        transitions: How many transitions it holds.
        episodes: How many episodes it holds.
    """

    name: str
    fingerprint: str
    transitions: int
    episodes: int


@attrs.frozen(kw_only=True)
class RunStart:
    """Everything that is known of a run when it starts.

    Args:
        id: Its unique identifier, lower-case letters and digits.
        seed: The seed of its random numbers.
        recipe: The full recipe as JSON values.
        recipe_hash: SHA-256 of the recipe without its seed, in hexadecimal.
        origins: Where each option's value came from, by ``slot.option``.
        parts: Its parts.
        dataset: The data it learns from.
        directory: The absolute path of its checkpoints and agent.
        device: Such as ``"cpu"`` or ``"cuda:0"``.
        versions: Python's and the installed packages' versions by name, and the absolute paths of
            the single files that parts come from, by their distribution ``"file:NAME"``.
        host: The machine's name, platform and processor count.
        git_commit: The commit of the working directory's repository, if it is in one.
        git_dirty: Whether that repository had uncommitted changes.
        command: The command line as typed.
        parent: The run this one continues or repeats, if any.
        tags: Words the user attached.
    """

    id: str
    seed: int
    recipe: Mapping[str, Any]
    recipe_hash: str
    origins: Mapping[str, str]
    parts: tuple[PartRecord, ...]
    dataset: DatasetRecord
    directory: str
    device: str
    versions: Mapping[str, str]
    host: Mapping[str, Any]
    git_commit: str | None = None
    git_dirty: bool | None = None
    command: str = ""
    parent: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def reference(self) -> str | None:
        """The reference policy that it measures, or ``"bench"``, if it trains nothing."""
        return self.recipe.get("reference")

    @property
    def measured(self) -> str | None:
        """What it measured, in words, if it trained nothing."""
        if self.reference == BENCH:
            return "how fast its parts are"
        return None if self.reference is None else f"the reference policy {self.reference!r}"

    @property
    def measured_by(self) -> str:
        """The command that measures such a thing."""
        return "agent bench" if self.reference == BENCH else "agent datasets reference"

    @property
    def providers(self) -> dict[str, str]:
        """What brings its parts back, by distribution: a version, or the path of a single file."""
        versions = {part.distribution: part.version for part in self.parts}
        return {**versions, **self.files}

    @property
    def files(self) -> dict[str, str]:
        """The paths of the single files that parts come from, by their distribution."""
        return {k: path for k, path in self.versions.items() if k.startswith(SINGLE_FILE)}


@attrs.frozen(kw_only=True)
class MetricsRecord:
    """Metrics of a stretch of training.

    Args:
        stage: The stage's name, such as ``"critic"``.
        step: How many steps of the whole run were taken, over all stages.
        values: Means since the previous record; NaN and infinities are kept as they are.
    """

    stage: str
    step: int
    values: Mapping[str, float]


@attrs.frozen(kw_only=True)
class EpisodeRecord:
    """One evaluation episode.

    Args:
        return_: The undiscounted sum of its rewards.
        length: Its number of steps.
        success: Whether the task was solved, where the environment tells.
        steps_to_success: Steps until it was first solved, where it was.
        seed: The seed its environment was reset with.
    """

    return_: float
    length: int
    success: bool | None
    steps_to_success: int | None
    seed: int


@attrs.frozen(kw_only=True)
class EvaluationRecord:
    """One evaluation of a policy in its environment, episode by episode.

    Args:
        stage: The stage during or after which it was made.
        step: Steps of the whole run taken before it.
        protocol: The name of the evaluation protocol; scores compare only within one.
        selection: Which checkpoint was scored, or ``None`` for a look during training.
        environment: The environment's specification as JSON values.
        seed: The seed of its environments and acting noise.
        episodes: One record per episode.
        random_return: The reference return of random actions, where one is known.
        expert_return: The reference return of an expert, where one is known.
        seconds: How long it took.
    """

    stage: str
    step: int
    protocol: str
    selection: Selection | None
    environment: Mapping[str, Any]
    seed: int
    episodes: tuple[EpisodeRecord, ...]
    random_return: float | None = None
    expert_return: float | None = None
    seconds: float = 0.0

    @property
    def return_(self) -> Interval:
        """The mean undiscounted return over episodes.

        Raises:
            ValueError: There are none.
        """
        return mean_interval([episode.return_ for episode in self.episodes])

    @property
    def score(self) -> Interval | None:
        """The normalised score, 100·(return − random)/(expert − random), where it is defined.

        There is none where a reference return is unknown, where both are the same, and without
        episodes.
        """
        if not self.episodes:
            return None
        return normalised(self.return_, self.random_return, self.expert_return)

    @property
    def success(self) -> Interval | None:
        """The share of solved episodes with its Wilson interval, where the environment tells."""
        solved = [episode.success for episode in self.episodes]
        if not solved or None in solved:
            return None
        return share_interval(sum(map(bool, solved)), len(solved))


def normalised(
    found: Interval, random_return: float | None, expert_return: float | None
) -> Interval | None:
    """Return a return as a normalised score, where both references are known and differ."""
    if random_return is None or expert_return is None or random_return == expert_return:
        return None
    return found.scaled(random_return, 100.0 / (expert_return - random_return))


@attrs.frozen(kw_only=True)
class ArtifactRecord:
    """A file or folder that a run wrote.

    Args:
        kind: ``"checkpoint"`` or ``"agent"``.
        path: Its absolute path.
        sha256: The hash of its weights file, in hexadecimal.
        bytes: Its size.
        step: Steps of the whole run taken before it was written.
    """

    kind: str
    path: str
    sha256: str
    bytes: int
    step: int


@attrs.frozen(kw_only=True)
class EventRecord:
    """Something that happened to a run.

    Args:
        kind: Such as ``"stage"``, ``"resumed"``, ``"warning"`` or ``"error"``.
        message: What happened, in words.
        step: Steps of the whole run taken before it.
    """

    kind: str
    message: str
    step: int = 0
