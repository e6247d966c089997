"""The suite of datasets catches datasets that are broken, one by one, and says how."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest

import attrs
import numpy as np
import pytest
import torch

from genpolicy.dataset import Dataset, DatasetRecipe, EnvironmentSpec, Reference
from genpolicy.dataset_abilities import WritableDataset
from genpolicy.errors import DataError, UnknownPartError
from genpolicy.recipe import option
from genpolicy.testing import DatasetSuite
from genpolicy.testing.data import random_transitions
from genpolicy_plugins.datasets.npz import read_npz
from genpolicy_plugins.datasets.npz_writer import write_npz


@attrs.frozen(kw_only=True)
class Honest(DatasetRecipe):
    """Eight episodes of eight steps, every other one of which is cut."""

    def load(self) -> Dataset:
        return attrs.evolve(random_transitions(), **self.broken(random_transitions()))

    def broken(self, data: Dataset) -> dict[str, Any]:
        return {}


class Shifted(Honest):
    def broken(self, data: Dataset) -> dict[str, Any]:
        return {"next_observation": np.roll(data.next_observation, 1, axis=0)}


class Endless(Honest):
    """Takes every step for the last."""

    def broken(self, data: Dataset) -> dict[str, Any]:
        return {"terminal": np.ones(64, bool), "timeout": np.zeros(64, bool)}


class Begun(Honest):
    """Has the next episode's first observation after every end."""

    def broken(self, data: Dataset) -> dict[str, Any]:
        return {"next_observation": np.roll(data.observation, -1, axis=0)}


class Rolled(Honest):
    """Walks in small steps; a cut leads to the next episode's first observation."""

    def broken(self, data: Dataset) -> dict[str, Any]:
        steps = np.where(np.arange(64)[:, None] % 8 == 0, 5.0, 0.1) * data.observation
        seen = np.cumsum(steps, axis=0, dtype=np.float32)
        following = np.append(seen[1:], seen[-1:], axis=0)
        following[data.terminal] = seen[data.terminal]
        return {"observation": seen, "next_observation": following}


class Walking(Rolled):
    """The same, but that a cut leads a small step on."""

    def broken(self, data: Dataset) -> dict[str, Any]:
        broken = super().broken(data)
        broken["next_observation"][data.timeout] = broken["observation"][data.timeout] + 0.1
        return broken


class Streaming(Honest):
    """Is one long walk that is cut into pieces."""

    def broken(self, data: Dataset) -> dict[str, Any]:
        seen = np.cumsum(data.observation, axis=0, dtype=np.float32)
        return {"observation": seen, "next_observation": np.append(seen[1:], seen[-1:], axis=0)}


class Double(Honest):
    def broken(self, data: Dataset) -> dict[str, Any]:
        return {"timeout": data.terminal | data.timeout}


class Clocked(Honest):
    """Takes time-outs for terminals."""

    def broken(self, data: Dataset) -> dict[str, Any]:
        horizon = EnvironmentSpec(id="Pendulum-v1", horizon=8)
        ends = data.terminal | data.timeout
        return {"terminal": ends, "timeout": np.zeros(64, bool), "environment": horizon}


class Expert(Clocked):
    """Ends every episode well, in as many steps."""

    def broken(self, data: Dataset) -> dict[str, Any]:
        longer = EnvironmentSpec(id="Pendulum-v1", horizon=200)
        return {**super().broken(data), "environment": longer}


class Homeless(Clocked):
    def broken(self, data: Dataset) -> dict[str, Any]:
        return {**super().broken(data), "environment": None}


class Fresh(Honest):
    """Is made anew every time."""

    def broken(self, data: Dataset) -> dict[str, Any]:
        return {"reward": np.random.default_rng().normal(size=64).astype(np.float32)}


class Drawing(Honest):
    def broken(self, data: Dataset) -> dict[str, Any]:
        return {"reward": torch.randn(64).numpy()}


