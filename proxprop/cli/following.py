"""The one way to carry out a run in the terminal: signals, one display fed by events, its end."""

from __future__ import annotations

import math
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, cast

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from proxprop.cli.reports import duration
from proxprop.engine import load_loops
from proxprop.runs.errors import RunError
from proxprop.runs.execution import execute
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.process import Process
from proxprop.runs.progress import Progress as Budget
from proxprop.runs.record import Run
from proxprop.runs.store import Store
from proxprop.runs.threads import wait_politely
from proxprop.spec.config import (
    AnyConfig,
    ConfigError,
    Problem,
    RaceConfig,
    RunConfig,
    SweepConfig,
)
from proxprop.spec.controls import Control
from proxprop.spec.events import Artifact, Ended, Event, Notice, Point, Started
from proxprop.spec.racing import place_of
from proxprop.spec.sweeping import MapPayload

_REFRESH = 0.1  # seconds between updates of the display

# One press of Ctrl-C may arrive twice: timeout(1) signals the process and then its whole group.
_SAME_PRESS = 0.5  # seconds

Steer = Callable[[Event, Mailbox], None]


def begin(store: Store, config: AnyConfig | None, name: str, resume: str | None) -> str:
    """Add a run that this process carries out, or take over an ended one; return its id.

    An ended run goes on by `config` where there is one, see `extended`.

    Raises:
        RunError: If the run to resume cannot go on.
    """
    if config is not None and resume is None:
        return store.create_run(config, name, process=Process.current())
    run = store.run(resume or "")
    resumable = run.resumable or config is not None
    if not resumable or not store.requeue(run.id, Process.current(), config):
        state = run.outcome or run.status
        hint = ""
        if state == "finished" and run.kind == "run":
            hint = f" A larger budget continues it: proxprop train --resume {run.id} --epochs N"
        raise RunError(f"Run {run.id} cannot be resumed: it is {state}.{hint}")
    return run.id


def extended(run: Run, budget: Mapping[str, Any]) -> RunConfig:
    """Return the config of an ended run with another budget, which must not be spent yet.

    Args:
        run: The run.
        budget: Dotted field → value; the run's own limits go.

    Raises:
        ConfigError: If the run has no budget of its own, or has done as much already.
    """
    config = run.config
    if not isinstance(config, RunConfig):
        rule = f"run {run.id} is a {run.kind}, whose budget cannot grow"
        raise ConfigError([Problem("--resume", rule)])
    limits = dict.fromkeys(("epochs", "seconds", "steps"))
    given = {field.removeprefix("budget."): value for field, value in budget.items()}
    config = config.replace(budget={**limits, **given})
    began = run.started_info
    total = None if began is None else config.budget.step_limit(began.steps_per_epoch)
    if config.budget.share(run.step, run.seconds, total) == 1.0:
        done = f"{run.epoch:g} epochs, {run.step} steps and {run.seconds:.3g} seconds"
        rule = f"run {run.id} has done {done} already; give a larger one"
        raise ConfigError([Problem(next(iter(budget)), rule)])
    return config


def follow(
    store: Store,
    run_id: str,
    quiet: bool = False,
    steer: Steer | None = None,
    title: str = "",
    whole: Everything | None = None,
) -> tuple[Ended, bool]:
    """Carry out a run to its end; return how it ended and whether Ctrl-C stopped it.

    Args:
        store: The run store.
        run_id: A run that this process has begun.
        quiet: Whether to show nothing on the way.
        steer: Called with every event and the run's mailbox, where it may leave commands.
        title: What it is called on the way; its id stands beside it.
        whole: What it is a part of, shown too.
    """
    wait_politely(os.environ)
    mailbox = Mailbox(store, run_id)
    console = Console(stderr=True, quiet=quiet)
    config = store.run(run_id).config
    with (
        _signals(mailbox, console) as pressed,
        Display(
            console, config, f"{title} ({run_id})" if title else f"run {run_id}", whole
        ) as shown,
    ):

        def watch(event: Event) -> None:
            shown.take(event)
            if steer is not None:
                steer(event, mailbox)

        try:
            ended = execute(store, run_id, mailbox, load_loops, watch)
        except KeyboardInterrupt:
            message = "Ended at once by a second Ctrl-C. Resume continues from the checkpoint."
            store.end(run_id, "interrupted", message)
            run = store.run(run_id)
            ended = Ended("interrupted", run.step, run.epoch, run.seconds, message)
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


