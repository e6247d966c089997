"""What every dataset must do: hold what transitions are, and say what is wrong when it cannot."""

import random
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import attrs
import numpy as np
import torch

from genpolicy.data_checks import Finding
from genpolicy.data_checks.ends import (
    clocked_terminals,
    ended_and_cut,
    jumping_cuts,
    misalignment,
    walks_past_terminals,
)
from genpolicy.data_checks.surroundings import actions_beyond, other_sizes
from genpolicy.dataset import Dataset, DatasetRecipe
from genpolicy.dataset_abilities import WritableDataset
from genpolicy.discovery import load_catalogue
from genpolicy.errors import DataError
from genpolicy.evaluation import make_environment
from genpolicy.recipe import make_recipe, options_of, recipe_values
from genpolicy.testing.damage import damaged_copies
from genpolicy.testing.data import random_transitions
from genpolicy.testing.suite import Program, Suite, entry_of, needs
from genpolicy.testing.surroundings import Surroundings


class DatasetSuite(Suite):
    """The checks of a dataset; one that reads a file is tried with damaged copies of it.

    The file is the one that the option ``path`` names.
    """

    kind: ClassVar[str] = "dataset"

    def program(self, part: DatasetRecipe) -> Program | None:
        """Return nothing: a dataset is loaded once."""
        return None

    def test_its_arrays_are_what_transitions_are(self, part: DatasetRecipe) -> None:
        """Training assumes shapes, types, finite numbers and actions inside the box, unchecked."""
        data = part.load()
        assert isinstance(data, Dataset), f"load() returns a {type(data).__name__}, no Dataset"
        attrs.evolve(data)  # checks the arrays as they are now, whatever was done to them since

    def test_its_data_go_by_its_name(self, part: DatasetRecipe) -> None:
        """Runs are found and compared by the name of their data: `--dataset 'maze/*'`."""
        name, entry = part.load().name, entry_of(part)
        assert name.strip(), "its data have no name"
        if entry is not None:
            known = name.partition(":")[0] in entry.claims
            assert known, f"its data are called {name!r}, and it is called {entry.spec.name!r}"

    def test_a_step_is_followed_by_what_it_led_to(self, part: DatasetRecipe) -> None:
        """Values are learned from next observations; shifted by a row, all of them are wrong."""
        _assert_nothing(misalignment(part.load()))

    def test_nothing_follows_a_terminal(self, part: DatasetRecipe) -> None:
        """A terminal in the middle of an episode makes all that came after it worth nothing."""
        data = part.load()
        if not np.ptp(data.observation, axis=0).any():
            self.skip("every observation is the same")
        _assert_nothing(walks_past_terminals(data))

    def test_a_cut_leads_to_its_own_episodes_next_observation(self, part: DatasetRecipe) -> None:
        """What follows a cut has a value: that of the next episode's start is another."""
        data = part.load()
        if not (data.timeout[:-1].any() and (~(data.terminal | data.timeout)[:-1]).any()):
            self.skip("no episode of several steps is cut")
        _assert_nothing(jumping_cuts(data))

    def test_no_row_is_both_a_terminal_and_a_timeout(self, part: DatasetRecipe) -> None:
        """Where the task ended nothing was cut; counts of ends would count it twice."""
        _assert_nothing(ended_and_cut(part.load()))

    def test_a_cut_by_the_clock_is_no_terminal(self, part: DatasetRecipe) -> None:
        """Time-outs taken for terminals teach that the world ends for no visible reason."""
        data = part.load()
        if data.environment is None:
            self.skip("it names no environment, whose clock it would be")
        _assert_nothing(clocked_terminals(data))

    def test_it_is_the_same_whenever_it_is_loaded(self, part: DatasetRecipe) -> None:
        """Its fingerprint says in every record which data a run learned from."""
        before = Surroundings.now()
        state = torch.get_rng_state()
        first = part.load().fingerprint()
        changed = before.changes()
        assert not changed, f"loading changes {', '.join(changed)}"
        assert torch.equal(torch.get_rng_state(), state), "loading uses torch's random numbers"
        second = _with_other_random_numbers(part)
        assert first == second, "it is other data when loaded again, or after random numbers"

    def test_another_seed_gives_other_data(self, part: DatasetRecipe) -> None:
        """An option that changes nothing misleads."""
        if "seed" not in options_of(type(part)):
            self.skip("it has no option 'seed'")
        other = _with(part, seed=recipe_values(part)["seed"] + 1)
        assert other.load().fingerprint() != part.load().fingerprint(), "the data are the same"

    def test_its_actions_can_be_taken_in_chunks(self, part: DatasetRecipe) -> None:
        """Every dataset can be learned from in chunks, or says that its episodes are too short."""
        expected = (2, *part.load().action.shape[1:])
        try:
            found = attrs.evolve(part, chunk=2).prepare().action.shape[1:]
        except DataError as error:
            if "no episode of 2 steps" not in str(error):
                raise
            self.skip("its episodes are of one step each")
        assert found == expected, f"a chunk of two actions has shape {found}, not {expected}"

    def test_its_environment_observes_and_does_what_the_data_do(self, part: DatasetRecipe) -> None:
        """A policy is scored there, on observations that it must know."""
        data = part.load()
        if data.environment is None:
            self.skip("it names no environment")
        environment = make_environment(data.environment)
        try:
            for finding in other_sizes(data, environment):
                _assert_nothing(finding)
            _assert_nothing(actions_beyond(data, environment))
        finally:
            environment.close()

    def test_what_it_is_scored_by_exists(self, part: DatasetRecipe) -> None:
        """A score without a source cannot be trusted, and a recipe that is missing not used."""
        data = part.load()
        if data.reference is not None:
            assert data.environment is not None, (
                "it has a reference, and no environment to score in"
            )
            assert data.reference.source.strip(), "its reference does not say who measured it"
        if part.default_recipe is not None:
            load_catalogue().find("recipe", part.default_recipe)

    def test_a_damaged_file_is_refused_in_words(self, part: DatasetRecipe) -> None:
        """Downloads break off and disks fill up; a traceback helps nobody."""
        file = _file_of(part)
        if file is None:
            self.skip("it has no option 'path' that names a file")
        with tempfile.TemporaryDirectory() as folder:
            for what, path in damaged_copies(file, Path(folder)):
                refusal = _refusal(_with(part, path=str(path)).load)
                assert refusal is not None, f"a file that is {what} is loaded without complaint"
                assert path.name in refusal, f"the file that is {what} is not named: {refusal}"

    @needs(WritableDataset)
    def test_what_is_written_is_read_back_the_same(self, part: DatasetRecipe) -> None:
        """`agent datasets make --out` writes with it, and runs read what it wrote."""
        data = random_transitions()
        with tempfile.TemporaryDirectory() as folder:
            copy = _written(self._inside(part, Path(folder)), data)
        assert copy.fingerprint() == data.fingerprint(), "the transitions are not the same"
        for name in ("action_low", "action_high"):
            assert np.array_equal(getattr(copy, name), getattr(data, name)), f"{name} is not kept"

    @needs(WritableDataset)
    def test_a_value_that_is_no_number_is_refused_where_it_stands(
        self, part: DatasetRecipe
    ) -> None:
        """One NaN turns every weight into NaN, thousands of steps later."""
        data = random_transitions()
        data.reward[37] = np.nan  # after it was checked
        with tempfile.TemporaryDirectory() as folder:
            there = self._inside(part, Path(folder))
            refusal = _refusal(lambda: _written(there, data))
        assert refusal is not None, "a reward that is no number is loaded without complaint"
        assert "reward" in refusal, f"the field at fault is not named: {refusal}"
        assert re.search(r"\b37\b", refusal), f"the row at fault, 37, is not named: {refusal}"

    def _inside(self, part: DatasetRecipe, folder: Path) -> DatasetRecipe:
        """Return the same recipe for a new file in a folder."""
        if "path" not in options_of(type(part)):
            self.skip("it has no option 'path' that names a file")
        suffix = Path(recipe_values(part)["path"]).suffix
        return _with(part, path=str(folder / f"written{suffix}"))


def _with_other_random_numbers(part: DatasetRecipe) -> str:
    """Return the fingerprint of the data after the process's random numbers moved on."""
    python, old = random.getstate(), np.random.get_state()
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    try:
        return part.load().fingerprint()
    finally:
        random.setstate(python)
        np.random.set_state(old)


def _assert_nothing(finding: Finding | None) -> None:
    assert finding is None, finding.sentence


def _file_of(part: DatasetRecipe) -> Path | None:
    path = recipe_values(part).get("path")
    file = Path(path).expanduser() if path else None
    return file if file is not None and file.is_file() else None


def _with(part: DatasetRecipe, **options: object) -> DatasetRecipe:
    return make_recipe(type(part), {**recipe_values(part), **options}, who=type(part).__name__)


def _written(part: DatasetRecipe, data: Dataset) -> Dataset:
    """Return what is read where data were written."""
    assert isinstance(part, WritableDataset)
    part.write(data)
    return part.load()


def _refusal(attempt: Callable[[], object]) -> str | None:
    """Return in which words data are refused, ``None`` if they are not."""
    try:
        attempt()
    except DataError as error:
        return str(error)
    return None
