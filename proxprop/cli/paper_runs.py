"""Carrying out the paper's experiments: what is done already is skipped, what was begun goes on."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from proxprop.cli.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_STOPPED
from proxprop.cli.following import Everything, Following, begin
from proxprop.paper.collect import collect, note, noted_load, noted_tests
from proxprop.paper.images import Images
from proxprop.paper.jobs import EpochLimit, Job, Task, advances, find, is_done, make_resumable
from proxprop.paper.measuring import look_at, test_accuracies
from proxprop.paper.result import Data, Provenance, Result, read_result, write_result
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.record import Run
from proxprop.runs.store import Store
from proxprop.spec.config import DataConfig, RaceConfig
from proxprop.spec.events import Event, Point

_EVERY = 10.0  # seconds at least between writes of a part's file while it is under way

_Numbered = tuple[int, Task, Job]  # with its place among all


class PaperRuns:
    """Carries out tasks, one job after another or several beside one another.

    Args:
        store: The run store.
        images: Which CIFAR-10.
        folder: Where result files go.
        tasks: What is to be carried out.
        console: Where to say what happens.
        measure: Returns what results say of the machine.
        load: Returns how busy the machine that carries them out is; None where it is not known.
        beside: How many jobs go on at once, ≥ 1.
    """

    def __init__(
        self,
        store: Store,
        images: Images,
        folder: Path,
        tasks: Sequence[Task],
        console: Console,
        measure: Callable[[], Provenance],
        load: Callable[[], float | None],
        beside: int = 1,
    ) -> None:
        self._store = store
        self._images = images
        self._folder = folder
        self._tasks = tasks
        self._console = console
        self._measure = measure
        self._load = load
        self._beside = beside
        jobs = [(task, job) for task in tasks for job in task.jobs]
        self._everything = Everything([job.seconds(task.epochs) for task, job in jobs])
        self._jobs: list[_Numbered] = [(number, *pair) for number, pair in enumerate(jobs)]
        self._following = Following(store, console, self._everything)
        self._about: tuple[Provenance, Data] | None = None
        self._looking, self._writing = threading.Lock(), threading.Lock()

    def carry_out(self) -> int:
        """Carry out the tasks; return the exit status, 0 where all came to their end."""
        with self._following:
            if self._beside == 1:
                return self._one_by_one()
            status = self._side_by_side()
        for task in self._tasks:
            self._write(task)  # again: what a file refers to may have been done after it
        return status

    def _one_by_one(self) -> int:
        for numbered in self._jobs:
            status = self._carry_out(*numbered)
            if status:
                return status
        return 0

    def _side_by_side(self) -> int:
        """Carry out jobs in threads, the first ones first, until one of them does not end well.

        Raises:
            Exception: What broke one.
        """
        waiting = iter(self._jobs)
        results: queue.SimpleQueue[int | Exception] = queue.SimpleQueue()

        def work(numbered: _Numbered) -> None:
            try:
                results.put(self._carry_out(*numbered))
            except Exception as error:
                results.put(error)

        under_way, status = 0, 0
        try:
            while True:
                while under_way < self._beside and not status:
                    numbered = next(waiting, None)
                    if numbered is None:
                        break
                    threading.Thread(target=work, args=[numbered], daemon=True).start()
                    under_way += 1
                if not under_way:
                    return status
                result = results.get()
                under_way -= 1
                if isinstance(result, Exception):
                    raise result
                status = status or result
        except KeyboardInterrupt:  # the second Ctrl-C: threads end with this process
            return self._left
        finally:
            self._following.leave_all()

    def _write(self, task: Task) -> None:
        """Write the result file of a task as far as it has come."""
        part = task.part
        main = None
        with self._writing:
            if part.references:
                read = read_result(self._folder / f"{part.experiment}-main-{part.scale}.json")
                main = read if isinstance(read, Result) else None
            result = collect(self._store, part, task.jobs, task.epochs, main)
            if result is not None:
                write_result(result, self._folder)

    @property
    def _left(self) -> int:
        """The exit status where it was told to end."""
        return EXIT_STOPPED if self._following.stopped else EXIT_INTERRUPTED

    def _carry_out(self, number: int, task: Task, job: Job) -> int:
        """Carry out what is left of a job, write its file; return the exit status."""
        if self._following.ending:
            return self._left
        status = self._job(number, task, job)
        self._write(task)
        return status

    def _job(self, number: int, task: Task, job: Job) -> int:
        """Carry out what is left of a job; return the exit status."""
        run = find(self._store, job)
        if is_done(self._store, job, run, task.epochs):
            self._everything.begin(number, 1.0)
        elif status := self._run(number, task, job, run):
            return status
        self._everything.reach(number, 1.0)
        self._test(job)
        return 0

    def _run(self, number: int, task: Task, job: Job, run: Run | None) -> int:
        """Begin or resume a job; return the exit status."""
        store, (made, data) = self._store, self._look(job.config.data)
        if self._following.ending:  # while images were looked at
            return self._left
        if run is not None:
            run = make_resumable(store, run)
        before = advances(store, job, run) if run is not None else ()
        config, resumed = (job.config, None) if run is None else (None, run.id)
        run_id = begin(store, config, job.name, resumed, begin_again=True)
        loads = [*(noted_load(store, run_id) or ())]

        def keep_provenance() -> None:
            made_so = made.model_copy(update={"load": (min(loads), max(loads)) if loads else None})
            note(store, run_id, made_so, data, noted_tests(store, run_id))

        keep_provenance()

        share = task.epochs / task.part.epochs if job.keys else 1.0
        limit = EpochLimit(before, len(job.keys), task.epochs) if share < 1 else None
        spent = 0.0 if run is None else run.progress or 0.0
        portion = self._everything.begin(number, spent, share)
        written = time.monotonic()

        def steer(event: Event, mailbox: Mailbox) -> None:
            nonlocal written
            if limit is not None:
                limit(event, mailbox)
            evaluated = isinstance(event, Point) and event.table == "evaluations"
            if evaluated and (load := self._load()) is not None:
                loads.append(round(load, 1))
            if evaluated and time.monotonic() - written > _EVERY:
                self._write(task)
                written = time.monotonic()

        ended = self._following.follow(run_id, steer, job.part.place, portion)
        keep_provenance()
        if self._following.stopped:
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
            made, data = self._look(job.config.data)
            with self._following.line("Measuring test accuracies"):
                tested = test_accuracies(self._store, run.id, job.config)
            made = made.model_copy(update={"load": noted_load(self._store, run.id)})
            note(self._store, run.id, made, data, tested)

    def _look(self, config: DataConfig) -> tuple[Provenance, Data]:
        """Return what results say of machine and images."""
        with self._looking:
            if self._about is None:
                with self._following.line("Loading CIFAR-10") as report:
                    self._about = self._measure(), look_at(self._images, config, report)
            return self._about
