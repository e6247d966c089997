"""Metrics and scores in a run of Weights & Biases, kept in the run's folder unless asked."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from genpolicy import TrackerRecipe, option
from genpolicy.errors import RunError
from genpolicy.records import RunStart, RunState
from genpolicy_plugins.trackers.contents import settings_of
from genpolicy_plugins.trackers.extras import require
from genpolicy_plugins.trackers.mirror import Board, Mirror

if TYPE_CHECKING:
    from wandb import Run

_ONLINE: Final = ("online", "shared")
_MODES: Final = {"run": "online", "dryrun": "offline"}
"""The modes that have two names."""

_STATUS: Final = {"finished": 0, "failed": 1, "interrupted": 130}


@attrs.frozen(kw_only=True)
class WandB(TrackerRecipe):
    """A run of the same id; ``wandb sync`` uploads what was kept."""

    mode: Literal["offline", "online"] | None = option(
        None, help="whether to upload at once; none: as WANDB_MODE says, else offline"
    )
    project: str | None = option(None, help="the project; none: WANDB_PROJECT, else genpolicy")
    entity: str | None = option(None, help="the user or team; none: wandb's own default")
    group: str | None = option(None, help="the group; none: the recipe's, whose runs are seeds")

    def __attrs_post_init__(self) -> None:
        require("wandb", "wandb")

    def open(self, run: RunStart) -> Mirror:
        """Return who writes the run."""
        asked = self.mode or os.environ.get("WANDB_MODE") or "offline"
        mode = _MODES.get(asked, asked)
        if mode not in _ONLINE:  # it reports its own errors to its makers otherwise
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb  # noqa: F401  # slow: before training, not beside it

        return Mirror(_Run(run, mode, self._options(run)))

    def _options(self, run: RunStart) -> dict[str, Any]:
        return {
            "project": self.project or os.environ.get("WANDB_PROJECT") or "genpolicy",
            "entity": self.entity,
            "group": self.group or os.environ.get("WANDB_RUN_GROUP") or run.recipe_hash[:12],
        }


class _Run(Board):
    def __init__(self, run: RunStart, mode: str, options: Mapping[str, Any]) -> None:
        self._start, self._mode, self._options = run, mode, options
        self._run: Run | None = None

    def begin(self, resumed: int | None) -> None:
        import wandb

        if self._mode in _ONLINE and not wandb.login(prompt=False):
            raise RunError(
                "wandb is to go online and is not logged in: `wandb login`, or set WANDB_API_KEY"
            )
        Path(self._start.directory).mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            **self._options,
            id=self._start.id,
            name=self._start.id,
            tags=self._start.tags,
            config=settings_of(self._start),
            dir=self._start.directory,
            mode=self._mode,
            resume="allow" if self._mode in _ONLINE else None,
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off"),
        )

    def write(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        assert self._run is not None
        self._run.log(dict(values), step=step)

    def end(self, state: RunState, message: str) -> None:
        assert self._run is not None
        self._run.summary.update({"state": state, "message": message})
        self._run.finish(exit_code=_STATUS[state])
