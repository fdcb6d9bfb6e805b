"""Probes run by processes of their own: one at a time, cached for good, joined by whoever asks."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import proxprop
from proxprop import paths
from proxprop.analysis.probe import ProbeRequest, ProbeResult, read_result
from proxprop.runs.threads import wait_politely

TIMEOUT = 180.0  # seconds
KEPT = 200  # results on disk; the oldest go first


class ProbeError(RuntimeError):
    """A probe could not be made; the message says why and what to do."""


@dataclass
class Job:
    """A probe that is wanted.

    Attributes:
        words: What it is doing.
        progress: Fraction done; None where unknown.
        error: Why it failed, once it has.
        done: Set when the result is there, or the error.
    """

    done: threading.Event
    words: str = "Waiting for another measurement"
    progress: float | None = 0.0
    error: str = ""


class Prober:
    """Starts probes and keeps their results; one per server.

    Args:
        home: Data directory; default `proxprop.paths.home()` at every use.
        timeout: Seconds one probe may take.
    """

    def __init__(self, home: Path | None = None, timeout: float = TIMEOUT) -> None:
        self._home = home
        self._timeout = timeout
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def result(self, request: ProbeRequest) -> ProbeResult | None:
        """Return the cached answer, or None."""
        path = self._path(request)
        try:
            return _read(path, path.stat().st_mtime_ns)
        except (OSError, ValueError):
            return None

    def start(self, request: ProbeRequest) -> Job:
        """Start the probe, or join the one that goes on."""
        with self._lock:
            job = self._jobs.get(request.digest)
            if job is None:
                job = self._jobs[request.digest] = Job(threading.Event())
                name = f"probe-{request.digest}"
                threading.Thread(
                    target=self._carry_out, args=(request, job), name=name, daemon=True
                ).start()
            return job

    def _path(self, request: ProbeRequest) -> Path:
        return (self._home or paths.home()) / "cache" / "probes" / f"{request.digest}.npz"

    def _carry_out(self, request: ProbeRequest, job: Job) -> None:
        try:
            with self._turn:
                self._run(request, job)
        except (ProbeError, OSError) as error:
            job.error = str(error)
        finally:
            with self._lock:
                self._jobs.pop(request.digest, None)
            job.done.set()

    def _run(self, request: ProbeRequest, job: Job) -> None:
        path = self._path(request)
        path.parent.mkdir(parents=True, exist_ok=True)
        question = path.with_suffix(".json")
        question.write_text(request.model_dump_json())
        job.words = "Starting"
        with _process(question, path) as process:
            timer = threading.Timer(self._timeout, process.kill)
            timer.start()
            try:
                error = _listen(process, job)
                code = process.wait()
            finally:
                timed_out = not timer.is_alive()
                timer.cancel()
        question.unlink(missing_ok=True)
        if error:
            raise ProbeError(error)
        if code != 0:
            cause = f"took longer than {self._timeout:.0f} s" if timed_out else f"ended with {code}"
            raise ProbeError(f"The measurement {cause}. Choose a smaller network or batch.")
        _forget_old(path.parent)


@contextlib.contextmanager
def _process(question: Path, answer: Path):  # type: ignore[no-untyped-def]
    environment = dict(os.environ)
    wait_politely(environment)
    package = str(Path(proxprop.__file__).parents[1])
    search = [package, environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, search))
    process = subprocess.Popen(
        [sys.executable, "-m", "proxprop.analysis.probe", str(question), str(answer)],
        stdin=subprocess.PIPE,  # its end tells the process that the server died
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env=environment,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _listen(process: subprocess.Popen[str], job: Job) -> str:
    """Follow the process's lines to their end; return its error, if it tells one."""
    assert process.stdout is not None
    for line in process.stdout:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if "error" in said:
            return str(said["error"])
        job.words, job.progress = said["words"], said["progress"]
    return ""


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> ProbeResult:
    return read_result(path)


def _forget_old(folder: Path) -> None:
    files = sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[KEPT:]:
        path.unlink(missing_ok=True)


PROBER = Prober()
