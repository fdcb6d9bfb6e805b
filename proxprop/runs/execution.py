"""Carrying out one run in this process: loop → recorder and checkpoints, mailbox → loop."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from proxprop import paths
from proxprop.data.errors import DataError
from proxprop.runs.checkpoints import Checkpoints
from proxprop.runs.errors import StoreError
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.progress import Progress
from proxprop.runs.record import Run
from proxprop.runs.recorder import Recorder, default_patience
from proxprop.runs.saver import Saver
from proxprop.runs.store import Store
from proxprop.spec.config import ConfigError
from proxprop.spec.controls import Loop
from proxprop.spec.events import WHOLE, Ended, Event, Notice, Snapshot


def execute(
    store: Store,
    run_id: str,
    mailbox: Mailbox,
    loops: Callable[[], Mapping[str, Loop]],
    watch: Callable[[Event], None] | None = None,
    patience: float | None = None,
) -> Ended:
    """Carry out a run that this process has claimed, to its end, and write down how it ended.

    Args:
        store: Where everything is recorded.
        run_id: The run; goes on from its last checkpoint if it is marked so.
        mailbox: Its commands.
        loops: Returns the loop of every kind of config; may take its time to load them.
        watch: Called with every event, for a progress bar.
        patience: Seconds that a full disk or a locked store may last; default 15, or
            `PROXPROP_PATIENCE`.

    Returns:
        How it ended. Failures of any kind are outcomes here, not exceptions.

    Raises:
        StoreError: If the end itself cannot be written down.
    """
    run = store.run(run_id)
    try:
        progress = Progress(run.config)
    except ConfigError as error:  # written by another version
        store.end(run_id, "failed", str(error))
        return Ended("failed", run.step, run.epoch, run.seconds, str(error))
    patience = default_patience() if patience is None else patience
    recorder = Recorder(store, run_id, progress, patience)
    with recorder, mailbox:
        try:
            ended = _follow(store, run, recorder, mailbox, loops, watch or _nobody)
        except Exception as error:
            ended = _failed(store, run_id, error)
    if mailbox.interruption and ended.outcome == "stopped":
        ended = replace(ended, outcome="interrupted", words=mailbox.interruption)
    _finish(store, run_id, recorder, ended, patience)
    return ended


def _follow(
    store: Store,
    run: Run,
    recorder: Recorder,
    mailbox: Mailbox,
    loops: Callable[[], Mapping[str, Loop]],
    watch: Callable[[Event], None],
) -> Ended:
    def report(message: str, fraction: float | None) -> None:
        notice = Notice("info", message, fraction)
        recorder.put(notice)
        watch(notice)

    checkpoints = Checkpoints(store, run.id)
    snapshot = _rewind(store, run, checkpoints, recorder) if run.resume else None
    loop = loops().get(run.kind)
    if loop is None:
        raise NotImplementedError(
            f"This version of proxprop cannot carry out a {run.kind!r}; upgrade it."
        )
    events = loop(run.config, mailbox, snapshot=snapshot, progress=report)
    ends: list[Ended] = []
    with Saver(checkpoints, recorder) as saver:
        for event in events:
            if isinstance(event, Snapshot):
                saver.put(event)
            elif isinstance(event, Ended):
                ends.append(event)
                if run.kind == "race" and event.member != WHOLE:
                    recorder.put(event)  # who drops out is known at once, the others go on
            else:
                recorder.put(event)
            watch(event)
            recorder.check()
    for end in ends:
        if len(ends) > 1 and end.member != WHOLE and run.kind != "race":
            recorder.put(end)
    return _joint(ends)


def _rewind(
    store: Store, run: Run, checkpoints: Checkpoints, recorder: Recorder
) -> Snapshot | None:
    snapshot, passed_over = checkpoints.latest()
    for words in passed_over:
        recorder.put(Notice("warning", f"{words} An earlier checkpoint is used."))
    if snapshot is None:
        store.truncate_after(run.id, -1)
        if run.step > 0:
            recorder.put(Notice("warning", "There was no checkpoint: the run began again."))
        return None
    members = {int(k): v for k, v in snapshot.extra.get("member_steps", {}).items()}
    store.truncate_after(run.id, snapshot.step, members)
    return snapshot


def _joint(ends: list[Ended]) -> Ended:
    """Return the end that speaks for the whole run."""
    if not ends:
        return Ended("failed", 0, 0.0, 0.0, "The loop stopped without saying how it ended.")
    if len(ends) == 1 or ends[-1].member == WHOLE:
        return ends[-1]
    counts = Counter(end.outcome for end in ends)
    cut_short = [end for end in ends if end.outcome in ("stopped", "interrupted", "failed")]
    words = ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) + "."
    outcome = cut_short[0].outcome if cut_short else "finished"
    return replace(ends[-1], outcome=outcome, words=words, summary={}, member=WHOLE)


def _failed(store: Store, run_id: str, error: Exception) -> Ended:
    step = 0
    with contextlib.suppress(StoreError):
        step = store.run(run_id).step
    if isinstance(error, (DataError, ConfigError, StoreError, NotImplementedError)):
        return Ended("failed", step, 0.0, 0.0, str(error))
    path = paths.log(run_id, store.home)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            traceback.print_exception(error, file=file)
    return Ended("failed", step, 0.0, 0.0, f"{_cause(error)} The details are in {path}.")


def _cause(error: Exception) -> str:
    first = (str(error).strip().splitlines() or ["no message"])[0].rstrip(".")
    if type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error):
        return f"Out of memory: {first}. Use a smaller batch or model."
    return f"{type(error).__name__}: {first}."


def _finish(store: Store, run_id: str, recorder: Recorder, ended: Ended, patience: float) -> None:
    """Write down what is left and the end, trying for as long as a store may be in trouble."""
    deadline = time.monotonic() + patience
    while True:
        try:
            recorder.flush()
            store.end(run_id, ended.outcome, ended.words, ended.summary, ended.member)
        except StoreError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _nobody(event: Event) -> None:
    """Watch nothing."""
