"""Several jobs side by side, one thread and one core each.

Blocks of small products gain more from a core each than from sharing all cores within every
product: nobody waits at a barrier, which on a busy machine costs far more than the product.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol

import torch

# A command waits for the rest of a slice, so slices are short.
_SLICE = 0.08


class Job(Protocol):
    """Something to do in small pieces."""

    def work(self) -> Iterator[None]:
        """Do it, yielding after every piece."""


class JobThreads:
    """Threads that each carry one job at a time, a slice of time after the other.

    Between two slices of a job nothing of it is running, so it may be looked into.

    Args:
        count: How many threads, ≥ 1.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(
            count, "sweep", initializer=torch.set_num_threads, initargs=(1,)
        )
        self._idle: dict[Job, Iterator[None]] = {}
        self._running: dict[Future[bool], tuple[Job, Iterator[None]]] = {}

    @property
    def free(self) -> int:
        """How many more jobs there is room for."""
        return self.count - len(self._idle) - len(self._running)

    @property
    def busy(self) -> bool:
        """Whether there is any job that has not ended."""
        return bool(self._idle or self._running)

    def add(self, job: Job) -> None:
        """Take in a job."""
        self._idle[job] = job.work()

    def go_on(self, seconds: float) -> list[tuple[Job, bool]]:
        """Let every job go on; return those whose slice is over, and whether they have ended.

        Args:
            seconds: How long to wait for the first slice to be over.
        """
        for job, work in self._idle.items():
            self._running[self._pool.submit(_slice, work)] = (job, work)
        self._idle.clear()
        over, _ = wait(self._running, seconds, FIRST_COMPLETED)
        results = []
        for future in over:
            job, work = self._running.pop(future)
            ended = future.result()
            if not ended:
                self._idle[job] = work
            results.append((job, ended))
        return results

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
def threads_on(device: torch.device) -> Iterator[JobThreads]:
    """Open as many threads as torch may use cores (one for an accelerator) while the block lasts.

    Torch is held to one thread in each of them meanwhile, and in the whole process.
    """
    cores = torch.get_num_threads()
    threads = JobThreads(cores if device.type == "cpu" else 1)
    try:
        yield threads
    finally:
        threads.close()
        torch.set_num_threads(cores)
