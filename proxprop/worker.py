"""The process that makes one run: `python -m proxprop.worker --store FILE`.

It loads torch at low priority, then waits for a run's id as a line on standard input. The end of
standard input means that the server died: the worker saves a checkpoint, marks its run as
interrupted and exits. So it does on SIGTERM.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from proxprop import paths
from proxprop.cluster import chosen_loops
from proxprop.engine import warm_up
from proxprop.runs.errors import StoreError
from proxprop.runs.execution import execute
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.store import Store
from proxprop.runs.worker_process import EXIT_STORE, EXIT_STUCK, READY

# A loop that does not stop within this time after the server's death is left where it is.
GRACE = 4.0

# Loading yields to a run that goes on, yet is done in time on a busy machine.
_NICENESS = 5

SERVER_DIED = "The dashboard's server ended while it ran. Resume continues from the checkpoint."
TERMINATED = "It was told to end by the system (SIGTERM). Resume continues from the checkpoint."


class Worker:
    """One worker process: at most one run.

    Args:
        store: Where its run is recorded.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._run_id = ""
        self._mailbox: Mailbox | None = None
        self._given: queue.SimpleQueue[str] = queue.SimpleQueue()
        signal.signal(signal.SIGTERM, lambda number, frame: self._interrupt(TERMINATED))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=self._listen, name="standard input", daemon=True).start()

    def work(self) -> int:
        """Wait for a run, make it, and return the exit status."""
        _at_low_priority(_load)
        print(READY, flush=True)
        self._run_id = self._given.get()
        self._mailbox = Mailbox(self._store, self._run_id)
        parent = os.dup(1)
        _log_to(paths.log(self._run_id, self._store.home))
        try:
            execute(self._store, self._run_id, self._mailbox, chosen_loops())
        except StoreError as error:
            # A log on the same disk takes nothing any more; the parent writes it down once it can.
            with contextlib.suppress(OSError):
                os.write(parent, str(error).encode())
            return EXIT_STORE
        return 0

    def _listen(self) -> None:
        """Take the run's id from standard input, then wait for its end."""
        with open(0, "rb", buffering=0, closefd=False) as standard_input:
            line = standard_input.readline()
            if not line.endswith(b"\n"):
                os._exit(0)  # nobody will ever give this worker a run
            self._given.put(line.decode().strip())
            while standard_input.read(4096):
                pass
        self._interrupt(SERVER_DIED)

    def _interrupt(self, reason: str) -> None:
        if self._mailbox is None:
            os._exit(0)
        self._mailbox.interrupt(reason)
        watchdog = threading.Timer(GRACE, self._give_up, [reason])
        watchdog.daemon = True
        watchdog.start()

    def _give_up(self, reason: str) -> None:
        with contextlib.suppress(StoreError):
            self._store.end(self._run_id, "interrupted", reason)
        os._exit(EXIT_STUCK)


def _load() -> None:
    """Load torch and pay first-use costs; a run reports by itself whatever is wrong."""
    with contextlib.suppress(Exception):
        warm_up()


def _at_low_priority(work: Callable[[], None]) -> None:
    """Run `work` in a thread that yields to other processes, where the system allows it.

    On Linux a priority belongs to a thread, and lowering one's own cannot be undone without
    rights: hence a thread that ends with the work.
    """

    def lowered() -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        work()

    thread = threading.Thread(target=lowered, name="loading")
    thread.start()
    thread.join()


def _log_to(path: Path) -> None:
    """Send this process's output, and whatever a crash prints, to `path`."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.close(descriptor)


def main(arguments: list[str] | None = None) -> int:
    """Run one worker and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m proxprop.worker")
    parser.add_argument("--store", type=Path, help="the run store's file")
    chosen = parser.parse_args(arguments)
    try:
        store = Store(chosen.store)
    except StoreError as error:
        print(error, flush=True)  # for the parent
        return EXIT_STORE
    return Worker(store).work()


if __name__ == "__main__":
    status = main()
    with contextlib.suppress(OSError):  # a log on a full disk
        sys.stdout.flush()
        sys.stderr.flush()
    # Everything is written down; taking torch apart module by module would keep a slot of the
    # queue, and the server's shutdown, waiting for seconds.
    os._exit(status)
