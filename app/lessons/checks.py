"""Checks asked for on the page: one process after another, each with torch, none in the server."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence

from proxprop.runs.threads import child_environment

COMMAND = (sys.executable, "-m", "proxprop", "lessons", "--check")


class Checks:
    """Lessons whose experiments wait or go on.

    Args:
        command: What carries an experiment out, without the lesson's number.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._waiting: list[int] = []

    def ask(self, numbers: Sequence[int]) -> None:
        """Have lessons checked, one after another; those that wait already are left as they are."""
        with self._lock:
            idle = not self._waiting
            self._waiting += [number for number in numbers if number not in self._waiting]
            if idle and self._waiting:
                threading.Thread(target=self._work, name="checks", daemon=True).start()

    def waiting(self) -> tuple[int, ...]:
        """Return the numbers of the lessons that are not through, the one at work first."""
        with self._lock:
            return tuple(self._waiting)

    def _work(self) -> None:
        more = True
        while more:
            quiet = subprocess.DEVNULL
            subprocess.run(
                [*self._command, str(self.waiting()[0])],
                stdin=quiet,
                stdout=quiet,
                stderr=quiet,
                env=child_environment(),
                check=False,  # what it found, it has written down
            )
            with self._lock:
                del self._waiting[0]
                more = bool(self._waiting)


CHECKS = Checks()
