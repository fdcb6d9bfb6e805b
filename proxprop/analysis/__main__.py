"""`python -m proxprop.analysis`: a process that answers questions for one that has no torch.

It reads one JSON message a line: a question (``id``, ``question``, ``answers``: the file of each
part), or ``{"cancel": id}``. It answers in lines, each with the ``id``: ``doing`` and ``progress``
as it goes on and again every second, ``ready`` with the name of a part when it is written, at last
``done``, ``cancelled`` or ``error`` with the reason. It ends when its standard input does.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

from pydantic import TypeAdapter

from proxprop.analysis.network_spectra import network_spectra
from proxprop.analysis.questions import (
    AnyQuestion,
    CostQuestion,
    SpectraQuestion,
    StepQuestion,
)
from proxprop.analysis.slow_motion.step import StepTrace
from proxprop.analysis.state import StateError, load_state
from proxprop.analysis.step_costs import step_costs
from proxprop.data.errors import DataError
from proxprop.files import write_atomically
from proxprop.runs.checkpoints import CheckpointError
from proxprop.runs.errors import RunError
from proxprop.spec.config import ConfigError
from proxprop.spec.config.base import validating
from proxprop.spec.controls import Report

BEAT = 1.0  # seconds between signs of life
EXPECTED = (ConfigError, DataError, CheckpointError, RunError, StateError, OSError)
_QUESTION: TypeAdapter[SpectraQuestion | StepQuestion | CostQuestion] = TypeAdapter(AnyQuestion)


class Cancelled(Exception):
    """Nobody waits for this answer any more."""


class Reporter:
    """Reports how one answer goes, and that the process is alive while torch computes."""

    def __init__(self, identity: str, cancelled: set[str]) -> None:
        self._id = identity
        self._cancelled = cancelled
        self._lock = threading.Lock()
        self._last: dict[str, Any] = {"doing": "starting", "progress": None}
        self._over = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def progress(self, doing: str, share: float | None) -> None:
        """Report what is done and the fraction done; stop here if nobody waits any more."""
        if self._id in self._cancelled:
            raise Cancelled
        self._last = {"doing": doing, "progress": share}
        self.send(**self._last)

    def send(self, **fields: Any) -> None:
        """Send one line."""
        with self._lock:
            print(json.dumps({"id": self._id, **fields}), flush=True)

    def end(self, **fields: Any) -> None:
        """Send the last line."""
        self._over.set()
        self.send(**fields)

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            self.send(**self._last)


def parts_of(
    question: SpectraQuestion | StepQuestion | CostQuestion, report: Report
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the parts of an answer by name, as JSON-able data."""
    if isinstance(question, SpectraQuestion):
        yield "spectra", network_spectra(question, report).model_dump(mode="json")
    elif isinstance(question, CostQuestion):
        yield "cost", step_costs(question)
    else:
        trace = StepTrace(load_state(question, report))
        yield "motion", trace.motion(report)
        yield "findings", trace.findings(report)


def answer(message: dict[str, Any], cancelled: set[str]) -> None:
    """Answer one question, or say why not; whatever goes wrong, the process goes on."""
    reporter = Reporter(message["id"], cancelled)
    try:
        with validating():
            question = _QUESTION.validate_python(message["question"])
        for part, content in parts_of(question, reporter.progress):
            path = Path(message["answers"][part])
            write_atomically(path, json.dumps(content, allow_nan=False))
            reporter.send(ready=part)
    except Cancelled:
        reporter.end(cancelled=True)
    except EXPECTED as error:
        reporter.end(error=str(error))
    except MemoryError:
        reporter.end(error="Out of memory. Choose a smaller network or batch.")
    except Exception as error:
        reporter.end(error=f"The computation failed: {type(error).__name__}: {error}")
    else:
        reporter.end(done=True)


def read(questions: Queue[dict[str, Any]], cancelled: set[str]) -> None:
    """Queue what is asked and note what is cancelled; end the process with its input."""
    for line in sys.stdin:
        message = json.loads(line)
        if "cancel" in message:
            cancelled.add(message["cancel"])
        else:
            cancelled.discard(message["id"])  # asked for again
            questions.put(message)
    os._exit(0)


def main() -> None:
    """Answer questions until the input ends."""
    questions: Queue[dict[str, Any]] = Queue()
    cancelled: set[str] = set()
    threading.Thread(target=read, args=(questions, cancelled), daemon=True).start()
    while True:
        answer(questions.get(), cancelled)


if __name__ == "__main__":
    main()
