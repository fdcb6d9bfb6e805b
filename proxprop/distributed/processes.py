"""The followers that a leader starts on its own machine, and what became of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from proxprop.distributed.group import join, leave
from proxprop.runs.threads import child_environment
from proxprop.spec.events import Outcome

# What a follower is told by its environment, beside its rank and how many processes there are.
RENDEZVOUS = "PROXPROP_RENDEZVOUS"  # where those meet that a leader has started
DEVICE = "PROXPROP_DEVICE"  # what any of them may compute on
LOST = 69  # exit status of a follower that can reach the others no more

_LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
_GRACE = 5.0  # seconds a follower has to end, or to be seen dead


class ProcessLostError(RuntimeError):
    """A follower has ended while the run goes on."""


class Followers:
    """Processes of this machine that share a run with this one.

    A follower is a child with the leader's pipe as its standard input: it hears of the leader's
    death, whatever it does at that moment.

    Args:
        processes: How many there are, this one included; ≥ 2.
        device: The run's, as its config names it.
    """

    def __init__(self, processes: int, device: str) -> None:
        self.processes = processes
        self._folder = TemporaryDirectory(prefix="proxprop-")
        meeting = f"file://{Path(self._folder.name) / 'meeting'}"
        # They speak through this machine's loopback alone: nobody else can join.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", _LOOPBACK)
        environment = child_environment() | {
            RENDEZVOUS: meeting,
            DEVICE: device,
            "WORLD_SIZE": str(processes),
            "OMP_NUM_THREADS": str(torch.get_num_threads()),
        }
        self._children = [
            subprocess.Popen(
                [sys.executable, "-m", "proxprop.train"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
                env=environment | {"RANK": str(rank)},
            )
            for rank in range(1, processes)
        ]
        try:
            self._await_all()
            join(0, processes, meeting, device)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Followers:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def check(self) -> None:
        """Look after the followers.

        Raises:
            ProcessLostError: If one of them has ended.
        """
        if any(child.poll() is not None for child in self._children):
            raise ProcessLostError("a process that shares the run has ended")

    def loss(self) -> tuple[Outcome, str] | None:
        """Return how the run ends by what became of the followers; None if all are there."""
        deadline = time.monotonic() + _GRACE
        while all(child.poll() is None for child in self._children):
            if time.monotonic() > deadline:
                return None
            time.sleep(0.02)
        time.sleep(0.1)  # of several that end together the cause may be the last to be seen
        ended = [
            (rank, child.returncode)
            for rank, child in enumerate(self._children, start=2)
            if child.poll() is not None
        ]
        # A killed one takes the others along, which say only that they have lost it.
        rank, code = min(ended, key=lambda found: (found[1] >= 0, found[1] == LOST))
        who = f"Process {rank} of {self.processes}"
        if code < 0:
            name = signal.Signals(-code).name
            return "interrupted", (
                f"{who} was killed ({name}). Resume continues from the checkpoint, with as many "
                "processes or fewer."
            )
        return "failed", f"{who} ended with exit status {code}; what it said is in the run's log."

    def close(self) -> None:
        """Let the followers go, and end those that stay."""
        leave()
        for child in self._children:
            for pipe in (child.stdin, child.stdout):
                assert pipe is not None
                with suppress(OSError):
                    pipe.close()
        deadline = time.monotonic() + _GRACE
        for child in self._children:
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._folder.cleanup()

    def _await_all(self) -> None:
        """Wait until all have loaded torch: of one that cannot, the group would never be whole."""
        for rank, child in enumerate(self._children, start=2):
            assert child.stdout is not None
            if not child.stdout.readline():
                code = child.wait()
                raise RuntimeError(f"process {rank} ended with exit status {code} at its start")


@contextmanager
def threads_shared(processes: int) -> Iterator[None]:
    """Leave each process of this machine its part of the cores that this one has."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // processes))
    try:
        yield
    finally:
        torch.set_num_threads(before)
