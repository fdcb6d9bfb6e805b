"""The one way to carry out a run in the terminal: signals, one display fed by events, its end."""

from __future__ import annotations

import math
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from proxprop.cluster import chosen_loops
from proxprop.runs.execution import execute
from proxprop.runs.fits import check_fits
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.process import Process
from proxprop.runs.progress import Progress as Budget
from proxprop.runs.steering import requeue
from proxprop.runs.store import Store
from proxprop.runs.threads import wait_politely
from proxprop.spec.config import AnyConfig, RaceConfig, SweepConfig
from proxprop.spec.controls import Control, Report
from proxprop.spec.events import Artifact, Ended, Event, Notice, Point, Started
from proxprop.spec.racing import place_of
from proxprop.spec.sweeping import MapPayload

_REFRESH = 0.1  # seconds between updates of the display

# One press of Ctrl-C may arrive twice: timeout(1) signals the process and then its whole group.
_SAME_PRESS = 0.5  # seconds

Steer = Callable[[Event, Mailbox], None]


def begin(
    store: Store,
    config: AnyConfig | None,
    name: str,
    resume: str | None,
    begin_again: bool = False,
) -> str:
    """Add a run that this process carries out, or take over an ended one; return its id.

    An ended run goes on by `config` where there is one, see `steering.extended`.

    Raises:
        RunError: If the run to resume cannot go on.
    """
    if resume is None:
        assert config is not None
        check_fits(config)
        return store.create_run(config, name, process=Process.current())
    requeue(store, resume, Process.current(), config, begin_again)
    return resume


def follow(
    store: Store,
    run_id: str,
    quiet: bool = False,
    steer: Steer | None = None,
    title: str = "",
) -> tuple[Ended, bool]:
    """Carry out a run to its end; return how it ended and whether Ctrl-C stopped it.

    Args:
        store: The run store.
        run_id: A run that this process has begun.
        quiet: Whether to show nothing on the way.
        steer: Called with every event and the run's mailbox, where it may leave commands.
        title: What it is called on the way; its id stands beside it.
    """
    with Following(store, Console(stderr=True, quiet=quiet)) as following:
        ended = following.follow(run_id, steer, title)
    return ended, following.stopped


class Following:
    """The runs that this process carries out: their lines in the terminal, and what Ctrl-C means.

    Stops them cleanly at Ctrl-C, at once at the second; treats a closed terminal as an
    interruption.

    Args:
        store: The run store.
        console: Where to draw.
        whole: What they are parts of; None where there is one alone.

    Attributes:
        stopped: Whether Ctrl-C was pressed.
    """

    def __init__(self, store: Store, console: Console, whole: Everything | None = None) -> None:
        self.stopped = False
        self._store = store
        self._console = console
        self._whole = whole
        self._pressed = 0.0
        self._interruption = ""
        self._mailboxes: dict[str, Mailbox] = {}
        self._lines = bars(console)
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Following:
        handlers: dict[int, Any] = {signal.SIGINT: self._stop, signal.SIGTERM: self._interrupt}
        if hasattr(signal, "SIGHUP"):
            handlers[signal.SIGHUP] = self._interrupt
        self._before = {n: signal.signal(n, handler) for n, handler in handlers.items()}
        self._lines.start()
        if self._whole is not None:
            self._whole.show(self._lines)
        return self

    def __exit__(self, *exception: object) -> None:
        self._lines.stop()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def ending(self) -> bool:
        """Whether no more runs shall begin."""
        return self.stopped or bool(self._interruption)

    @contextmanager
    def line(self, title: str) -> Iterator[Report]:
        """Show a line for something that is no run; yields what reports how far it is."""
        line = self._lines.add_task(title, total=None, numbers="")

        def report(message: str, fraction: float | None) -> None:
            total = None if fraction is None else 1.0
            self._lines.update(line, description=message, total=total, completed=fraction or 0.0)

        try:
            yield report
        finally:
            self._lines.remove_task(line)

    def follow(
        self,
        run_id: str,
        steer: Steer | None = None,
        title: str = "",
        portion: Portion | None = None,
    ) -> Ended:
        """Carry out a run to its end; several threads may do so at once.

        Args:
            run_id: A run that this process has begun.
            steer: Called with every event and the run's mailbox, where it may leave commands.
            title: What it is called on the way; its id stands beside it.
            portion: Its part of the whole.
        """
        wait_politely(os.environ)
        store = self._store
        mailbox = self._mailboxes[run_id] = Mailbox(store, run_id)
        config = store.run(run_id).config
        title = f"{title} ({run_id})" if title else f"run {run_id}"
        shown = Display(self._lines, config, title, portion)
        if self._interruption:
            mailbox.interrupt(self._interruption)
        elif self.stopped:
            mailbox.put(Control("stop"))

        def watch(event: Event) -> None:
            shown.take(event)
            if steer is not None:
                steer(event, mailbox)

        try:
            return execute(store, run_id, mailbox, chosen_loops(), watch)
        except KeyboardInterrupt:
            return self.leave(run_id)
        finally:
            del self._mailboxes[run_id]
            if portion is not None:
                shown.close()

    def leave(self, run_id: str) -> Ended:
        """Write down that a run was left as it was."""
        message = "Ended at once by a second Ctrl-C. Resume continues from the checkpoint."
        self._store.end(run_id, "interrupted", message)
        run = self._store.run(run_id)
        return Ended("interrupted", run.step, run.epoch, run.seconds, message)

    def leave_all(self) -> None:
        """Write down that all runs of other threads were left as they were."""
        for run_id in [*self._mailboxes]:
            self.leave(run_id)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.stopped and now - self._pressed < _SAME_PRESS:
            return
        if self.stopped:
            raise KeyboardInterrupt
        self.stopped, self._pressed = True, now
        self._console.print("Stopping after this step; press Ctrl-C again to end at once.")
        for mailbox in [*self._mailboxes.values()]:
            mailbox.put(Control("stop"))

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        self._interruption = f"Told to end ({name}). Resume continues from the checkpoint."
        for mailbox in [*self._mailboxes.values()]:
            mailbox.interrupt(self._interruption)


