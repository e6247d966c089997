"""A trained agent as facts and numbers: what its folder holds, and what other processes are sent.

``agent.json`` says what it is made of, ``weights.safetensors`` holds its numbers, and no pickle is
ever read.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
from torch import Tensor

from genpolicy.errors import CheckpointError
from genpolicy.records import ArtifactRecord
from genpolicy.training.checkpoint import State, decode_bytes, encode, write_atomically

FORMAT: Final = 2
"""The version of the folder's layout; the first knew no units and is read as it was."""

_FACTS = "agent.json"
_WEIGHTS = "weights.safetensors"
_KEYS = ("recipe", "run", "observation_dim", "action_shape", "action_low", "action_high", "sha256")


@attrs.frozen(eq=False)
class PackedAgent:
    """An agent as it was at one moment; it stays so while the agent trains on.

    Args:
        facts: What it is made of, as JSON has it.
        weights: Its tensors, as the content of a safetensors file.
    """

    facts: Mapping[str, Any]
    weights: bytes

    @classmethod
    def of(cls, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "PackedAgent":
        """Pack what an agent is made of."""
        weights = encode(State(tensors, {}))
        digest = hashlib.sha256(weights).hexdigest()
        return cls({"format": FORMAT, **facts, "sha256": digest}, weights)

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """Its tensors, by the names of their models and their own."""
        return decode_bytes(self.weights).tensors

    def write(self, folder: Path) -> ArtifactRecord:
        """Write it to a folder, replacing an agent that is there.

        Returns:
            What was written.

        Raises:
            CheckpointError: The disk does not take it.
        """
        try:
            write_atomically(folder / _WEIGHTS, self.weights)
            write_atomically(folder / _FACTS, json.dumps(dict(self.facts), indent=2).encode())
        except OSError as error:
            raise CheckpointError(f"the agent cannot be written to {folder}: {error}") from error
        return ArtifactRecord(
            kind="agent",
            path=str(folder.resolve()),
            sha256=self.facts["sha256"],
            bytes=len(self.weights),
            step=0,
        )

    @classmethod
    def read(cls, folder: Path) -> "PackedAgent":
        """Read an agent from its folder, or from that of the run that trained it.

        Raises:
            CheckpointError: There is none, or it is damaged.
        """
        folder = folder_of_agent(folder)
        facts, path = _read_facts(folder), folder / _WEIGHTS
        weights = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(weights).hexdigest() != facts["sha256"]:
            raise CheckpointError(f"{path} is missing or was altered since the agent was saved")
        return cls(facts, weights)


def folder_of_agent(folder: Path) -> Path:
    """Return the agent's own folder, where the folder of its run may be named."""
    inner = folder / "agent"
    return inner if (inner / _FACTS).is_file() else folder


def _read_facts(folder: Path) -> dict[str, Any]:
    try:
        facts: Any = json.loads((folder / _FACTS).read_text())
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{str(folder)!r} holds no agent ({_FACTS} cannot be read: {error})"
        ) from error
    if not isinstance(facts, dict) or "format" not in facts:
        raise CheckpointError(f"{str(folder)!r} holds no agent ({_FACTS} describes something else)")
    if facts["format"] not in range(1, FORMAT + 1):
        raise CheckpointError(
            f"the agent in {folder} has layout {facts['format']}, this program reads {FORMAT}; "
            "upgrade genpolicy"
        )
    for key in _KEYS:
        if key not in facts:
            raise CheckpointError(f"{str(folder)!r} holds no agent ({_FACTS} lacks {key!r})")
    return facts
