"""D4RL's datasets, read from the HDF5 files that it publishes (Fu et al. 2020, arXiv 2004.07219).

The transitions are those of D4RL's ``qlearning_dataset``, which published scores were learned from:

- a step is followed by the observation of the next row;
- an episode's last step before a cut is left out, and so is the last row of the file;
- an episode is cut where the file has a ``timeouts`` flag. A file without that field (v0's) is cut
  after every ``horizon`` steps since its episode began;
- a terminal step is kept. It is followed by ``next_observations`` where the file has that field,
  else by itself; nothing is bootstrapped from there.

In AntMaze, reward and terminal are 1 wherever the ant is at the goal, and the goal is not observed:
it is one place per maze. The data walk on from there to their cut, so an episode may hold many
terminals, each of which counts as an end. Papers shift these rewards (``dataset.reward=antmaze``).
In maze2d nothing ends, and a cut is where the walk's own goal was reached.

Later versions of ``qlearning_dataset`` take ``next_observations`` for every step where the file has
them, and leave out terminals where it has not.

Differs from ``qlearning_dataset``: that counts one step too many after a terminal in files without
time-outs, so it cuts the next episode a step early and joins its last step to the episode after it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

import attrs
import numpy as np

from genpolicy.columns import Columns, Flags
from genpolicy.dataset import Dataset, DatasetRecipe
from genpolicy.errors import DataError
from genpolicy.recipe import option
from genpolicy.storage import file_key, stored
from genpolicy_plugins.datasets.d4rl_files import found_file
from genpolicy_plugins.datasets.d4rl_names import d4rl_file
from genpolicy_plugins.datasets.hdf5_files import opened
from genpolicy_plugins.datasets.npz_fields import Fields
from genpolicy_plugins.datasets.references import reference_of
from genpolicy_plugins.datasets.successors import After, checked_count, itself, joined

_LAYOUT: Final = 1


@attrs.frozen(kw_only=True)
class D4RL(DatasetRecipe):
    """Transitions from one of D4RL's files."""

    argument: ClassVar[str | None] = "name"

    name: str = option("", help="D4RL's name, such as hopper-medium-v2")
    source: str = option(
        "", help="folder or address of the files; AGENT_D4RL or ~/.d4rl/datasets if none"
    )

    def load(self) -> Dataset:
        """Return the file's transitions."""
        if not self.name:
            raise DataError("dataset 'd4rl' needs a name: d4rl:hopper-medium-v2")
        known, name = d4rl_file(self.name), f"d4rl:{self.name}"
        path, horizon = found_file(self.name, self.source), known.horizon
        with opened(path) as arrays:
            key = {"reader": "d4rl", "layout": _LAYOUT, "horizon": horizon, **file_key(path)}
            columns = stored(name, key, lambda: _read(name, path, horizon))
            low, high = Fields(name, arrays).box(columns.action)
        return Dataset.of(
            columns,
            name=name,
            action_low=low,
            action_high=high,
            environment=known.environment,
            reference=reference_of(name) if known.environment is not None else None,
        )


def q_learning_transitions(fields: Fields, horizon: int) -> Iterator[Columns]:
    """Yield the transitions of a file as D4RL cuts them, in blocks.

    Args:
        fields: The file.
        horizon: Steps after which an episode is cut in a file that does not tell.

    Raises:
        DataError: A field is missing or unfit, or no step is left.
    """
    count = checked_count(fields, successors=False)
    terminal = fields.flags("terminal", count)
    if fields.has("timeout"):
        dropped = fields.flags("timeout", count)
    else:
        dropped = _cut_after(terminal, horizon)
    dropped[-1] = True
    after = _told(fields) if fields.has("next_observation") else itself(fields)
    timeout = np.zeros(count, np.bool_)
    return joined(fields, terminal & ~dropped, timeout, dropped=dropped, after=after)


def _read(name: str, path: Path, horizon: int) -> Iterator[Columns]:
    with opened(path) as arrays:
        yield from q_learning_transitions(Fields(name, arrays), horizon)


def _cut_after(terminal: Flags, horizon: int) -> Flags:
    """Return where episodes are cut that end at terminals or after ``horizon`` steps."""
    rows = np.arange(len(terminal))
    begins = np.where(np.roll(terminal, 1), rows, 0)
    begins[0] = 0
    step = rows - np.maximum.accumulate(begins)
    cut: Flags = (step + 1) % horizon == 0
    return cut


def _told(fields: Fields) -> After:
    return lambda rows, last: fields.floats("next_observation", rows)[last]