def bars(console: Console) -> Progress:
    """Return what draws a line of progress for each run."""
    return Progress(
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[numbers]}", markup=False),
        _Remaining(),
        console=console,
    )


class Display:
    """A run's progress and latest numbers in one line.

    Args:
        lines: Where to draw.
        config: What is carried out; its kind decides which numbers are shown.
        title: Shown all along, so that the run can be found again.
        portion: Its part of a whole; None where it is alone.
    """

    def __init__(
        self, lines: Progress, config: AnyConfig, title: str, portion: Portion | None = None
    ) -> None:
        self._lines = lines
        self._portion = portion
        self._budget = Budget(config)
        self._config = config
        # The latest of each: (table, member) → point, and the map of a sweep.
        self._points: dict[tuple[str, int], Point] = {}
        self._map: MapPayload | None = None
        self._drawn = 0.0
        self._run = lines.add_task(title, total=1.0, numbers="loading …")

    def close(self) -> None:
        """Take the run's line away."""
        self._lines.remove_task(self._run)

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
            self._lines.console.print(notice.text, style=style, markup=False)
        else:
            self._lines.update(self._run, numbers=f"{notice.text} {notice.progress:.0%}")

    def _draw(self) -> None:
        done = self._budget.fraction()
        self._lines.update(self._run, completed=done, numbers=self._numbers())
        if self._portion is not None:
            self._portion.reach(done or 0.0)

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
    """Several runs, after or beside one another: how much is done, how long the rest will take.

    Args:
        seconds: Estimated for each run, in order.
    """

    def __init__(self, seconds: Sequence[float]) -> None:
        self._seconds = seconds
        self._done: dict[int, float] = {}  # run → seconds of its estimate
        self._skipped = 0.0
        self._began: float | None = None
        self._draw: Callable[[], None] = lambda: None

    def show(self, lines: Progress) -> None:
        """Draw a line, and again whenever a run has come further."""
        line = lines.add_task("everything", total=1.0, numbers=self.message, own=True)
        self._draw = lambda: lines.update(line, completed=self.fraction, numbers=self.message)

    def begin(self, number: int, fraction: float, share: float = 1.0) -> Portion:
        """Go on to a run.

        Args:
            number: Which, from 0.
            fraction: What of its config's budget is spent already.
            share: What of it is asked for.
        """
        portion = Portion(self, number, share)
        portion.reach(fraction)
        self._skipped += self._done[number]
        self._began = self._began or time.monotonic()
        return portion

    def reach(self, number: int, fraction: float) -> None:
        """Note what of a run is done."""
        self._done[number] = min(1.0, fraction) * self._seconds[number]
        self._draw()

    @property
    def fraction(self) -> float:
        """What is done of all."""
        return sum([*self._done.values()]) / sum(self._seconds)

    @property
    def message(self) -> str:
        """How many have begun and how long all the rest takes, at the pace so far."""
        total = sum(self._seconds)
        done = self.fraction * total
        here = done - self._skipped
        elapsed = time.monotonic() - (self._began or time.monotonic())
        # Until there is a pace, the estimates are all there is.
        pace = elapsed / here if here > 0.02 * total else 1.0
        left = duration((total - done) * pace)
        return f"{len(self._done)} of {len(self._seconds)}, {left} left"


@dataclass(frozen=True)
class Portion:
    """A run as a part of several.

    Attributes:
        whole: All of them.
        number: Which it is.
        share: What of its config's budget is asked for.
    """

    whole: Everything
    number: int
    share: float

    def reach(self, fraction: float) -> None:
        """Note what of its config's budget is spent."""
        self.whole.reach(self.number, fraction / self.share)
