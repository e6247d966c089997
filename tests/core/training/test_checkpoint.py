import os
from pathlib import Path

import pytest
import torch
from torch import nn

from genpolicy.errors import CheckpointError
from genpolicy.training.checkpoint import (
    State,
    decode,
    encode,
    load_weights,
    read_checkpoint,
    sweep,
    write_atomically,
    write_checkpoint,
)


def _state(value: float = 1.0) -> State:
    return State({"a/w": torch.full((3,), value), "count": torch.tensor(7)}, {"step": 4})


def _write(folder: Path, *steps: int) -> list[Path]:
    return [Path(write_checkpoint(folder, step, _state(step)).path) for step in steps]


def _names(folder: Path) -> list[str]:
    return sorted(path.name[:15] for path in folder.iterdir())


def test_a_state_is_read_back_bit_by_bit(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    tensors = {
        "nan": torch.tensor([float("nan"), -0.0, 1e-45]),
        "bytes": torch.get_rng_state(),
        "double": torch.randn(2, 2, dtype=torch.float64).T,
        "empty": torch.zeros(0),
    }
    path.write_bytes(encode(State(tensors, {"names": ["a", "b"], "step": 3})))
    found = decode(path)
    assert found.facts == {"names": ["a", "b"], "step": 3}
    for name, tensor in tensors.items():
        assert found.tensors[name].dtype is tensor.dtype
        contiguous = tensor.contiguous().view(torch.uint8) if tensor.numel() else tensor
        assert torch.equal(
            found.tensors[name].view(torch.uint8) if tensor.numel() else tensor, contiguous
        )


def test_tied_weights_are_kept(tmp_path: Path) -> None:
    path, tied = tmp_path / "state.safetensors", torch.randn(4)
    path.write_bytes(encode(State({"a": tied, "b": tied, "c": tied[:2]}, {})))
    found = decode(path).tensors
    assert torch.equal(found["a"], tied)
    assert torch.equal(found["b"], tied)
    assert torch.equal(found["c"], tied[:2])


def test_the_newest_checkpoint_is_read(tmp_path: Path) -> None:
    _write(tmp_path, 10, 200, 30_000)
    state, passed = read_checkpoint(tmp_path)
    assert state is not None
    assert state.tensors["a/w"].tolist() == [30_000.0] * 3
    assert passed == []


def test_only_two_checkpoints_stay(tmp_path: Path) -> None:
    _write(tmp_path, 10, 20, 30)
    assert _names(tmp_path) == ["step-0000000020", "step-0000000030"]


def test_what_was_written_is_told(tmp_path: Path) -> None:
    record = write_checkpoint(tmp_path / "new", 5, _state())
    path = Path(record.path)
    assert (record.kind, record.step, record.bytes) == ("checkpoint", 5, path.stat().st_size)
    assert record.sha256[:16] in path.name


def test_no_checkpoint_is_no_error(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path / "none") == (None, [])


@pytest.mark.parametrize("harm", ["cut", "altered", "emptied"])
def test_a_damaged_checkpoint_is_passed_over_with_a_sentence(tmp_path: Path, harm: str) -> None:
    _, newest = _write(tmp_path, 10, 20)
    content = bytearray(newest.read_bytes())
    content[-1] ^= 1
    harmed = {"cut": content[:-5], "altered": content, "emptied": b""}[harm]
    newest.write_bytes(harmed)
    state, passed = read_checkpoint(tmp_path)
    assert state is not None
    assert state.tensors["a/w"].tolist() == [10.0] * 3
    assert passed == [f"checkpoint {newest.name} is damaged and was passed over"]


def test_damaged_checkpoints_alone_are_no_checkpoint(tmp_path: Path) -> None:
    for path in _write(tmp_path, 10, 20):
        path.write_bytes(b"")
    state, passed = read_checkpoint(tmp_path)
    assert state is None
    assert len(passed) == 2


def test_a_run_that_fell_back_keeps_its_new_checkpoints(tmp_path: Path) -> None:
    """Damaged ones of later steps must not count as the newest when the old are removed."""
    for path in _write(tmp_path, 100, 200):
        path.write_bytes(b"")
    _write(tmp_path, 10)
    state, passed = read_checkpoint(tmp_path)
    assert state is not None
    assert state.tensors["a/w"].tolist() == [10.0] * 3
    assert passed == []


def test_a_checkpoint_written_twice_is_one(tmp_path: Path) -> None:
    _write(tmp_path, 10, 20, 20)
    assert _names(tmp_path) == ["step-0000000010", "step-0000000020"]


def test_a_crash_while_writing_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights"
    write_atomically(path, b"first")

    def crash(handle: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, b"second")
    assert path.read_bytes() == b"first"
    assert [each.name for each in tmp_path.iterdir()] == ["weights"]


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    (whole,) = _write(tmp_path, 10)
    (tmp_path / f".{whole.name}.4711").write_bytes(b"half")
    (tmp_path / ".mine").write_text("a user's own")
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {whole.name, ".mine"}
    sweep(tmp_path / "none")


def test_a_disk_that_takes_no_checkpoint_is_told_and_earlier_ones_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path, 10)

    def crash(handle: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(CheckpointError, match="checkpoint of step 20 cannot be written: no space"):
        _write(tmp_path, 20)
    assert _names(tmp_path) == ["step-0000000010"]


def test_a_file_that_is_no_state_is_told(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    for content in (b"", b"nonsense", b"\x80\x04pickle"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"state\.safetensors is not a readable state"):
            decode(path)
    with pytest.raises(CheckpointError, match="is not a readable state"):
        decode(tmp_path / "none")


def test_weights_that_do_not_fit_are_told() -> None:
    with pytest.raises(
        CheckpointError, match="the weights 'policy/' in x do not fit the installed"
    ):
        load_weights(nn.Linear(2, 2), {"policy/weight": torch.zeros(3, 2)}, "policy/", "x")
