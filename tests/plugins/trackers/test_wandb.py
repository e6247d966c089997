"""What wandb, offline, keeps of what we wrote; its own files are read back."""

import json
import math
import struct
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from genpolicy.errors import RunError
from genpolicy.records import RunStart
from genpolicy_plugins.trackers.wandb_run import WandB

pytestmark = pytest.mark.skipif(
    find_spec("wandb") is None, reason="wandb is not installed: genpolicy[wandb]"
)

BLOCK, HEADER = 32768, 7


def chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the pieces of a log in LevelDB's format, after wandb's own seven bytes."""
    place = HEADER
    while place + HEADER <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEADER:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + HEADER])
        yield kind, data[place + HEADER : place + HEADER + length]
        place += HEADER + length


def records(run: RunStart, kind: str) -> list[Any]:
    """Return the records of a kind in the newest of a run's files, once that is whole."""
    path = sorted(Path(run.directory).glob("wandb/offline-run-*/run-*.wandb"))[-1]
    deadline = time.monotonic() + 20
    while True:  # its process closes the file some time after it said that the run is over
        found = parsed(path)
        if any(each.WhichOneof("record_type") == "exit" for each in found):
            return [getattr(each, kind) for each in found if each.WhichOneof("record_type") == kind]
        assert time.monotonic() < deadline, "the file is never whole"
        time.sleep(0.02)


def parsed(path: Path) -> list[Any]:
    from wandb.proto.wandb_internal_pb2 import Record

    found, pending = [], b""
    for kind, piece in chunks(path.read_bytes()):
        pending = pending + piece if kind in (3, 4) else piece
        if kind in (1, 4):  # whole, or the last of several
            found.append(Record.FromString(pending))
    return found


def items(record: Any) -> dict[str, Any]:
    return {
        item.key or "/".join(item.nested_key): json.loads(item.value_json)
        for item in getattr(record, "item", None) or record.update
    }


def history(run: RunStart) -> list[dict[str, Any]]:
    return [items(each) for each in records(run, "history")]


def test_metrics_and_scores_are_its_history(tell, run: RunStart) -> None:
    tell(WandB())
    rows = history(run)
    losses = [(row["_step"], row["policy/loss"]) for row in rows if "policy/loss" in row]
    assert losses == [(step, step / 1000) for step in (100, 200, 300, 400)]
    assert math.isnan(rows[0]["policy/odd"])
    assert rows[-1]["evaluation/score"] == 25.0


def test_the_recipe_is_its_config(tell, run: RunStart) -> None:
    tell(WandB(project="mine"))
    (start,) = records(run, "run")
    config = items(start.config)
    assert config["network"] == "genpolicy/mlp"
    assert config["train.ema"] == 0.9
    assert (start.run_id, start.project, start.run_group) == (run.id, "mine", "ab" * 6)
    assert sorted(start.tags) == ["blue", "red"]


@pytest.mark.parametrize(
    ("state", "status"), [("finished", 0), ("failed", 1), ("interrupted", 130)]
)
def test_the_end_is_its_status(tell, run: RunStart, state: str, status: int) -> None:
    tell(WandB(), state=state)
    (end,) = records(run, "exit")
    assert end.exit_code == status
    assert any(items(each).get("state") == state for each in records(run, "summary"))


def test_a_run_that_goes_on_has_the_same_id(tell, run: RunStart) -> None:
    tell(WandB(), last=300, state="interrupted")
    tell(WandB(), first=200)
    files = Path(run.directory).glob("wandb/offline-run-*/run-*.wandb")
    assert {path.name for path in files} == {f"run-{run.id}.wandb"}
    assert [row["_step"] for row in history(run)] == [300, 400]


def test_going_online_without_a_key_is_refused(
    tell, run: RunStart, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It would ask for one, in the middle of a run."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_MODE", "online")
    with pytest.raises(RunError) as caught:
        tell(WandB())
    assert str(caught.value) == (
        "wandb is to go online and is not logged in: `wandb login`, or set WANDB_API_KEY"
    )


def test_a_mode_that_was_asked_for_is_kept(tell, run: RunStart, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    tell(WandB())
    assert not list(Path(run.directory).glob("wandb/offline-run-*"))
