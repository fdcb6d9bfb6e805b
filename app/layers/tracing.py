"""Asks a process with torch for traces: started on first use, kept warm, results cached."""

from __future__ import annotations

import hashlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from proxprop import paths
from proxprop.slowmotion import TraceRequest

FORMAT = 3  # of a trace; a new one makes cached traces obsolete
TIMEOUT = 180.0  # seconds without a word; the paper's MLP takes about one minute on two cores
KEPT = 100  # traces in the cache
Tell = Callable[[str, float | None], None]


class TracingFailed(RuntimeError):
    """A step cannot be shown; the message says why and what to do."""


def digest(request: TraceRequest) -> str:
    """Return a short hash of everything that determines a trace."""
    parameters = request.parameters()
    for name in ("budget", "checkpoint", "instruments", "evaluation", "changes"):
        parameters["config"].pop(name, None)
    text = json.dumps([FORMAT, parameters], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Tracer:
    """One tracing process for the whole server; requests take turns.

    Args:
        command: How to start the process.
        timeout: Seconds without a sign of life after which it is given up.
    """

    def __init__(self, command: list[str] | None = None, timeout: float = TIMEOUT) -> None:
        self._command = command or [sys.executable, "-m", "proxprop.slowmotion"]
        self._timeout = timeout
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def trace(self, request: TraceRequest, tell: Tell) -> dict[str, Any]:
        """Return the trace of a request, from the cache where it is known.

        Raises:
            TracingFailed: With words for the person who asked.
        """
        path = self._path(request)
        with self._lock:
            if (known := _read(path)) is None:
                self._compute(request, path, tell)
                known = _read(path)
        if known is None:
            raise TracingFailed("The step was computed but cannot be read. Is the disk full?")
        return known

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _path(self, request: TraceRequest) -> Path:
        return paths.home() / "cache" / "slowmotion" / f"{digest(request)}.json"

    def _compute(self, request: TraceRequest, path: Path, tell: Tell) -> None:
        asked = {"parameters": request.parameters(), "result": str(path)}
        process = self._running()
        tell("starting", None)
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.flush()
            self._listen(process, tell)
        except OSError as error:
            self.close()
            raise TracingFailed("The tracing process ended. Try again.") from error
        _prune(path.parent)

    def _listen(self, process: subprocess.Popen[bytes], tell: Tell) -> None:
        assert process.stdout is not None
        rest, deadline = b"", time.monotonic() + self._timeout
        while True:
            ready, _, _ = select.select(
                [process.stdout], [], [], max(0, deadline - time.monotonic())
            )
            if not ready:
                self.close()
                raise TracingFailed(
                    f"No answer within {self._timeout:.0f} s. Choose a smaller network or batch."
                )
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                self.close()
                raise TracingFailed(
                    "The tracing process ended unexpectedly, perhaps for lack of memory. Choose a "
                    "smaller network or batch."
                )
            *lines, rest = (rest + data).split(b"\n")
            deadline = time.monotonic() + self._timeout
            for line in lines:
                message = json.loads(line)
                if "error" in message:
                    raise TracingFailed(message["error"])
                if message.get("done"):
                    return
                tell(message["words"], message["progress"])

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,  # its end tells the process that the server is gone
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd=Path(__file__).resolve().parents[2],
            )
        return self._process


def _read(path: Path) -> dict[str, Any] | None:
    try:
        known: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    os.utime(path)  # the least recently used go first
    return known


def _prune(folder: Path) -> None:
    found = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in found[:-KEPT]:
        path.unlink(missing_ok=True)


_TRACER = Tracer()


def get_tracer() -> Tracer:
    """Return the server's tracer."""
    return _TRACER
