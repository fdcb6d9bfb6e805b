"""Writes snapshots while the loop goes on: a checkpoint never holds up a step or a command."""

from __future__ import annotations

import threading

from proxprop.runs.checkpoints import Checkpoints
from proxprop.runs.recorder import Recorder
from proxprop.spec.events import Notice, Snapshot


class Saver:
    """A thread that saves the latest snapshot handed to it.

    A snapshot's tensors are copies, so the loop may go on at once. A snapshot that comes while an
    earlier one still waits replaces it. A disk that refuses is told as a notice: the run goes on.

    Args:
        checkpoints: Where snapshots go.
        recorder: Flushed before each save, so that no point before a checkpoint can be lost.
    """

    def __init__(self, checkpoints: Checkpoints, recorder: Recorder) -> None:
        self._checkpoints = checkpoints
        self._recorder = recorder
        self._next: Snapshot | None = None
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="saver", daemon=True)

    def __enter__(self) -> Saver:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Wait until the last snapshot is on disk."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def put(self, snapshot: Snapshot) -> None:
        """Have a snapshot saved."""
        with self._changed:
            self._next = snapshot
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next is not None or self._closing)
                snapshot, self._next = self._next, None
            if snapshot is None:
                return
            self._save(snapshot)

    def _save(self, snapshot: Snapshot) -> None:
        try:
            self._recorder.flush()
            self._checkpoints.save(snapshot)
            if snapshot.reason == "ended":
                self._checkpoints.save_weights(snapshot)
        except Exception as error:  # whatever it is, the run can go on without
            self._recorder.put(Notice("warning", f"No checkpoint at step {snapshot.step}: {error}"))