class Seeding(Honest):
    def broken(self, data: Dataset) -> dict[str, Any]:
        np.random.seed(0)
        return {}


class Nameless(Honest):
    def broken(self, data: Dataset) -> dict[str, Any]:
        return {"name": " "}


class Elsewhere(Honest):
    """Is scored in an environment of other actions."""

    def broken(self, data: Dataset) -> dict[str, Any]:
        return {"environment": EnvironmentSpec(id="Pendulum-v1", horizon=200)}


class Unsourced(Elsewhere):
    def broken(self, data: Dataset) -> dict[str, Any]:
        reference = Reference(random_return=0.0, expert_return=1.0, source="")
        return {**super().broken(data), "reference": reference}


class Nowhere(Honest):
    def broken(self, data: Dataset) -> dict[str, Any]:
        return {"reference": Reference(random_return=0.0, expert_return=1.0, source="us")}


class Unprepared(Honest):
    default_recipe: ClassVar[str | None] = "no-such-recipe"


class Single(Honest):
    """Knows no chunks."""

    def prepare(self) -> Dataset:
        return self.load()


class Spoilt(Honest):
    """Writes a NaN behind the back of the check."""

    def load(self) -> Dataset:
        data = random_transitions()
        data.reward[3] = np.nan
        return data


@attrs.frozen(kw_only=True)
class Deaf(Honest):
    seed: int = option(0, help="of which nothing depends", ge=0)


@attrs.frozen(kw_only=True)
class File(DatasetRecipe, WritableDataset):
    """A file of transitions."""

    path: str = option("mine.npz", help="the file")

    def load(self) -> Dataset:
        return read_npz(Path(self.path), name=f"file:{self.path}")

    def write(self, dataset: Dataset) -> None:
        write_npz(dataset, Path(self.path))


class Trusting(File):
    """Reads whatever there is, and something else if there is nothing."""

    def load(self) -> Dataset:
        try:
            return super().load()
        except DataError:
            return random_transitions()


class Curt(File):
    def load(self) -> Dataset:
        try:
            return super().load()
        except DataError as error:
            raise DataError("the file is bad") from error


class Raw(File):
    """Lets a reader's own errors pass."""

    def load(self) -> Dataset:
        np.load(self.path)["reward"]
        return super().load()


class Forgetful(File):
    """Forgets where episodes were cut."""

    def write(self, dataset: Dataset) -> None:
        super().write(attrs.evolve(dataset, timeout=np.zeros(len(dataset), bool)))


