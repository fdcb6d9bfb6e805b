"""Which process runs a run, and whether that very process still lives."""

from __future__ import annotations

import os
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

# Without a start time to compare, a process whose heartbeat is older than this is taken for dead.
SILENCE = 15.0


@dataclass(frozen=True)
class Process:
    """One process on one machine, told apart from later ones that reuse its number.

    Attributes:
        pid: Process number.
        token: Host and start time; the start time is empty where the system does not tell.
    """

    pid: int
    token: str

    @classmethod
    def of(cls, pid: int) -> Process:
        """Return the process that now has number `pid`."""
        return cls(pid, f"{socket.gethostname()}:{_start_time(pid)}")

    @classmethod
    def current(cls) -> Process:
        """Return this very process."""
        return cls.of(os.getpid())

    def alive(self, heartbeat: float | None) -> bool:
        """Return whether it still runs.

        Args:
            heartbeat: When it was last heard of, in unix seconds; decides for a process of
                another host, or where the system does not tell start times.
        """
        host, _, started = self.token.rpartition(":")
        if host == socket.gethostname():
            if not _exists(self.pid):
                return False
            if started:
                return _start_time(self.pid) == started
        return heartbeat is not None and time.time() - heartbeat < SILENCE

    def kill(self) -> None:
        """End it at once, if it is that very process of this machine and still runs.

        Raises:
            OSError: If it may not be ended from here.
        """
        host, _, started = self.token.rpartition(":")
        if host != socket.gethostname() or not started:
            raise OSError("it runs on another machine")
        if _start_time(self.pid) == started:
            os.kill(self.pid, signal.SIGKILL)


def _start_time(pid: int) -> str:
    """Return the start time in clock ticks since boot (Linux), "" elsewhere."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The command in parentheses may hold spaces; the fields after it begin with the state, the
    # third one of proc(5), so the 22nd is at index 19. A zombie has ended: it has no start time.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
