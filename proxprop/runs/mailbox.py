"""Commands on their way from the store to a running loop."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable

from proxprop.runs.errors import StoreError
from proxprop.runs.store import Store
from proxprop.spec.controls import Control

# 20 times a second: a command is in the loop's hands well within 0.2 s.
_INTERVAL = 0.05


class Inbox:
    """The controls of one loop: others hand it commands, the loop asks for them.

    Args:
        controls: The first ones.
    """

    def __init__(self, controls: Iterable[Control] = ()) -> None:
        self._waiting: queue.SimpleQueue[Control] = queue.SimpleQueue()
        for control in controls:
            self.put(control)

    def put(self, control: Control) -> None:
        """Hand the loop a command."""
        self._waiting.put(control)

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


class Mailbox(Inbox):
    """The controls of one run: a thread fetches commands from the store.

    Args:
        store: Where commands are left.
        run_id: The run they are for.
    """

    def __init__(self, store: Store, run_id: str) -> None:
        super().__init__()
        self.interruption = ""
        self._store = store
        self._run_id = run_id
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._fetch, name="controls", daemon=True)

    def __enter__(self) -> Mailbox:
        self._take()  # what was sent before counts from the first step on
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.set()
        self._thread.join()

    def interrupt(self, reason: str) -> None:
        """Make the loop stop as `interrupted`, for a reason that is not its user's wish."""
        self.interruption = self.interruption or reason
        self.put(Control("stop"))

    def _fetch(self) -> None:
        while not self._closing.wait(_INTERVAL):
            if not self._take():
                self._closing.wait(0.5)

    def _take(self) -> bool:
        """Fetch the commands that wait; False where the store is in trouble, which is not told."""
        try:
            for control in self._store.take_controls(self._run_id):
                self.put(control)
        except StoreError:  # the recorder's to report; commands wait until the store is well
            return False
        return True