BROKEN: Mapping[str, tuple[type[DatasetRecipe], type[Exception], str]] = {
    "its_arrays_are_what_transitions_are": (
        Spoilt,
        DataError,
        "reward is not finite in 1 of 64 rows, first in row 3",
    ),
    "its_data_go_by_its_name": (Nameless, AssertionError, "its data have no name"),
    "a_step_is_followed_by_what_it_led_to": (
        Shifted,
        AssertionError,
        "56 of 56 rows that neither end nor are cut have a next_observation that is not the next "
        "row's observation, first row 0; it is the row's own observation: move next_observation",
    ),
    "nothing_follows_a_terminal": (
        Endless,
        AssertionError,
        "56 of 63 terminals are followed by a row that begins where they led, first row 0",
    ),
    "a_cut_leads_to_its_own_episodes_next_observation": (
        Rolled,
        AssertionError,
        r"4 of 4 time-outs lead to the next row's observation, \d\d times as far as other steps",
    ),
    "no_row_is_both_a_terminal_and_a_timeout": (
        Double,
        AssertionError,
        "4 rows are both, first row 15; take the terminal",
    ),
    "a_cut_by_the_clock_is_no_terminal": (
        Clocked,
        AssertionError,
        "8 of 8 episodes have a terminal after exactly 8 steps, where the environment cuts: that ",
    ),
    "it_is_the_same_whenever_it_is_loaded": (Fresh, AssertionError, "it is other data when"),
    "its_actions_can_be_taken_in_chunks": (
        Single,
        AssertionError,
        r"a chunk of two actions has shape \(2,\), not \(2, 2\)",
    ),
    "what_it_is_scored_by_exists": (Unsourced, AssertionError, "does not say who measured it"),
}
MORE = (
    ("nothing_follows_a_terminal", Begun, AssertionError, "3 of 3 terminals are followed by a row"),
    ("it_is_the_same_whenever_it_is_loaded", Drawing, AssertionError, "uses torch's random"),
    ("it_is_the_same_whenever_it_is_loaded", Seeding, AssertionError, "changes numpy's random"),
    ("what_it_is_scored_by_exists", Nowhere, AssertionError, "and no environment to score in"),
    ("what_it_is_scored_by_exists", Unprepared, UnknownPartError, "'no-such-recipe'"),
    ("another_seed_gives_other_data", Deaf, AssertionError, "the data are the same"),
    (
        "its_environment_observes_and_does_what_the_data_do",
        Elsewhere,
        AssertionError,
        r"it takes actions of shape \(1,\), the data's have \(2,\)",
    ),
)
OF_FILES = (
    ("a_damaged_file_is_refused_in_words", Trusting, AssertionError, "a file that is missing is l"),
    ("a_damaged_file_is_refused_in_words", Curt, AssertionError, "missing is not named: the file"),
    ("a_damaged_file_is_refused_in_words", Raw, FileNotFoundError, "missing.npz"),
    ("what_is_written_is_read_back_the_same", Forgetful, AssertionError, "are not the same"),
    (
        "a_value_that_is_no_number_is_refused_where_it_stands",
        Trusting,
        AssertionError,
        "a reward that is no number is loaded without complaint",
    ),
    (
        "a_value_that_is_no_number_is_refused_where_it_stands",
        Curt,
        AssertionError,
        "the field at fault is not named: the file is bad",
    ),
)


@pytest.mark.parametrize("check", BROKEN)
def test_a_broken_dataset_is_caught(check: str) -> None:
    dataset, error, sentence = BROKEN[check]
    with pytest.raises(error, match=sentence):
        getattr(DatasetSuite(), f"test_{check}")(dataset())


@pytest.mark.parametrize(("check", "dataset", "error", "sentence"), MORE)
def test_other_ways_of_being_broken_are_caught(
    check: str, dataset: type[DatasetRecipe], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        getattr(DatasetSuite(), f"test_{check}")(dataset())


@pytest.mark.parametrize(("check", "dataset", "error", "sentence"), OF_FILES)
def test_files_that_are_badly_read_or_written_are_caught(
    check: str, dataset: type[File], error: type[Exception], sentence: str, tmp_path: Path
) -> None:
    part = dataset(path=str(tmp_path / "mine.npz"))
    part.write(random_transitions())
    with pytest.raises(error, match=sentence):
        getattr(DatasetSuite(), f"test_{check}")(part)


@pytest.mark.parametrize("check", [each for each in BROKEN if "clock" not in each])
def test_an_honest_dataset_passes(check: str) -> None:
    getattr(DatasetSuite(), f"test_{check}")(Honest())


@pytest.mark.parametrize("dataset", [Honest, Walking, Streaming])
def test_a_cut_may_lead_on(dataset: type[DatasetRecipe]) -> None:
    DatasetSuite().test_a_cut_leads_to_its_own_episodes_next_observation(dataset())


def test_demonstrations_of_one_length_are_not_taken_for_cut_ones() -> None:
    check = DatasetSuite().test_a_cut_by_the_clock_is_no_terminal
    check(Expert())
    with pytest.raises(SkipTest, match="it names no environment, whose clock it would be"):
        check(Homeless())


@pytest.mark.parametrize("check", sorted({check for check, *_ in OF_FILES}))
def test_an_honest_file_passes(check: str, tmp_path: Path) -> None:
    part = File(path=str(tmp_path / "mine.npz"))
    part.write(random_transitions())
    getattr(DatasetSuite(), f"test_{check}")(part)
