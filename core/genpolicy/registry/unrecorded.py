"""Reading what a run kept beside it while its registry could not be written."""

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args

import attrs

from genpolicy.errors import RegistryError
from genpolicy.records import (
    ArtifactRecord,
    DatasetRecord,
    EpisodeRecord,
    EvaluationRecord,
    EventRecord,
    MetricsRecord,
    PartRecord,
    RunStart,
    RunState,
)
from genpolicy.registry.clock import LOST_AFTER_SECONDS
from genpolicy.registry.encoding import decode_json
from genpolicy.registry.places import Places
from genpolicy.registry.processes import Owner, is_dead
from genpolicy.registry.rows import Record, Told
from genpolicy.registry.spill import FILE_NAME, RELEASED, RESUMED, START, STATE

Values = Mapping[str, Any]

TAKING: Final = ".taking"
DONE: Final = ".imported"
"""What follows the file's name while its records are taken in, and afterwards."""

_NESTED: Final[Mapping[str, type]] = {"values": Mapping, "environment": Mapping, "episodes": tuple}


@attrs.frozen
class Ending:
    """How a run ended, and when."""

    state: RunState
    message: str
    time: datetime


@attrs.define
class Unrecorded:
    """What a file beside a run says of it.

    Args:
        path: The file.
        run_id: The run.
        start: What was known of the run when it started, if the file says so.
        begun: When the first process that added to the file began to.
        heard: When the last one did.
        told: The records, in the order in which they were told.
        resumptions: The resumptions, which a registry that knows the run has as events.
        ending: How the run ended, if it did.
        owner: The process that may still add to the file.
        let_go: The token of the last process that ended its part, which may hold the run no more.
        resumed_from: The step that the run was last resumed from since, if it was.
        remarks: A sentence for everything that was passed over.
    """

    path: Path
    run_id: str
    begun: datetime
    heard: datetime
    start: RunStart | None = None
    told: list[Told] = attrs.field(factory=list)
    resumptions: list[Told] = attrs.field(factory=list)
    ending: Ending | None = None
    owner: Owner | None = None
    let_go: str | None = None
    resumed_from: int | None = None
    remarks: list[str] = attrs.field(factory=list)

    def is_let_go_by(self, owner: Owner | None) -> bool:
        """Whether a process has ended its part, though its registry could not be told."""
        return owner is not None and owner.token == self.let_go

    def check_ended(self) -> None:
        """Refuse a file that a live process may still add to.

        Raises:
            RegistryError: A process was heard of in the last minute, and is not known to be dead.
        """
        if self.owner is None or is_dead(self.owner):
            return
        with contextlib.suppress(OSError):
            silent = time.time() - os.stat(self.path).st_mtime
            if silent <= LOST_AFTER_SECONDS:
                raise RegistryError(
                    f"run {self.run_id} is being trained by process {self.owner.pid} on "
                    f"{self.owner.place}, last heard of {max(silent, 0):.0f} s ago; wait for it "
                    "to end, or end it, before taking its records in"
                )

    def put_away(self) -> None:
        """Rename the file, so that it is not taken in again.

        Raises:
            RegistryError: It cannot be renamed.
        """
        if self.path.name.startswith(f"{FILE_NAME}{DONE}"):
            return
        names = (f"{FILE_NAME}{DONE}{n or ''}" for n in range(10**6))
        target = next(p for p in map(self.path.with_name, names) if not p.exists())
        try:
            self.path.rename(target)
        except FileNotFoundError:  # another import took it in as well
            return
        except OSError as error:
            raise RegistryError(
                f"the records of run {self.run_id} are recorded now, but {str(self.path)!r} "
                f"cannot be renamed: {error.strerror}; remove it by hand"
            ) from error


def set_aside(path: Path) -> Path:
    """Rename a run's file, so that a process which goes on with the run begins another.

    Raises:
        RegistryError: It cannot be renamed.
    """
    if path.name != FILE_NAME:
        return path
    try:
        return path.rename(path.with_name(f"{FILE_NAME}{TAKING}-{uuid.uuid4().hex[:8]}"))
    except OSError as error:
        raise RegistryError(
            f"{str(path)!r} cannot be renamed: {error.strerror}; nothing was taken in"
        ) from error


def put_back(path: Path) -> None:
    """Give a file that was not taken in its name back, unless there is another by now."""
    with contextlib.suppress(OSError):
        os.link(path, path.with_name(FILE_NAME))
        path.unlink()


