"""Files of tensors that are whole or absent: no pickle, and a name that carries their hash.

A state is written beside its place, forced to the disk and then renamed into it, so that a crash
leaves the earlier file. The name ends with the beginning of the content's SHA-256: a file that was
cut short or altered is recognised, and the one before it serves.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor, nn

from genpolicy.errors import CheckpointError
from genpolicy.records import ArtifactRecord

KEEP = 2
"""How many checkpoints of a run stay."""


@attrs.frozen(eq=False)
class State:
    """Tensors by name, and what JSON can say about them."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


def write_atomically(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` so that it is there whole or not at all.

    Raises:
        OSError: It could not be written; what stood there before still stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _sync_folder(path.parent)


def encode(state: State) -> bytes:
    """Return the state as the content of a safetensors file."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.tensors.items()}
    tensors = _apart(tensors)
    return save(tensors, metadata={"genpolicy": json.dumps(state.facts)})


def decode(path: Path) -> State:
    """Read a safetensors file.

    Raises:
        CheckpointError: It is not one, or is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["genpolicy"])
            return State({name: file.get_tensor(name) for name in file.keys()}, facts)  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is not a readable state: {error}") from error


def decode_bytes(content: bytes) -> State:
    """Return the tensors that :func:`encode` packed, on the CPU, and none of the facts."""
    return State(load(content), {})


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor], prefix: str, source: str) -> None:
    """Fill a model with the tensors whose names begin with ``prefix``.

    Raises:
        CheckpointError: They do not match the model, as when a part has changed since.
    """
    own = {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
    try:
        model.load_state_dict(own)
    except RuntimeError as error:
        raise CheckpointError(
            f"the weights {prefix!r} in {source} do not fit the installed part: {error}"
        ) from error


def write_checkpoint(folder: Path, step: int, state: State) -> ArtifactRecord:
    """Write the state after ``step`` steps, and remove all but the newest few.

    Raises:
        CheckpointError: The disk does not take it; earlier checkpoints still stand.
    """
    content = encode(state)
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"step-{step:010d}-{digest[:16]}.safetensors"
    try:
        write_atomically(path, content)
    except OSError as error:
        raise CheckpointError(
            f"the checkpoint of step {step} cannot be written: {error.strerror or error}"
        ) from error
    _remove_all_but(path)
    return ArtifactRecord(
        kind="checkpoint", path=str(path), sha256=digest, bytes=len(content), step=step
    )


def read_checkpoint(folder: Path, step: int | None = None) -> tuple[State | None, list[str]]:
    """Return the newest whole checkpoint, and a sentence for each damaged one passed over.

    Args:
        folder: Where they lie.
        step: After which step it was written, if not the newest is meant.
    """
    passed: list[str] = []
    for path in _newest_first(folder):
        if step not in (None, _step_of(path)):
            continue
        if _is_whole(path):
            return decode(path), passed
        passed.append(f"checkpoint {path.name} is damaged and was passed over")
    return None, passed


def whole_checkpoints(folder: Path) -> dict[int, Path]:
    """Return the whole checkpoints by the step after which they were written, newest first."""
    return {_step_of(path): path for path in _newest_first(folder) if _is_whole(path)}


def _is_whole(path: Path) -> bool:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] == path.stem.rsplit("-", 1)[1]


def _step_of(path: Path) -> int:
    return int(path.name.split("-")[1])


def sweep(folder: Path) -> None:
    """Remove what a process that was killed while writing left of its checkpoints."""
    for path in folder.glob(".step-*.safetensors.*"):
        with suppress(OSError):
            path.unlink()


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors that share memory, such as tied weights, which the format refuses."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        apart[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return apart


def _remove_all_but(newest: Path) -> None:
    """Keep a new checkpoint and those right before it; later ones are of an abandoned course."""
    step = newest.name.rsplit("-", 1)[0]
    others = [path for path in _newest_first(newest.parent) if path != newest]
    earlier = [path for path in others if path.name.rsplit("-", 1)[0] < step]
    for path in others:
        if path not in earlier[: KEEP - 1]:
            path.unlink(missing_ok=True)


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*-*.safetensors"), reverse=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
