"""A worker as its parent sees it: started, given a run, watched, let go."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from proxprop import paths
from proxprop.runs.process import Process
from proxprop.runs.threads import child_environment

# Why a worker ended.
EXIT_STORE = 74  # the store could not be written; sysexits.h: input/output error
EXIT_STUCK = 75  # asked to end, the loop did not stop in time

READY = "ready"  # a line on its standard output: torch is loaded; why it failed may follow


class WorkerProcess:
    """A child process that makes one run.

    A plain `Popen` in a session of its own: it inherits no signal handlers and no open files, and
    hears of its parent's death by the end of its standard input.

    Args:
        store: The run store's file.
    """

    def __init__(self, store: Path) -> None:
        log = paths.log("worker", store.parent)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "proxprop.worker", "--store", str(store)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
                env=child_environment(),
            )
        self.process = Process.of(self._child.pid)
        self.given = 0.0
        self._ready = False
        self._output = ""

    @property
    def exit_code(self) -> int | None:
        """Its exit status, negative for a signal; None while it lives."""
        return self._child.poll()

    @property
    def ready(self) -> bool:
        """Whether it has loaded torch and would start a run at once."""
        if not self._ready and self._child.stdout is not None:
            # Anything to read is the one line it writes, or the end of a dead worker's output.
            self._ready = bool(select.select([self._child.stdout], [], [], 0)[0])
        return self._ready and self.exit_code is None

    def assign(self, run_id: str) -> None:
        """Give it a run; nothing happens if it has died meanwhile."""
        assert self._child.stdin is not None
        self.given = time.monotonic()
        with contextlib.suppress(OSError):
            self._child.stdin.write(f"{run_id}\n".encode())
            self._child.stdin.flush()

    def let_go(self) -> None:
        """Close its standard input: it saves a checkpoint and exits."""
        if self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.close()

    def close(self) -> None:
        """Let go of a worker that has ended."""
        self.let_go()
        if self._child.stdout is not None:
            self._child.stdout.close()

    def wait(self, seconds: float) -> None:
        """Wait for its end, and kill it if it takes longer."""
        try:
            self._child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _said(self) -> str:
        """Return its standard output so far, without waiting for more.

        It is kept: whoever could not store the cause of its end asks again.
        """
        assert self._child.stdout is not None
        os.set_blocking(self._child.stdout.fileno(), False)
        self._output += (self._child.stdout.read() or b"").decode(errors="replace")
        return self._output

    def cause_of_death(self) -> tuple[bool, str]:
        """Return whether it was killed (rather than failed), and how in words."""
        code = self._child.returncode
        last_words = self._said().removeprefix(READY).strip()
        if code < 0:
            name = signal.Signals(-code).name
            hint = " Often that is the system running out of memory." if name == "SIGKILL" else ""
            crash = name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE")
            verb = "crashed" if crash else "was killed"
            return not crash, f"Its process {verb} ({name}).{hint}"
        if code == EXIT_STORE:
            return False, last_words
        if code == EXIT_STUCK:
            return True, "Its process was told to end and did not stop in time."
        return False, last_words or f"Its process ended with exit status {code}."
