"""Asks a process with torch for traces: started on first use, kept warm, results cached."""

from __future__ import annotations

import hashlib
import json
import os
import select
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from proxprop import paths
from proxprop.analysis.slow_motion import TraceRequest

FORMAT = 6  # of a trace; a new one makes cached traces obsolete
TIMEOUT = 60.0  # seconds without a sign of life; a process at work gives one every second
TURN = 0.2  # seconds between looks at whether another viewer's step is through
KEPT = 200  # files in the cache, two a trace
Part = Literal["motion", "findings"]
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

    A step comes in two parts: its *motion*, as soon as both algorithms are through, and later the
    *findings*, measures and checks. A person who turns a knob meanwhile leaves a request behind;
    it is cancelled when the next one comes and nobody else waits for it.

    Args:
        command: How to start the process.
        timeout: Seconds without a sign of life after which it is given up.
    """

    def __init__(self, command: list[str] | None = None, timeout: float = TIMEOUT) -> None:
        self._command = command or [sys.executable, "-m", "proxprop.analysis.slow_motion"]
        self._timeout = timeout
        self._lock = threading.Lock()  # held by the one who talks with the process
        self._process: subprocess.Popen[bytes] | None = None
        self._heard: deque[dict[str, Any]] = deque()
        self._rest = b""  # of a message not yet complete
        self._working: str | None = None
        self._wanted: Counter[str] = Counter()

    def trace(self, request: TraceRequest, part: Part, tell: Tell) -> dict[str, Any]:
        """Return a part of the trace of a request, from the cache where it is known.

        Raises:
            TracingFailed: With words for the person who asked.
        """
        name = digest(request)
        self._wanted[name] += 1
        try:
            while (known := _read(_path(name, part))) is None:
                if not self._lock.acquire(timeout=TURN):
                    tell("waiting for another step", None)
                    continue
                try:
                    self._compute(name, request, part, tell)
                finally:
                    self._lock.release()
        finally:
            self._wanted[name] -= 1
        return known

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        self._heard, self._rest, self._working = deque(), b"", None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _compute(self, name: str, request: TraceRequest, part: Part, tell: Tell) -> None:
        """Have a part computed: it is in the cache then, or has to be asked for once more."""
        path = _path(name, part)
        process = self._running()
        tell("starting", None)
        try:
            joined = self._working == name
            if not joined:
                self._ask(process, name, request)
            for message in self._messages(process):
                if message["id"] != name:
                    tell("waiting for another step", None)
                elif "error" in message:
                    raise TracingFailed(message["error"])
                elif message.get("ready") == part or "done" in message or "cancelled" in message:
                    break
                elif "words" in message:
                    tell(message["words"], message["progress"])
        except OSError as error:
            self.close()
            raise TracingFailed("The tracing process ended. Try again.") from error
        if not joined and "cancelled" not in message and _read(path) is None:
            raise TracingFailed("The step was computed but cannot be read. Is the disk full?")
        _prune(path.parent)

    def _ask(self, process: subprocess.Popen[bytes], name: str, request: TraceRequest) -> None:
        asked = {
            "id": name,
            "parameters": request.parameters(),
            "results": {part: str(_path(name, part)) for part in ("motion", "findings")},
        }
        lines = [asked]
        if self._working is not None and not self._wanted[self._working]:
            lines.insert(0, {"cancel": self._working})
        assert process.stdin is not None
        process.stdin.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        process.stdin.flush()
        self._working = name

    def _messages(self, process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
        """Yield what the process says; a caller may leave at any time, and the next go on."""
        assert process.stdout is not None
        while True:
            while self._heard:
                message = self._heard.popleft()
                if message["id"] == self._working and _is_last(message):
                    self._working = None
                yield message
            ready, _, _ = select.select([process.stdout], [], [], self._timeout)
            if not ready:
                self.close()
                raise TracingFailed(
                    f"The computation gave no sign of life for {self._timeout:.0f} s and was "
                    "ended. Try again; if it happens again, choose a smaller network or batch."
                )
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                self.close()
                raise TracingFailed(
                    "The tracing process ended unexpectedly, perhaps for lack of memory. Choose a "
                    "smaller network or batch."
                )
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._heard.extend(map(json.loads, lines))

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


def _is_last(message: dict[str, Any]) -> bool:
    return any(word in message for word in ("done", "cancelled", "error"))


def _path(name: str, part: Part) -> Path:
    return paths.home() / "cache" / "slowmotion" / f"{name}.{part}.json"


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
