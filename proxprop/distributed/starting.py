"""What a process of a shared run does from its start to its end: lead or follow."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from proxprop.distributed.group import is_loss, join, leave
from proxprop.distributed.loop import follow
from proxprop.distributed.processes import DEVICE, LOST, RENDEZVOUS


@contextmanager
def leading(processes: int) -> Iterator[None]:
    """Be the first of the processes that torchrun has started; let the others go at the end."""
    _share_cores(processes)
    join(0, processes)
    try:
        yield
    finally:
        leave()


def follow_all(rank: int, processes: int) -> int:
    """Follow the leader until it has no more to do, or is gone.

    Returns:
        0, or `LOST` where another process has been lost.
    """
    # Commands reach the leader, who speaks for all.
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    meeting = os.environ.get(RENDEZVOUS)
    if meeting is None:
        _share_cores(processes)
    else:
        threading.Thread(target=_end_with_the_leader, daemon=True).start()
        print("ready", flush=True)
    try:
        join(rank, processes, meeting or "env://", os.environ.get(DEVICE, "auto"))
        while follow():
            pass
    except RuntimeError as error:
        if not is_loss(error):
            raise
        return LOST
    leave()
    return 0


def _end_with_the_leader() -> None:
    """Wait for the end of standard input, which the leader holds open as long as it lives."""
    with open(0, "rb", buffering=0, closefd=False) as standard_input:
        while standard_input.read(4096):
            pass
    os._exit(LOST)


def _share_cores(processes: int) -> None:
    """Give each process of this machine its part of the cores; torchrun leaves each of them one."""
    here = int(os.environ.get("LOCAL_WORLD_SIZE", processes))
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    torch.set_num_threads(max(1, cores // here))
