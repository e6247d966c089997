"""Metrics and scores in TensorBoard's event files: ``tensorboard --logdir runs`` shows all runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from genpolicy import TrackerRecipe, option
from genpolicy.records import RunStart, RunState
from genpolicy_plugins.trackers.contents import settings_of
from genpolicy_plugins.trackers.extras import require
from genpolicy_plugins.trackers.mirror import Board, Mirror

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_SCORES: Final = ("evaluation/score", "evaluation/return", "evaluation/success")


@attrs.frozen(kw_only=True)
class TensorBoard(TrackerRecipe):
    """Event files, with the recipe as hyper-parameters."""

    folder: str = option(
        "tensorboard", help="the folder, from the run's own; {run} stands for the run's id"
    )

    def __attrs_post_init__(self) -> None:
        require("tensorboard", "tensorboard")

    def open(self, run: RunStart) -> Mirror:
        """Return who writes the files."""
        import torch.utils.tensorboard  # noqa: F401  # slow: before training, not beside it

        folder = Path(run.directory) / self.folder.replace("{run}", run.id)
        return Mirror(_Events(run, folder))


class _Events(Board):
    def __init__(self, run: RunStart, folder: Path) -> None:
        self._run, self._folder = run, folder
        self._writer: SummaryWriter | None = None
        self._step = 0

    def begin(self, resumed: int | None) -> None:
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        purge = None if resumed is None else resumed + 1  # what comes again is not shown twice
        self._writer = SummaryWriter(str(self._folder), purge_step=purge)
        experiment, session, _ = hparams(settings_of(self._run), dict.fromkeys(_SCORES, 0.0))
        for summary in (experiment, session):
            self._writer.file_writer.add_summary(summary)
        self._writer.flush()

    def write(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        assert self._writer is not None
        self._step = step
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def end(self, state: RunState, message: str) -> None:
        assert self._writer is not None
        self._writer.add_text("state", f"{state}: {message}" if message else state, self._step)
        self._writer.close()
