"""What works on another machine: one part at a time, in a thread, asked for its news."""

from __future__ import annotations

import platform
import socket
import threading
import time
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple

import proxprop
from proxprop.cluster.team import Part
from proxprop.data.errors import DataError
from proxprop.runs.errors import RunError
from proxprop.runs.mailbox import Inbox
from proxprop.spec.config import ConfigError
from proxprop.spec.controls import Control
from proxprop.spec.events import Notice, Snapshot, State

_REFUSALS = (ConfigError, DataError, RunError, NotImplementedError)  # they say all there is to say


class About(NamedTuple):
    """A worker: what its numbers depend on.

    Attributes:
        host: Its machine's name.
        versions: Package → version.
        device: "cpu" or the GPU's name.
        processor: The processor's name.
        threads: How many compute.
    """

    host: str
    versions: dict[str, str]
    device: str
    processor: str
    threads: int


class Reply(NamedTuple):
    """What is new of a part.

    Attributes:
        events: What it has yielded.
        over: Whether it is through.
        refusal: Why it cannot be carried out, in words.
        error: The traceback of an error in the program.
    """

    events: list[Any]
    over: bool
    refusal: str = ""
    error: str = ""


def package_versions() -> dict[str, str]:
    """Return the versions that must be the same everywhere; "+cu130" and its like may differ."""
    import torch  # which a driver that only looks must not load

    return {
        "python": platform.python_version(),
        "torch": torch.__version__.partition("+")[0],
        "proxprop": proxprop.__version__,
    }


class PartWorker:
    """Carries out parts, one after another.

    Args:
        cores: How many threads compute.
    """

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._news = threading.Condition()
        self._events: list[Any] = []
        self._end: Reply | None = None
        self._urgent = False
        self._inbox = Inbox()

    def about(self) -> About:
        """Load torch and return what this worker is."""
        # Late: whoever makes a worker may prepare its process before.
        from proxprop.engine.training.device import device_label, processor_name, resolve_device

        device = device_label(resolve_device("auto"))
        versions = package_versions()
        return About(socket.gethostname(), versions, device, processor_name(), self._cores)

    def begin(self, part: Part, controls: Sequence[Control], seconds: float) -> Reply:
        """Carry out a part in a thread of its own; return what is new of it, see `exchange`."""
        self._events, self._end, self._urgent = [], None, False
        self._inbox = Inbox(controls)
        threading.Thread(target=self._carry_out, args=[part], name=part.name, daemon=True).start()
        return self.exchange((), seconds)

    def exchange(self, controls: Sequence[Control], seconds: float) -> Reply:
        """Hand the part commands; return what is new after so long, or sooner if it is urgent."""
        for control in controls:
            self._inbox.put(control)
        until = time.monotonic() + seconds
        with self._news:
            while not self._urgent and (left := until - time.monotonic()) > 0:
                self._news.wait(left)
            events, self._events, self._urgent = self._events, [], False
            return Reply(events, False) if self._end is None else self._end._replace(events=events)

    def _carry_out(self, part: Part) -> None:
        end = Reply([], True)
        try:
            import torch  # late: see `about`

            from proxprop.cluster.work import WORK  # likewise

            torch.set_num_threads(self._cores)
            loop = WORK[part.work]
            for event in loop(
                part.config, self._inbox, snapshot=part.snapshot, progress=self._progress
            ):
                self._put(event, urgent=isinstance(event, Snapshot | State))
        except _REFUSALS as error:
            end = Reply([], True, refusal=f"On {socket.gethostname()}: {error}")
        except BaseException as error:
            end = Reply([], True, error="".join(traceback.format_exception(error)))
        with self._news:
            self._end, self._urgent = end, True
            self._news.notify()

    def _progress(self, message: str, fraction: float | None) -> None:
        self._put(Notice("info", message, fraction))

    def _put(self, event: Any, urgent: bool = False) -> None:
        with self._news:
            self._events.append(event)
            if urgent:
                self._urgent = True
                self._news.notify()
