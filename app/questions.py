"""Asks a process with torch what the server, which has none, needs to know.

A process starts on first use and answers one question after another; people take turns. Whoever
asks what is asked already joins; answers are kept under the data directory. Questions that take
long have a process of their own, so that they hold up no others.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.permits import permit
from proxprop import paths
from proxprop.analysis.questions import Question
from proxprop.runs.errors import RunError
from proxprop.runs.fits import check_fits
from proxprop.runs.threads import child_environment
from proxprop.spec.catalog.data import DATA
from proxprop.spec.controls import Report

SILENCE = 60.0  # seconds without a sign of life; a process at work gives one every second
LOOK = 0.2  # seconds between looks at whether anybody still waits
MOST_EACH = 4  # questions that one person waits for
SMALL = 1e9  # batch × weights of a question that is answered in seconds
KEPT = 400  # files in the cache; the least recently used go first
COMMAND = (sys.executable, "-m", "proxprop.analysis")


class QuestionFailed(RuntimeError):
    """There is no answer; the message says why and what to do."""


@dataclass
class Job:
    """A question that is being answered or waits for its turn.

    Attributes:
        question: What is asked.
        owner: Who asked first.
        waiting: How many wait for it.
        reports: What was done so far, each with the fraction done (None where it is unknown).
        ready: The parts that are written.
        ended: Nothing more is to come.
        cancelled: It ended because nobody waited.
        error: Why there is no answer.
    """

    question: Question
    owner: str = ""
    waiting: int = 0
    reports: list[tuple[str, float | None]] = field(default_factory=list)
    ready: set[str] = field(default_factory=set)
    ended: bool = False
    cancelled: bool = False
    error: str = ""


class Questions:
    """One process with torch for the whole server; questions, and who asks them, take turns.

    An answer may come in parts. A person who turns a knob meanwhile leaves a question behind; it is
    cancelled once another waits for its turn and nobody waits for this one.

    Args:
        command: How to start the process.
        silence: Seconds without a sign of life after which it is given up.
        stays: Whether it waits for the next question once all are answered.
    """

    def __init__(
        self,
        command: tuple[str, ...] | list[str] = COMMAND,
        silence: float = SILENCE,
        stays: bool = True,
    ) -> None:
        self._command = command
        self._silence = silence
        self._stays = stays
        self._changed = threading.Condition()  # guards the jobs and tells of news
        self._jobs: dict[str, Job] = {}  # by digest, as they were asked
        self._turns: Counter[str] = Counter()  # how many jobs of an owner had theirs
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""  # of a message not yet complete

    def known(self, question: Question, part: str) -> dict[str, Any] | None:
        """Return a part of an answer that is kept, or None. Not to be written to."""
        path = answer_path(question, part)
        try:
            written = path.stat().st_mtime_ns
            answer = _read(path, written)
            os.utime(path, ns=(time.time_ns(), written))  # the least recently used go first
        except (OSError, ValueError):
            return None
        return answer

    def answer(
        self, question: Question, part: str, report: Report, owner: str = ""
    ) -> dict[str, Any]:
        """Return a part of the answer to a question, once it is there. Not to be written to.

        Args:
            question: What is asked.
            part: One of the question's parts.
            report: Called with what is done and the fraction done, a few times a second; what it
                raises ends the waiting.
            owner: Who asks.

        Raises:
            QuestionFailed: With the reason for the person who asked.
        """
        while (known := self.known(question, part)) is None:
            job = self._join(question, owner)
            damaged = part in job.ready  # to be computed again, once the job is through
            try:
                self._wait(job, "" if damaged else part, report)
            finally:
                with self._changed:
                    job.waiting -= 1
            if not (damaged or job.cancelled or self.known(question, part)):
                raise QuestionFailed(
                    job.error or "What was computed cannot be read. Is the disk full?"
                )
        return known

    def close(self) -> None:
        """End the process."""
        process, self._process, self._rest = self._process, None, b""
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _join(self, question: Question, owner: str) -> Job:
        with self._changed:
            job = self._jobs.get(question.digest)
            if job is None:
                own = sum(bool(other.waiting) for other in self._of(owner))
                if own >= MOST_EACH:
                    raise QuestionFailed(f"{own} pages of yours wait for an answer; close some.")
                job = self._jobs[question.digest] = Job(question, owner)
                if len(self._jobs) == 1:
                    threading.Thread(target=self._take_turns, daemon=True).start()
                else:
                    job.reports.append(("waiting for another computation", None))
            job.waiting += 1
            return job

    def _wait(self, job: Job, part: str, report: Report) -> None:
        """Report until the part is ready, or the job ended without it."""
        seen, over = 0, False
        while not over:
            with self._changed:
                if len(job.reports) == seen and part not in job.ready and not job.ended:
                    self._changed.wait(LOOK)
                over = part in job.ready or job.ended
                news, seen = job.reports[seen:] or job.reports[-1:], len(job.reports)
            for doing, share in news:
                report(doing, share)

    def _take_turns(self) -> None:
        """Have one question answered after another, until there is none."""
        more = True
        while more:
            with self._changed:
                job = self._next()
            try:
                self._compute(job)
            except QuestionFailed as error:
                job.error = str(error)
            except (OSError, ValueError, KeyError):
                self.close()
                job.error = "The computing process ended. Try again."
            with self._changed:
                del self._jobs[job.question.digest]
                more = bool(self._jobs)
                if not self._of(job.owner):
                    del self._turns[job.owner]
                if not (more or self._stays):
                    self.close()
                job.ended = True
                self._changed.notify_all()

    def _of(self, owner: str) -> list[Job]:
        return [job for job in self._jobs.values() if job.owner == owner]

    def _next(self) -> Job:
        """Return the job whose turn it is: of who had fewest, the one asked first."""
        job = min(self._jobs.values(), key=lambda job: self._turns[job.owner])
        self._turns[job.owner] += 1
        return job

    def _compute(self, job: Job) -> None:
        """Have an answer computed; its parts are in the cache then."""
        if self._is_left(job):
            job.cancelled = True
            return
        question = job.question
        if all(self.known(question, part) for part in question.parts):
            return  # since somebody looked
        process = self._running()
        self._report(job, "starting", None)
        paths_of = {part: str(answer_path(question, part)) for part in question.parts}
        asked = {"question": question.model_dump(mode="json"), "answers": paths_of}
        _send(process, id=question.digest, **asked)
        for message in self._messages(process, job):
            if message["id"] != question.digest:
                continue  # a sign of life that came late
            if "error" in message:
                raise QuestionFailed(message["error"])
            if "doing" in message:
                self._report(job, message["doing"], message["progress"])
            elif "ready" in message:
                _forget_old(answer_path(question, "").parent)
                with self._changed:
                    job.ready.add(message["ready"])
                    self._changed.notify_all()
            else:
                job.cancelled = "cancelled" in message
                break

    def _messages(self, process: subprocess.Popen[bytes], job: Job) -> Iterator[dict[str, Any]]:
        """Yield what the process says of a job, which is cancelled once nobody waits for it."""
        assert process.stdout is not None
        started = heard = time.monotonic()
        cancelled = False
        while True:
            ready, _, _ = select.select([process.stdout], [], [], min(LOOK, self._silence))
            now = time.monotonic()
            if ready:
                data, heard = os.read(process.stdout.fileno(), 65536), now
                if not data:
                    self._give_up("ended unexpectedly, perhaps for lack of memory. Choose")
                *lines, self._rest = (self._rest + data).split(b"\n")
                yield from map(json.loads, lines)
            elif now - heard > self._silence:
                self._give_up(
                    f"gave no sign of life for {self._silence:.0f} s and was ended. Try again; if "
                    "it happens again, choose"
                )
            if now - started > job.question.limit:
                self._give_up(f"took longer than {job.question.limit:.0f} s. Choose")
            if not cancelled and self._is_left(job):
                cancelled = True
                _send(process, cancel=job.question.digest)

    def _give_up(self, problem: str) -> None:
        self.close()
        raise QuestionFailed(f"The computation {problem} a smaller network or batch.")

    def _report(self, job: Job, doing: str, share: float | None) -> None:
        with self._changed:
            if job.reports[-1:] != [(doing, share)]:
                job.reports.append((doing, share))
                self._changed.notify_all()

    def _is_left(self, job: Job) -> bool:
        """Whether nobody waits for a job, but somebody for another."""
        with self._changed:
            return not job.waiting and any(other.waiting for other in self._jobs.values())

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,  # its end tells the process that the server is gone
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=child_environment(),
            )
        return self._process


def answer_path(question: Question, part: str) -> Path:
    """Return the file that keeps a part of an answer."""
    return paths.home() / "cache" / "answers" / f"{question.digest}.{part}.json"


def _send(process: subprocess.Popen[bytes], **message: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message).encode() + b"\n")
    process.stdin.flush()


@lru_cache(maxsize=8)
def _read(path: Path, written: int) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(path.read_text())
    return answer


def _forget_old(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # another server forgets, too
        for path in sorted(folder.glob("*.json"), key=lambda path: path.stat().st_atime_ns)[:-KEPT]:
            path.unlink()


class Lanes:
    """Two processes: one for what is answered soon, one that starts for what takes long."""

    def __init__(self) -> None:
        self._soon, self._long = Questions(), Questions(stays=False)
        self._aside: dict[str, str] = {}  # questions asked aside, by digest: why none is answered

    def answer(
        self, question: Question, part: str, report: Report, owner: str = ""
    ) -> dict[str, Any]:
        """Return a part of the answer to a question, see `Questions.answer`."""
        if (known := self._soon.known(question, part)) is not None:
            return known
        small = _is_small(question)
        try:
            check_fits(question.config)
            if not small:
                permit("ask")
        except RunError as error:
            raise QuestionFailed(str(error)) from error
        lane = self._soon if small else self._long
        return lane.answer(question, part, report, owner)

    def prepare(self, questions: Sequence[Question]) -> None:
        """Have questions answered aside, one after another, before somebody asks them."""

        def answer_all() -> None:
            for question in questions:
                lane = self._soon if _is_small(question) else self._long
                with contextlib.suppress(QuestionFailed, RunError):  # to be said to who asks
                    check_fits(question.config)
                    lane.answer(question, question.parts[-1], lambda doing, share: None)

        if questions:
            threading.Thread(target=answer_all, name="warming", daemon=True).start()

    def glance(self, question: Question, owner: str = "") -> dict[str, Any] | str:
        """Have a question that is answered soon answered aside; the page does not wait.

        Returns:
            Its one part if it is known; else why it will not be, empty while it may still come.
        """
        (part,) = question.parts
        if (known := self._soon.known(question, part)) is not None:
            self._aside.pop(question.digest, None)
            return known
        if question.digest not in self._aside:
            self._aside[question.digest] = ""
            threading.Thread(target=self._ask, args=(question, part, owner), daemon=True).start()
        return self._aside[question.digest]

    def _ask(self, question: Question, part: str, owner: str) -> None:
        try:
            check_fits(question.config)
            self._soon.answer(question, part, lambda doing, share: None, owner)
        except (QuestionFailed, RunError) as error:
            self._aside[question.digest] = str(error)


def _is_small(question: Question) -> bool:
    config, spec = question.config, DATA[question.config.data.name]
    if spec.shape is None:
        return False
    try:
        layers = config.model.layers(spec.shape, len(spec.classes))
    except ValueError:
        return True  # to be refused in words
    return config.batch_size * sum(layer.parameters for layer in layers) <= SMALL


_QUESTIONS = Lanes()


def get_questions() -> Lanes:
    """Return the server's one."""
    return _QUESTIONS
