"""The rows of one episode as OGBench's files hold them."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from genpolicy.making import Arrays

_TYPES: Final = {
    "observations": np.float32,
    "actions": np.float32,
    "terminals": np.bool_,
    "qpos": np.float32,
    "qvel": np.float32,
    "button_states": np.int64,
}


class Episode:
    """Rows, added one by one: what was seen, what was done, and the state before it was done."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Any]] = {}

    def add(self, observation: Any, action: Any, info: Mapping[str, Any]) -> None:
        """Add a row.

        Args:
            observation: What was seen before the action.
            action: What was done.
            info: What the environment told of the step, with the state before it.
        """
        row = {
            "observations": observation,
            "actions": action,
            "terminals": False,
            "qpos": info["prev_qpos"],
            "qvel": info["prev_qvel"],
        }
        if "prev_button_states" in info:
            row["button_states"] = info["prev_button_states"]
        for name, value in row.items():
            self._rows.setdefault(name, []).append(value)

    def column(self, name: str) -> Any:
        """Return one column, ``[row, …]``."""
        return np.array(self._rows[name], _TYPES[name])

    def arrays(self) -> Arrays:
        """Return all columns, the last row of which ends the trajectory."""
        columns = {name: self.column(name) for name in self._rows}
        columns["terminals"][-1] = True
        return columns
