"""Carrying out a run in the terminal: signals, a progress bar, and the final table."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from proxprop.engine import load_loops
from proxprop.runs.errors import RunError
from proxprop.runs.execution import execute
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.process import Process
from proxprop.runs.progress import Progress as Budget
from proxprop.runs.store import Store
from proxprop.runs.threads import wait_politely
from proxprop.spec.config import AnyConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import Ended, Event, Notice, Point, Started
from proxprop.spec.plain import without_nan

_REFRESH = 0.1  # seconds between updates of the bar

# One press of Ctrl-C may arrive twice: timeout(1) signals the process and then its whole group.
_SAME_PRESS = 0.5  # seconds

Shown = Callable[[Console, AnyConfig, str], "ProgressBar"]
Steer = Callable[[Event, Mailbox], None]


def begin(store: Store, config: AnyConfig | None, name: str, resume: str | None) -> str:
    """Add a run that this process carries out, or take over an ended one; return its id.

    Raises:
        RunError: If the run to resume cannot go on.
    """
    if config is not None:
        return store.create_run(config, name, process=Process.current())
    assert resume is not None
    run = store.run(resume)
    if not run.resumable or not store.requeue(run.id, Process.current()):
        state = run.outcome or run.status
        raise RunError(f"Run {run.id} cannot be resumed: it is {state}.")
    return run.id


def carry_out(
    store: Store,
    run_id: str,
    quiet: bool,
    shown: Shown | None = None,
    steer: Steer | None = None,
) -> tuple[Ended, bool]:
    """Carry out a run to its end; return how it ended and whether Ctrl-C stopped it.

    Args:
        store: The run store.
        run_id: A run that this process has begun.
        quiet: Whether to show nothing on the way.
        shown: How to show it; None for `ProgressBar`.
        steer: Called with every event and the run's mailbox, where it may leave commands.
    """
    wait_politely(os.environ)
    mailbox = Mailbox(store, run_id)
    console = Console(stderr=True, quiet=quiet)
    with _signals(mailbox, console) as pressed:
        bar = (shown or ProgressBar)(console, store.run(run_id).config, run_id)

        def watch(event: Event) -> None:
            bar.show(event)
            if steer is not None:
                steer(event, mailbox)

        try:
            with bar:
                ended = execute(store, run_id, mailbox, load_loops, watch)
        except KeyboardInterrupt:
            words = "Ended at once by a second Ctrl-C. Resume continues from the checkpoint."
            store.end(run_id, "interrupted", words)
            run = store.run(run_id)
            ended = Ended("interrupted", run.step, run.epoch, run.seconds, words)
    return ended, bool(pressed)


@contextmanager
def _signals(mailbox: Mailbox, console: Console) -> Iterator[list[float]]:
    """Stop cleanly at Ctrl-C, at once at the second; treat a closed terminal as an interruption."""
    pressed: list[float] = []

    def stop(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if pressed and now - pressed[0] < _SAME_PRESS:
            return
        if pressed:
            raise KeyboardInterrupt
        pressed.append(now)
        console.print("Stopping after this step; press Ctrl-C again to end at once.")
        mailbox.put(Control("stop"))

    def interrupt(number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        mailbox.interrupt(f"Told to end ({name}). Resume continues from the checkpoint.")

    handlers = {signal.SIGINT: stop, signal.SIGTERM: interrupt}
    if hasattr(signal, "SIGHUP"):
        handlers[signal.SIGHUP] = interrupt
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield pressed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Remaining(TimeRemainingColumn):
    """Time remaining, except for tasks that tell it in their own words (field `tells`)."""

    def render(self, task: Task) -> Text:
        """Return the column of a task."""
        return Text() if task.fields.get("tells") else super().render(task)


class ProgressBar:
    """A run's progress, loss and accuracy in one line.

    Args:
        console: Where to draw.
        config: What is carried out.
        run_id: Shown once, so that the run can be found again.
    """

    def __init__(self, console: Console, config: AnyConfig, run_id: str) -> None:
        self._console = console
        self._budget = Budget(config)
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[numbers]}"),
            _Remaining(),
            console=console,
        )
        self._task = self._bar.add_task(f"run {run_id}", total=1.0, numbers="loading …")
        self._loss = math.nan
        self._accuracy = math.nan
        self._epoch = 0.0
        self._drawn = 0.0

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def show(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, Started):
            self._budget.started(event)
        elif isinstance(event, Notice):
            self._notice(event)
        elif isinstance(event, Point):
            self._point(event)
        elif isinstance(event, Ended):
            self._budget.ended(event)
            self._draw()

    def _notice(self, notice: Notice) -> None:
        if notice.progress is None:
            self._console.print(notice.text, style="yellow" if notice.level == "warning" else "")
        else:
            self._bar.update(self._task, numbers=f"{notice.text} {notice.progress:.0%}")

    def _point(self, point: Point) -> None:
        self._loss = point.values.get("loss", self._loss)
        self._accuracy = point.values.get("validation_accuracy", self._accuracy)
        self._epoch = point.epoch
        self._budget.reached(point)
        now = time.monotonic()
        if now - self._drawn >= _REFRESH:
            self._drawn = now
            self._draw()

    def _draw(self) -> None:
        self._bar.update(self._task, completed=self._budget.fraction(), numbers=self._numbers())

    def _numbers(self) -> str:
        numbers = f"epoch {self._epoch:.1f}  loss {self._loss:.3g}"
        if not math.isnan(self._accuracy):
            numbers += f"  accuracy {self._accuracy:.1%}"
        return numbers


def show_result(store: Store, run_id: str, table: bool) -> dict[str, Any]:
    """Return how a run ended as plain data, after printing it as a table if asked to."""
    run = store.run(run_id)
    result: dict[str, Any] = {
        "id": run.id,
        "outcome": run.outcome,
        "words": run.words,
        "step": run.step,
        "epoch": run.epoch,
        "seconds": run.seconds,
        "summary": without_nan(run.summary),
    }
    if table:
        print_run(Console(), result)
    return result


def print_run(console: Console, result: dict[str, Any]) -> None:
    """Print the result of a run as a table."""
    grid = Table(title=f"Run {result['id']}: {result['words']}", title_justify="left")
    grid.add_column("measure")
    grid.add_column("value", justify="right")
    for name in ("step", "epoch", "seconds"):
        grid.add_row(name, f"{result[name]:.6g}")
    for name, value in result["summary"].items():
        grid.add_row(name.replace("_", " "), "not finite" if value is None else f"{value:.4g}")
    console.print(grid)
