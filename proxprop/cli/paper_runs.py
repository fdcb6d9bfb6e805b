"""Carrying out the paper's experiments: what is done already is skipped, what was begun goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from proxprop.cli.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_STOPPED
from proxprop.cli.following import Everything, begin, follow
from proxprop.paper.collect import collect, note, noted_tests
from proxprop.paper.images import Images
from proxprop.paper.jobs import EpochLimit, Job, Task, advances, find, is_done, make_resumable
from proxprop.paper.measuring import look_at, provenance, test_accuracies
from proxprop.paper.result import Data, Provenance, Result, read_result, write_result
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.record import Run
from proxprop.runs.store import Store
from proxprop.spec.config import DataConfig, RaceConfig
from proxprop.spec.events import Event, Point

_EVERY = 10.0  # seconds at least between writes of a part's file while it is under way


class PaperRuns:
    """Carries out tasks one after another.

    Args:
        store: The run store.
        images: Which CIFAR-10.
        folder: Where result files go.
        tasks: What is to be carried out.
        console: Where to say what happens.
    """

    def __init__(
        self,
        store: Store,
        images: Images,
        folder: Path,
        tasks: Sequence[Task],
        console: Console,
    ) -> None:
        self._store = store
        self._images = images
        self._folder = folder
        self._tasks = tasks
        self._console = console
        self._everything = Everything(
            [job.seconds(task.epochs) for task in tasks for job in task.jobs]
        )
        self._about: tuple[Provenance, Data] | None = None

    def carry_out(self) -> int:
        """Carry out the tasks; return the exit status, 0 where all came to their end."""
        for task in self._tasks:
            for job in task.jobs:
                status = self._job(task, job)
                self._write(task)
                if status:
                    return status
        return 0

    def _write(self, task: Task) -> None:
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
        """Carry out what is left of a job; return the exit status."""
        run = find(self._store, job)
        if is_done(self._store, job, run, task.epochs):
            self._everything.begin(1.0)
        elif status := self._run(task, job, run):
            return status
        self._everything.end()
        self._test(job)
        return 0

    def _run(self, task: Task, job: Job, run: Run | None) -> int:
        """Begin or resume a job; return the exit status."""
        store, about = self._store, self._look(job.config.data)
        if run is not None:
            run = make_resumable(store, run)
        before = advances(store, job, run) if run is not None else ()
        run_id = begin(
            store, job.config if run is None else None, job.name, None if run is None else run.id
        )
        note(store, run_id, *about, noted_tests(store, run_id))

        share = task.epochs / task.part.epochs if job.keys else 1.0
        limit = EpochLimit(before, len(job.keys), task.epochs) if share < 1 else None
        self._everything.begin(0.0 if run is None else run.progress or 0.0, share)
        written = time.monotonic()

        def steer(event: Event, mailbox: Mailbox) -> None:
            nonlocal written
            if limit is not None:
                limit(event, mailbox)
            evaluated = isinstance(event, Point) and event.table == "evaluations"
            if evaluated and time.monotonic() - written > _EVERY:
                self._write(task)
                written = time.monotonic()

        ended, stopped = follow(
            store, run_id, steer=steer, title=job.part.place, whole=self._everything
        )
        if stopped:
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
        known = all(
            member in tested and tested[member][0] == advance.epoch
            for member, advance in enumerate(advances(self._store, job, run))
            if advance.ended is None or advance.ended.outcome != "diverged"
        )
        if not known:
            about = self._look(job.config.data)
            with self._console.status("Measuring test accuracies …"):
                tested = test_accuracies(self._store, run.id, job.config)
            note(self._store, run.id, *about, tested)

    def _look(self, config: DataConfig) -> tuple[Provenance, Data]:
        """Return what results say of machine and images."""
        if self._about is None:
            columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
            with Progress(*columns, console=self._console, transient=True) as bar:
                line = bar.add_task("Loading CIFAR-10", total=None)

                def report(message: str, fraction: float | None) -> None:
                    total = None if fraction is None else 1.0
                    bar.update(line, description=message, total=total, completed=fraction or 0.0)

                self._about = provenance("auto"), look_at(self._images, config, report)
        return self._about