def read_unrecorded(path: Path) -> Unrecorded:
    """Read the file beside a run.

    Raises:
        RegistryError: It cannot be read, or is no such file.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise RegistryError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    found: Unrecorded | None = None
    torn = void = 0
    for line in filter(None, lines):
        values = _values(line)
        if values is None:
            torn += 1
            continue
        time = datetime.fromisoformat(values["time"])
        found = found or Unrecorded(path, values["run"], time, time)
        found.begun = min(found.begun, time)
        if values["run"] != found.run_id:
            raise RegistryError(f"{str(path)!r} tells of several runs; nothing was taken in")
        if values.get("void"):
            void += 1
            if values["record"] in (STATE, RELEASED):
                _release(found, values, time)
        else:
            torn += not _take(found, values, time)
    if found is None:
        raise RegistryError(f"{str(path)!r} holds no records of a run; nothing was taken in")
    found.remarks += _remarks(torn, void)
    return found


def _values(line: bytes) -> dict[str, Any] | None:
    """Return what a line says, or ``None`` if it was cut off while it was written."""
    try:
        values = decode_json(line.decode())
        aware = datetime.fromisoformat(values["time"]).tzinfo is not None
        return values if aware and isinstance(values["run"], str) and values["record"] else None
    except (ValueError, KeyError, TypeError):
        return None


def _take(found: Unrecorded, values: dict[str, Any], time: datetime) -> bool:
    """Add what a line says; return whether it could be understood."""
    kind = values["record"]
    try:
        if kind in _TURNS:
            _TURNS[kind](found, values, time)
        else:
            record = _RECORDS[kind](values, found.path.parent)
            _check(record)
            found.told.append(Told(record, time))
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    found.heard = max(found.heard, time)
    return True


def _begin(found: Unrecorded, values: Values, time: datetime) -> None:
    start = _start(values, found.path.parent)
    if start.id != found.run_id:
        raise ValueError(f"the start of another run: {start.id!r}")
    found.start = found.start or start
    names = attrs.fields_dict(Owner)
    owner = Owner(**{name: values[f"owner_{name}"] for name in names})
    found.owner = attrs.evolve(owner, host=str(owner.host), pid=int(owner.pid))
    found.ending = None


def _resume(found: Unrecorded, values: Values, time: datetime) -> None:
    """Forget what the registry would have forgotten; events stay."""
    step = int(values["step"])
    found.told = [
        told
        for told in found.told
        if isinstance(told.record, EventRecord) or told.record.step <= step
    ]
    found.resumed_from, found.ending = step, None
    event = EventRecord(kind="resumed", message=f"from step {step}", step=step)
    found.resumptions.append(Told(event, time))


def _end(found: Unrecorded, values: Values, time: datetime) -> None:
    if values["state"] not in get_args(RunState):
        raise ValueError(f"no state of a run: {values['state']!r}")
    found.ending = Ending(values["state"], str(values["message"]), time)
    _release(found, values, time)


def _release(found: Unrecorded, values: Values, time: datetime) -> None:
    found.let_go = found.owner.token if found.owner else None
    found.owner = None


_TURNS: Final[Mapping[str, Callable[[Unrecorded, Values, datetime], None]]] = {
    START: _begin,
    RESUMED: _resume,
    STATE: _end,
    RELEASED: _release,
}


def _start(values: Values, folder: Path) -> RunStart:
    known = _only(RunStart, values)
    return RunStart(
        **{
            **known,
            "parts": tuple(PartRecord(**part) for part in known["parts"]),
            "dataset": DatasetRecord(**known["dataset"]),
            "tags": tuple(known["tags"]),
            "directory": str(folder),
        }
    )


def _evaluation(values: Values, folder: Path) -> EvaluationRecord:
    episodes = tuple(EpisodeRecord(**episode) for episode in values["episodes"])
    return EvaluationRecord(**{**_only(EvaluationRecord, values), "episodes": episodes})


def _artifact(values: Values, folder: Path) -> ArtifactRecord:
    record = ArtifactRecord(**_only(ArtifactRecord, values))
    return attrs.evolve(record, path=Places(folder).decode(record.path))


_RECORDS: Final[Mapping[str, Callable[[Values, Path], Record]]] = {
    "MetricsRecord": lambda values, _: MetricsRecord(**_only(MetricsRecord, values)),
    "EvaluationRecord": _evaluation,
    "ArtifactRecord": _artifact,
    "EventRecord": lambda values, _: EventRecord(**_only(EventRecord, values)),
}


def _check(record: Record) -> None:
    """Refuse a record of which a value has another form than its own.

    Raises:
        TypeError: One has.
        ValueError: Its step is none.
    """
    for name, value in attrs.asdict(record, recurse=False).items():
        if not isinstance(value, _NESTED.get(name, (str, int, float, NoneType))):
            raise TypeError(f"{name} is {value!r}")
    if type(record.step) is not int or not 0 <= record.step < 2**63:
        raise ValueError(f"step is {record.step!r}")


def _only(kind: type[attrs.AttrsInstance], values: Values) -> dict[str, Any]:
    return {name: values[name] for name in attrs.fields_dict(kind) if name in values}


def _remarks(torn: int, void: int) -> list[str]:
    remarks = []
    if torn:
        remarks.append(f"passed over {_lines(torn)} that cannot be read, as when cut off by a kill")
    if void:
        remarks.append(f"passed over {_lines(void)} of a process that had lost the run by then")
    return remarks


def _lines(count: int) -> str:
    return "a line" if count == 1 else f"{count} lines"
