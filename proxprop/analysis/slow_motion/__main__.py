"""`python -m proxprop.analysis.slow_motion`: a process that traces steps for one that has no torch.

It reads one JSON message a line: a request (``id``, ``parameters``, ``results``: where to write the
``motion`` and the ``findings``), or ``{"cancel": id}``. It answers in lines, each with the ``id``:
``{"words", "progress"}`` at every stage and again every second, ``{"ready": part}`` when a part is
written, at last ``{"done": true}``, ``{"cancelled": true}`` or ``{"error": words}``. It ends when
its standard input does.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from typing import Any

from proxprop.files import write_atomically
from proxprop.runs.threads import wait_politely

BEAT = 1.0  # seconds between signs of life


class _Cancelled(Exception):
    """Nobody waits for this step any more."""


class _Inbox:
    """Reads requests and notes what is cancelled; ends the process with its input."""

    def __init__(self) -> None:
        self._requests: Queue[dict[str, Any]] = Queue()
        self.cancelled: set[str] = set()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if "cancel" in message:
                self.cancelled.add(message["cancel"])
            else:
                self.cancelled.discard(message["id"])  # asked for again
                self._requests.put(message)
        os._exit(0)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while True:
            yield self._requests.get()


class _Voice:
    """Tells how one request goes, and that the process is alive while torch computes."""

    def __init__(self, name: str, cancelled: set[str]) -> None:
        self._name = name
        self._cancelled = cancelled
        self._lock = threading.Lock()
        self._last: dict[str, Any] = {"words": "starting", "progress": None}
        self._silent = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def tell(self, words: str, share: float | None) -> None:
        """Tell words and the fraction done; stop here if nobody listens any more."""
        if self._name in self._cancelled:
            raise _Cancelled
        self._last = {"words": words, "progress": share}
        self.say(**self._last)

    def say(self, **fields: Any) -> None:
        with self._lock:
            print(json.dumps({"id": self._name, **fields}), flush=True)

    def end(self, **fields: Any) -> None:
        """Say the last word."""
        self._silent.set()
        self.say(**fields)

    def _beat(self) -> None:
        while not self._silent.wait(BEAT):
            self.say(**self._last)


def _trace(asked: dict[str, Any], voice: _Voice) -> None:
    from proxprop.analysis.slow_motion import TraceRequest
    from proxprop.analysis.slow_motion.build import StepTrace
    from proxprop.analysis.slow_motion.source import prepare

    state = prepare(TraceRequest.parse(asked["parameters"]), voice.tell)
    step = StepTrace(state)
    parts: dict[str, Callable[..., dict[str, Any]]] = {
        "motion": step.motion,
        "findings": step.findings,
    }
    for part, compute in parts.items():
        write_atomically(
            Path(asked["results"][part]), json.dumps(compute(voice.tell), allow_nan=False)
        )
        voice.say(ready=part)


def _answer(asked: dict[str, Any], cancelled: set[str]) -> None:
    voice = _Voice(asked["id"], cancelled)  # speaks while torch is being loaded, too
    from proxprop.analysis.slow_motion import TraceError
    from proxprop.data.errors import DataError
    from proxprop.runs.checkpoints import CheckpointError
    from proxprop.runs.errors import RunError
    from proxprop.spec.config import ConfigError

    try:
        _trace(asked, voice)
    except _Cancelled:
        voice.end(cancelled=True)
    except (ConfigError, DataError, CheckpointError, RunError, TraceError, OSError) as error:
        voice.end(error=str(error))
    except MemoryError:
        voice.end(error="Out of memory. Choose a smaller network or batch.")
    except Exception as error:  # the process must outlive what one request did wrong
        voice.end(error=f"The step could not be traced: {type(error).__name__}: {error}")
    else:
        voice.end(done=True)


def main() -> None:
    """Answer requests until the input ends."""
    wait_politely(os.environ)
    inbox = _Inbox()
    for asked in inbox:
        _answer(asked, inbox.cancelled)


if __name__ == "__main__":
    main()
