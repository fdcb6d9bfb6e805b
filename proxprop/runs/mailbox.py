"""Commands on their way from the store to a running loop."""

from __future__ import annotations

import queue
import threading

from proxprop.runs.errors import StoreError
from proxprop.runs.store import Store
from proxprop.spec.controls import Control

# 20 times a second: a command is in the loop's hands well within 0.2 s.
_INTERVAL = 0.05


class Mailbox:
    """The controls of one run: a thread fetches commands from the store, the loop asks for them.

    Args:
        store: Where commands are left.
        run_id: The run they are for.
    """

    def __init__(self, store: Store, run_id: str) -> None:
        self.interruption = ""
        self._store = store
        self._run_id = run_id
        self._waiting: queue.SimpleQueue[Control] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._fetch, name="controls", daemon=True)

    def __enter__(self) -> Mailbox:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.set()
        self._thread.join()

    def poll(self) -> list[Control]:
        """Return the commands that have come in; never blocks."""
        controls = []
        while not self._waiting.empty():
            controls.append(self._waiting.get())
        return controls

    def wait(self, seconds: float) -> list[Control]:
        """Return the commands that have come in, waiting up to `seconds` for one."""
        try:
            first = self._waiting.get(timeout=seconds)
        except queue.Empty:
            return []
        return [first, *self.poll()]

    def put(self, control: Control) -> None:
        """Hand the loop a command from within its own process."""
        self._waiting.put(control)

    def interrupt(self, reason: str) -> None:
        """Make the loop stop as `interrupted`, for a reason that is not its user's wish."""
        self.interruption = self.interruption or reason
        self.put(Control("stop"))

    def _fetch(self) -> None:
        while not self._closing.wait(_INTERVAL):
            try:
                for control in self._store.take_controls(self._run_id):
                    self.put(control)
            except StoreError:
                # A store in trouble is the recorder's to report; commands wait until it is well.
                self._closing.wait(0.5)
