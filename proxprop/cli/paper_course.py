"""Carrying out the paper's experiments: what is done already is skipped, what was begun goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from proxprop.cli.execution import begin, carry_out
from proxprop.cli.paper_progress import Overall, PaperRaceBar, PaperSweepBar
from proxprop.cli.words import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_STOPPED
from proxprop.data.dataset import load
from proxprop.paper.collect import collect, note, noted_tests
from proxprop.paper.images import Images, check_classes, describe
from proxprop.paper.jobs import Job, Task, find, is_done, make_resumable, standings
from proxprop.paper.limit import EpochLimit
from proxprop.paper.provenance import provenance
from proxprop.paper.recorded import read_result, write_result
from proxprop.paper.result import Data, Provenance, Result
from proxprop.paper.tested import measured_accuracies
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.record import Run
from proxprop.runs.store import Store
from proxprop.spec.config import DataConfig, RaceConfig
from proxprop.spec.events import Event, Point

_EVERY = 10.0  # seconds at least between writes of a part's file while it is under way


class Course:
    """Carries out tasks one after another.

    Args:
        store: The run store.
        images: Which CIFAR-10.
        folder: Where result files go.
        overall: Told how far everything is.
        console: Where to say what happens.
    """

    def __init__(
        self, store: Store, images: Images, folder: Path, overall: Overall, console: Console
    ) -> None:
        self._store = store
        self._images = images
        self._folder = folder
        self._overall = overall
        self._console = console
        self._about: tuple[Provenance, Data] | None = None

    def carry_out(self, tasks: Sequence[Task]) -> int:
        """Carry out `tasks`; return the exit status, 0 where all came to their end."""
        for task in tasks:
            for job in task.jobs:
                status = self._job(task, job)
                self.write(task)
                if status:
                    return status
        return 0

    def write(self, task: Task) -> None:
        """Write the result file of a task as far as it has come."""
        part = task.part
        main = None
        if part.references:
            read = read_result(self._folder / f"{part.experiment}-main-{part.scale}.json")
            main = read if isinstance(read, Result) else None
        result = collect(self._store, part, task.jobs, task.epochs, main)
        if result is not None:
            write_result(result, self._folder)

    def _job(self, task: Task, job: Job) -> int:
        run = find(self._store, job)
        if is_done(self._store, job, run, task.epochs):
            self._overall.skip()
        else:
            status = self._race(task, job, run)
            if status:
                return status
            self._overall.end()
        self._test(job)
        return 0

    def _race(self, task: Task, job: Job, run: Run | None) -> int:
        """Begin or resume a job; return the exit status."""
        store, about = self._store, self._look(job.config.data)
        if run is not None:
            run = make_resumable(store, run)
        before = standings(store, job, run) if run is not None else ()
        run_id = begin(
            store, job.config if run is None else None, job.name, None if run is None else run.id
        )
        note(store, run_id, *about, noted_tests(store, run_id))

        share = task.epochs / task.part.epochs if job.keys else 1.0
        limit = EpochLimit(before, len(job.keys), task.epochs) if share < 1 else None
        already = 0.0 if run is None else run.progress or 0.0
        self._overall.begin(min(1.0, already / share))
        bar: Any = PaperRaceBar if job.keys else PaperSweepBar
        shown = partial(bar, overall=self._overall, title=job.part.place, share=share)
        steer = _Steering(partial(self.write, task), limit)
        ended, pressed = carry_out(store, run_id, quiet=False, shown=shown, steer=steer)
        if pressed:
            return EXIT_STOPPED
        if is_done(store, job, store.run(run_id), task.epochs):
            return 0
        self._console.print(f"{job.name}: {ended.words}", style="red", highlight=False)
        return EXIT_FAILED if ended.outcome == "failed" else EXIT_INTERRUPTED

    def _test(self, job: Job) -> None:
        """Measure the test accuracies of a race stopped before its end, which did not itself."""
        run = find(self._store, job)
        if run is None or run.outcome != "stopped" or not isinstance(job.config, RaceConfig):
            return
        tested = noted_tests(self._store, run.id)
        reached = standings(self._store, job, run)
        known = all(
            member in tested and tested[member][0] == one.epoch
            for member, one in enumerate(reached)
            if one.ended is None or one.ended.outcome != "diverged"
        )
        if not known:
            about = self._look(job.config.data)
            with self._console.status("Measuring test accuracies …"):
                images = load(job.config.data)
                tested = measured_accuracies(self._store, run.id, job.config, images)
            note(self._store, run.id, *about, tested)

    def _look(self, config: DataConfig) -> tuple[Provenance, Data]:
        """Return what results say of machine and images; decodes the images at the first time."""
        if self._about is None:
            columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
            with Progress(*columns, console=self._console, transient=True) as bar:
                line = bar.add_task("Loading CIFAR-10", total=None)

                def tell(words: str, fraction: float | None) -> None:
                    total = None if fraction is None else 1.0
                    bar.update(line, description=words, total=total, completed=fraction or 0.0)

                images = load(config, progress=tell)
            check_classes(images.classes, self._images)
            sizes = (len(images.train), len(images.validation), len(images.test))
            self._about = provenance("auto"), describe(self._images, *sizes)
        return self._about


class _Steering:
    """Writes the result file now and then, and stops a race where only some epochs are asked for.

    Args:
        write: Writes the file.
        limit: Stops the race; None where it runs to its end.
    """

    def __init__(self, write: Callable[[], None], limit: EpochLimit | None) -> None:
        self._write = write
        self._limit = limit
        self._written = time.monotonic()

    def __call__(self, event: Event, mailbox: Mailbox) -> None:
        if self._limit is not None:
            self._limit(event, mailbox)
        evaluated = isinstance(event, Point) and event.table == "evaluations"
        if evaluated and time.monotonic() - self._written > _EVERY:
            self._write()
            self._written = time.monotonic()