class Display:
    """A run's progress and latest numbers in one line, and a second one for what it is a part of.

    Args:
        console: Where to draw.
        config: What is carried out; its kind decides which numbers are shown.
        title: Shown all along, so that the run can be found again.
        whole: What it is a part of; None to leave the second line out.
    """

    def __init__(
        self, console: Console, config: AnyConfig, title: str, whole: Everything | None = None
    ) -> None:
        self._console = console
        self._whole = whole
        self._budget = Budget(config)
        self._config = config
        # The latest of each: (table, member) → point, and the map of a sweep.
        self._points: dict[tuple[str, int], Point] = {}
        self._map: MapPayload | None = None
        self._drawn = 0.0
        self._progress = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[numbers]}", markup=False),
            _Remaining(),
            console=console,
        )
        self._run = self._progress.add_task(title, total=1.0, numbers="loading …")
        if whole is not None:
            message = whole.message(0.0)
            self._all = self._progress.add_task("everything", total=1.0, numbers=message, own=True)

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def take(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, Started):
            self._budget.started(event)
        elif isinstance(event, Notice):
            self._notice(event)
        elif isinstance(event, Artifact) and event.name == "map":
            self._map = cast(MapPayload, event.payload)
        elif isinstance(event, Point):
            self._points[event.table, event.member] = event
            self._budget.reached(event)
            now = time.monotonic()
            if now - self._drawn >= _REFRESH:
                self._drawn = now
                self._draw()
        elif isinstance(event, Ended):
            self._budget.ended(event)
            self._draw()

    def _notice(self, notice: Notice) -> None:
        if notice.progress is None:
            style = "yellow" if notice.level == "warning" else ""
            self._console.print(notice.text, style=style, markup=False)
        else:
            self._progress.update(self._run, numbers=f"{notice.text} {notice.progress:.0%}")

    def _draw(self) -> None:
        done = self._budget.fraction()
        self._progress.update(self._run, completed=done, numbers=self._numbers())
        if self._whole is not None:
            fraction, message = self._whole.fraction(done or 0.0), self._whole.message(done or 0.0)
            self._progress.update(self._all, completed=fraction, numbers=message)

    def _numbers(self) -> str:
        if isinstance(self._config, SweepConfig):
            return "loading …" if self._map is None else _counts(self._map)
        if isinstance(self._config, RaceConfig):
            return _race_numbers(self._config, self._points)
        return _run_numbers(self._points.values())


def _run_numbers(points: Iterable[Point]) -> str:
    """Return the latest numbers of a run."""
    latest: dict[str, float] = {"loss": math.nan, "validation_accuracy": math.nan}
    epoch = 0.0
    for point in points:
        latest |= point.values
        epoch = max(epoch, point.epoch)
    accuracy = latest["validation_accuracy"]
    shown = "" if math.isnan(accuracy) else f"  accuracy {accuracy:.1%}"
    return f"epoch {epoch:.1f}  loss {latest['loss']:.3g}{shown}"


def _race_numbers(config: RaceConfig, points: Mapping[tuple[str, int], Point]) -> str:
    """Return which seed of a race is under way, and every contender's latest loss."""
    losses, last = {}, 0
    for (table, member), point in sorted(points.items(), key=lambda item: item[0]):
        if table == "steps":
            contender, last = place_of(config, member)
            losses[contender] = f"{point.values['loss']:.2g}"
    if not losses:
        return "loading …"
    seed = f"seed {last + 1} of {config.seeds}  " if config.seeds > 1 else ""
    return f"{seed}losses {'  '.join(losses[contender] for contender in sorted(losses))}"


def _counts(payload: MapPayload) -> str:
    """Return how many runs of a sweep have ended, and how."""
    ended = Counter(
        outcome
        for method in payload["methods"]
        for outcomes in method["outcomes"]
        for outcome in outcomes
    )
    bad = (f"{ended[name]} {name}" for name in ("diverged", "collapsed") if ended[name])
    return "  ".join([f"{payload['finished']} of {payload['runs']} runs", *bad])


class _Remaining(TimeRemainingColumn):
    """Time remaining, except for tasks that say it in their own words (field `own`)."""

    def render(self, task: Task) -> Text:
        """Return the column of a task."""
        return Text() if task.fields.get("own") else super().render(task)


class Everything:
    """Several runs one after another: how much of them is done, and how long the rest will take.

    Args:
        seconds: Estimated for each run, in order.
    """

    def __init__(self, seconds: Sequence[float]) -> None:
        self._seconds = seconds
        self._done = self._skipped = 0.0
        self._began: float | None = None
        self._number = 0
        self._share = 1.0

    def begin(self, fraction: float, share: float = 1.0) -> None:
        """Go on to the next run.

        Args:
            fraction: What of its config's budget is spent already.
            share: What of it is asked for.
        """
        self._number += 1
        self._share = share
        self._skipped += min(1.0, fraction / share) * self._seconds[self._number - 1]
        self._began = self._began or time.monotonic()

    def end(self) -> None:
        """Note that the run is done."""
        self._done += self._seconds[self._number - 1]

    def fraction(self, current: float) -> float:
        """Return the fraction done, with that fraction of the current run's budget."""
        whole = self._seconds[self._number - 1] if self._number else 0.0
        return (self._done + min(1.0, current / self._share) * whole) / sum(self._seconds)

    def message(self, current: float) -> str:
        """Return which run it is and how long all the rest takes, at the pace so far."""
        total = sum(self._seconds)
        done = self.fraction(current) * total
        here = done - self._skipped
        elapsed = time.monotonic() - (self._began or time.monotonic())
        # Until there is a pace, the estimates are all there is.
        pace = elapsed / here if here > 0.02 * total else 1.0
        return f"{self._number} of {len(self._seconds)}, {duration((total - done) * pace)} left"
