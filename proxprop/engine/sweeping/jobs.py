"""Several jobs side by side, one thread and one core each.

Blocks of small products gain more from a core each than from sharing all cores within every
product: nobody waits at a barrier, which on a busy machine costs far more than the product.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import NamedTuple, Protocol

import torch

from proxprop.engine.sweeping.plan import Task
from proxprop.spec.events import Event
from proxprop.spec.sweeping import LimitPayload, RunResult

# A command waits for the rest of a slice, so slices are short.
_SLICE = 0.08


class CurvePoint(NamedTuple):
    """The mini-batch loss of one run before one step."""

    member: int
    step: int
    loss: float


class Found(NamedTuple):
    """What a job has found.

    Attributes:
        points: Points of curves that came in since it was asked last.
        results: How runs have ended, by member, as far as it has come; so the others.
        limits: Method → where it is predicted to become unstable.
        initial_loss: Training loss of the initial weights; None until known.
    """

    points: list[CurvePoint] = []  # noqa: RUF012 (never changed)
    results: dict[int, RunResult] = {}  # noqa: RUF012
    limits: dict[int, LimitPayload] = {}  # noqa: RUF012
    initial_loss: float | None = None


class Advance(NamedTuple):
    """A task that has come further.

    Attributes:
        task: Which.
        found: What is known of it now.
        ended: Whether it is through.
        lost: Why all it has found so far is void and is done again, in words; empty where it holds.
    """

    task: Task
    found: Found
    ended: bool
    lost: str = ""


class Job(Protocol):
    """Something to do in small pieces."""

    def work(self) -> Iterator[None]:
        """Do it, yielding after every piece."""

    def found(self) -> Found:
        """Return what it has found."""


class Jobs(Protocol):
    """Where a sweep's tasks are carried out."""

    @property
    def free(self) -> int:
        """How many more tasks there is room for."""

    @property
    def busy(self) -> bool:
        """Whether there is any task that has not ended."""

    def add(self, task: Task) -> None:
        """Take in a task."""

    def go_on(self, seconds: float) -> list[Advance]:
        """Let every task go on for a while, `seconds` at most; return those that have."""

    def hold(self) -> None:
        """Let nothing go on until `go_on` is called again."""

    def events(self) -> list[Event]:
        """Return what else there is to report."""


class JobThreads:
    """Threads that each carry one job at a time, a slice of time after the other.

    Between two slices of a job nothing of it is running, so it may be looked into.

    Args:
        count: How many threads, ≥ 1.
        make: Returns the job that carries out a task.
    """

    def __init__(self, count: int, make: Callable[[Task], Job]) -> None:
        self.count = count
        self._make = make
        self._pool = ThreadPoolExecutor(
            count, "sweep", initializer=torch.set_num_threads, initargs=(1,)
        )
        self._idle: list[tuple[Task, Job, Iterator[None]]] = []
        self._running: dict[Future[bool], tuple[Task, Job, Iterator[None]]] = {}

    @property
    def free(self) -> int:
        """How many more jobs there is room for."""
        return self.count - len(self._idle) - len(self._running)

    @property
    def busy(self) -> bool:
        """Whether there is any job that has not ended."""
        return bool(self._idle or self._running)

    def add(self, task: Task) -> None:
        """Take in a task."""
        job = self._make(task)
        self._idle.append((task, job, job.work()))

    def go_on(self, seconds: float) -> list[Advance]:
        """Let every job go on; return those whose slice is over.

        Args:
            seconds: How long to wait for the first slice to be over.
        """
        for task, job, work in self._idle:
            self._running[self._pool.submit(_slice, work)] = (task, job, work)
        self._idle.clear()
        over, _ = wait(self._running, seconds, FIRST_COMPLETED)
        advances = []
        for future in over:
            task, job, work = self._running.pop(future)
            ended = future.result()
            if not ended:
                self._idle.append((task, job, work))
            advances.append(Advance(task, job.found(), ended))
        return advances

    def hold(self) -> None:
        """Nothing to do: jobs go on a slice at a time."""

    def events(self) -> list[Event]:
        """Nothing but what is found is to report."""
        return []

    def close(self) -> None:
        """Wait for the slices that are running and drop all jobs."""
        self._pool.shutdown()
        self._running.clear()
        self._idle.clear()


def _slice(work: Iterator[None]) -> bool:
    """Do some pieces; return whether none are left."""
    end = time.perf_counter() + _SLICE
    while time.perf_counter() < end:
        try:
            next(work)
        except StopIteration:
            return True
    return False


@contextlib.contextmanager
def threads_on(device: torch.device, make: Callable[[Task], Job]) -> Iterator[JobThreads]:
    """Open as many threads as torch may use cores (one for an accelerator) while the block lasts.

    Torch is held to one thread in each of them meanwhile, and in the whole process.

    Args:
        device: Where to compute.
        make: Returns the job that carries out a task.
    """
    cores = torch.get_num_threads()
    threads = JobThreads(cores if device.type == "cpu" else 1, make)
    try:
        yield threads
    finally:
        threads.close()
        torch.set_num_threads(cores)
