"""A checkpoint is whole or it is passed over, and never costs the one before it."""

from pathlib import Path

import pytest
import torch

from proxprop.runs.checkpoints import Checkpoints, read_snapshot, write_snapshot
from proxprop.runs.errors import StoreFullError
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Snapshot

from .limits import file_size_limit


def snapshot(step: int, size: int = 50) -> Snapshot:
    generator = torch.Generator().manual_seed(step)
    tensors = {
        "model/w": torch.randn(size, 3, generator=generator),
        "model/half": torch.randn(5, generator=generator).bfloat16(),
        "model/double": torch.randn(2, generator=generator, dtype=torch.float64).reshape(1, 2),
        "optimizer/count": torch.tensor(step),
        "random/state": torch.arange(7, dtype=torch.uint8),
        "empty": torch.empty(0),
    }
    return Snapshot(
        step, tensors, {"seconds": 1.5, "odd": float("inf"), "list": [1, None]}, "asked"
    )


@pytest.fixture
def checkpoints(store: Store) -> Checkpoints:
    return Checkpoints(store, store.create_run(RunConfig()))


def test_a_snapshot_comes_back_bit_for_bit(tmp_path: Path) -> None:
    given = snapshot(7)
    write_snapshot(tmp_path / "a.safetensors", given)
    found = read_snapshot(tmp_path / "a.safetensors")
    assert (found.step, found.extra, found.reason) == (given.step, given.extra, given.reason)
    assert found.tensors.keys() == given.tensors.keys()
    for name, tensor in given.tensors.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor)


def test_the_last_two_are_kept(checkpoints: Checkpoints, store: Store) -> None:
    written = [checkpoints.save(snapshot(step)) for step in (10, 20, 30)]
    assert [path.exists() for path in written] == [False, True, True]
    found, passed_over = checkpoints.latest()
    assert found is not None
    assert (found.step, passed_over) == (30, [])
    assert not list(written[0].parent.glob("*.part"))


@pytest.mark.parametrize("damage", ["flipped bit", "cut short", "gone", "not ours"])
def test_a_damaged_file_is_passed_over(checkpoints: Checkpoints, damage: str) -> None:
    checkpoints.save(snapshot(10))
    last = checkpoints.save(snapshot(20))
    data = bytearray(last.read_bytes())
    if damage == "gone":
        last.unlink()
    elif damage == "flipped bit":
        data[-20] ^= 1
        last.write_bytes(data)
    elif damage == "cut short":
        last.write_bytes(data[:-8])
    else:
        last.write_bytes(b"\x80\x04some pickle")
    found, passed_over = checkpoints.latest()
    assert found is not None
    assert found.step == 10
    assert len(passed_over) == 1
    assert last.name in passed_over[0]
    # It is forgotten: the next one is not dropped in its favour.
    checkpoints.save(snapshot(15))
    again, nothing = checkpoints.latest()
    assert again is not None
    assert (again.step, nothing) == (15, [])


def test_a_full_disk_costs_no_earlier_checkpoint(checkpoints: Checkpoints) -> None:
    checkpoints.save(snapshot(10))
    with file_size_limit(200_000), pytest.raises(StoreFullError, match="Free some space"):
        checkpoints.save(snapshot(20, size=100_000))
    found, passed_over = checkpoints.latest()
    assert found is not None
    assert (found.step, passed_over) == (10, [])
