"""Checkpoint files: safetensors with a JSON header, complete or absent, never pickle."""

from __future__ import annotations

import json
import threading
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from proxprop import paths
from proxprop.files import write_atomically
from proxprop.runs.errors import disk_error
from proxprop.runs.record import CheckpointRow
from proxprop.runs.recorder import Recorder
from proxprop.runs.store import Store
from proxprop.spec.events import Notice, Snapshot

if TYPE_CHECKING:
    from torch import Tensor

KEPT = 2
MOST_WAITING = 20e6  # bytes of snapshots on their way to the disk
MOST_BYTES = 200e6  # of what is kept along a run, beside the last two
FORMAT = 1
MODEL_PREFIX = "model/"  # tensors of a snapshot that are the model's state dict
WEIGHTS = "weights.safetensors"


class CheckpointError(RuntimeError):
    """A checkpoint file cannot be used; the message says which and why."""


class Checkpoints:
    """The checkpoints of one run: the last two and some along the run, and the final weights.

    Args:
        store: Keeps the list of complete files.
        run_id: The run.
        along: How many are kept beside the last two, fewer where they are large.
    """

    def __init__(self, store: Store, run_id: str, along: int = 0) -> None:
        self._store = store
        self._along = along
        self._run_id = run_id
        self._folder = paths.checkpoints(run_id, store.home)

    def save(self, snapshot: Snapshot) -> Path:
        """Write a snapshot down for good, then drop those that are too many.

        Raises:
            StoreError: If the disk refuses; earlier checkpoints are untouched.
        """
        path = self._folder / f"{snapshot.step:010d}.safetensors"
        write_snapshot(path, snapshot)
        self._store.add_checkpoint(
            self._run_id, snapshot.step, str(path.relative_to(self._store.home))
        )
        saved = {row.step: self._store.home / row.path for row in self._listed()}
        along = int(min(self._along, MOST_BYTES / path.stat().st_size))
        for step in superfluous(list(saved), KEPT + along):
            saved[step].unlink(missing_ok=True)
            self._store.drop_checkpoint(self._run_id, step)
        return path

    def _listed(self) -> list[CheckpointRow]:
        return self._store.checkpoints(self._run_id)

    def save_weights(self, snapshot: Snapshot) -> Path:
        """Write the model's tensors alone, under the names of its state dict."""
        path = self._folder / WEIGHTS
        weights = {
            name.removeprefix(MODEL_PREFIX): tensor
            for name, tensor in snapshot.tensors.items()
            if name.startswith(MODEL_PREFIX)
        }
        _write(path, weights, {"step": str(snapshot.step)})
        return path

    def forget_weights(self) -> None:
        """Delete the final weights: the run goes on, so they no longer are."""
        (self._folder / WEIGHTS).unlink(missing_ok=True)

    def latest(self) -> tuple[Snapshot | None, list[str]]:
        """Return the last usable snapshot and, in words, which files were passed over and why.

        Files passed over are left on disk but forgotten, so that new ones take their place.
        """
        passed_over: list[str] = []
        for row in self._listed():
            try:
                return read_snapshot(self._store.home / row.path), passed_over
            except CheckpointError as error:
                passed_over.append(str(error))
                self._store.drop_checkpoint(self._run_id, row.step)
        return None, passed_over


def superfluous(steps: Sequence[int], most: int) -> list[int]:
    """Return which of the saved steps to drop so that `most` are left.

    The last two stay. Of the others go those that stand closest to the one before: what is kept
    becomes sparser the further back it is, as powers of two are.
    """
    kept = sorted(steps)
    dropped = []
    while len(kept) > most:
        before = [0, *kept]
        shares = [kept[i] / max(1, before[i]) for i in range(len(kept) - KEPT)]
        dropped.append(kept.pop(shares.index(min(shares))))
    return dropped


class Saver:
    """Saves the latest snapshot handed to it while the loop goes on.

    A snapshot's tensors are copies, so a checkpoint never holds up a step or a command. Where more
    bytes wait than `MOST_WAITING`, a new snapshot replaces the last one that waits. A disk that
    refuses is reported as a notice: the run goes on.

    Args:
        checkpoints: Where snapshots go.
        recorder: Flushed before each save, so that no point before a checkpoint can be lost.
        report: Called, from a thread, with the notice that a snapshot could not be saved.

    Attributes:
        failure: Why the latest snapshot could not be saved, in words; empty where it was.
    """

    def __init__(
        self, checkpoints: Checkpoints, recorder: Recorder, report: Callable[[Notice], None]
    ) -> None:
        self.failure = ""
        self._checkpoints = checkpoints
        self._recorder = recorder
        self._report = report
        self._waiting: deque[Snapshot] = deque()
        self._lock = threading.Lock()  # guards what waits
        self._thread = ThreadPoolExecutor(1, "saver")

    def __enter__(self) -> Saver:
        return self

    def __exit__(self, *exception: object) -> None:
        """Wait until the last snapshot is on disk."""
        self._thread.shutdown()

    def put(self, snapshot: Snapshot) -> None:
        """Have a snapshot saved."""
        size = sum(tensor.nbytes for tensor in snapshot.tensors.values())
        with self._lock:
            if self._waiting and size * (1 + len(self._waiting)) > MOST_WAITING:
                self._waiting[-1] = snapshot
                return
            self._waiting.append(snapshot)
        self._thread.submit(self._save)

    def _save(self) -> None:
        with self._lock:
            snapshot = self._waiting.popleft()
        try:
            self._recorder.flush()
            self._checkpoints.save(snapshot)
            if snapshot.reason == "ended":
                self._checkpoints.save_weights(snapshot)
        except Exception as error:  # whatever it is, the run can go on without
            self.failure = f"No checkpoint at step {snapshot.step}: {error}"
            self._report(Notice("warning", self.failure))
        else:
            self.failure = ""


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot to `path`, whole or not at all.

    Raises:
        StoreError: If the disk refuses.
    """
    header = {
        "format": FORMAT,
        "step": snapshot.step,
        "reason": snapshot.reason,
        "checksum": _checksum(snapshot.tensors),
        "extra": snapshot.extra,
    }
    _write(path, snapshot.tensors, {"proxprop": json.dumps(header)})


def read_snapshot(path: Path) -> Snapshot:
    """Return the snapshot at `path`.

    Raises:
        CheckpointError: If it is missing, damaged, or not one of ours.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["proxprop"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(f"Checkpoint {path.name} cannot be read: {error}.") from error
    if header.get("format") != FORMAT:
        raise CheckpointError(f"Checkpoint {path.name} was written by another version.")
    if _checksum(tensors) != header["checksum"]:
        raise CheckpointError(f"Checkpoint {path.name} is damaged: its checksum is wrong.")
    return Snapshot(header["step"], tensors, header["extra"], header["reason"])


def _write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    from safetensors.torch import save  # loads torch, which the server must not

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        write_atomically(path, save(plain, metadata))
    except OSError as error:
        raise disk_error(error, path) from error


def _checksum(tensors: dict[str, Any]) -> int:
    import torch  # which the server must not load

    value = 0
    for name in sorted(tensors):
        flat = tensors[name].detach().cpu().contiguous().reshape(-1)
        value = zlib.crc32(memoryview(flat.view(torch.uint8).numpy()), value)
    return value
