"""Carrying out one run in this process: loop → recorder and checkpoints, mailbox → loop."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace

from proxprop import paths
from proxprop.data.errors import DataError
from proxprop.runs.checkpoints import Checkpoints, Saver
from proxprop.runs.errors import RunError, StoreError
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.progress import Progress
from proxprop.runs.record import Run
from proxprop.runs.recorder import Recorder
from proxprop.runs.store import Store
from proxprop.runs.trackers import Logging
from proxprop.spec.config import ConfigError, RunConfig
from proxprop.spec.controls import Loop
from proxprop.spec.events import WHOLE, Ended, Event, Notice, Rewound, Snapshot

_NO_STEP = 2**62  # beyond every step: members that are not named keep all they have


def execute(
    store: Store,
    run_id: str,
    mailbox: Mailbox,
    loops: Callable[[], Mapping[str, Loop]],
    watch: Callable[[Event], None] | None = None,
) -> Ended:
    """Carry out a run that this process has claimed, to its end, and write down how it ended.

    Args:
        store: Where everything is recorded.
        run_id: The run; goes on from its last checkpoint if it is marked so.
        mailbox: Its commands.
        loops: Returns the loop of every kind of config; may take its time to load them.
        watch: Called with every event, for a progress bar.

    Returns:
        How it ended. Failures of any kind are outcomes here, not exceptions.

    Raises:
        StoreError: If the end itself cannot be written down.
    """
    run = store.run(run_id)
    if run.foreign:
        store.end(run_id, "failed", run.foreign)
        return Ended("failed", run.step, run.epoch, run.seconds, run.foreign)
    endless = run.config.budget.endless
    recorder = Recorder(store, run_id, Progress(run.config), endless=endless)
    with recorder, mailbox:
        try:
            ended = _follow(store, run, recorder, mailbox, loops, watch or (lambda event: None))
        except Exception as error:
            ended = _failed(store, run_id, error)
    if mailbox.interruption and ended.outcome == "stopped":
        ended = replace(ended, outcome="interrupted", words=mailbox.interruption)
    _finish(store, run_id, recorder, ended)
    return ended


def _follow(
    store: Store,
    run: Run,
    recorder: Recorder,
    mailbox: Mailbox,
    loops: Callable[[], Mapping[str, Loop]],
    watch: Callable[[Event], None],
) -> Ended:
    def report(notice: Notice) -> None:
        recorder.put(notice)
        watch(notice)

    logging = Logging(run, store.home, report)
    config = run.config
    along = config.checkpoint.along if isinstance(config, RunConfig) else 0
    checkpoints = Checkpoints(store, run.id, along)
    snapshot = _rewind(store, run, checkpoints, recorder) if run.resume else None
    loop = loops().get(run.kind)
    if loop is None:
        raise NotImplementedError(
            f"This version of proxprop cannot carry out a {run.kind!r}; upgrade it."
        )

    def progress(message: str, fraction: float | None) -> None:
        report(Notice("info", message, fraction))

    events = loop(run.config, mailbox, snapshot=snapshot, progress=progress)
    alone = run.config.members == 1
    ended = Ended("failed", 0, 0.0, 0.0, "The loop stopped without saying how it ended.")
    with logging, Saver(checkpoints, recorder, report) as saver:
        for event in events:
            if isinstance(event, Snapshot):
                saver.put(event)
            elif isinstance(event, Rewound):
                recorder.flush()
                store.truncate_after(run.id, _NO_STEP, event.steps)
            elif isinstance(event, Ended) and (event.member == WHOLE or alone):
                ended = event
            else:
                recorder.put(event)
            logging.take(event)
            watch(event)
            recorder.check()
    if saver.failure and ended.outcome in ("finished", "stopped"):
        # What a person would go on from, or take away, is not there.
        words = f"{ended.words} Its last state and weights are lost. {saver.failure}"
        ended = replace(ended, outcome="failed", words=words)
    return ended


def _rewind(
    store: Store, run: Run, checkpoints: Checkpoints, recorder: Recorder
) -> Snapshot | None:
    """Return the snapshot a run goes on from, cut to it; None where it begins again."""
    snapshot, passed_over = checkpoints.latest()
    if snapshot is None and run.step > 0 and not run.begin_again:
        raise RunError(
            f"{' '.join(passed_over)} No saved state is left: this run can only begin again, and "
            f"the {run.step} steps it recorded, kept so far, are thrown away then. To do so: "
            f"proxprop runs resume {run.id} --begin-again"
        )
    checkpoints.forget_weights()
    if snapshot is None:
        store.truncate_after(run.id, -1)
        if run.step > 0:
            reasons = "".join(f"{reason} " for reason in passed_over)
            recorder.put(Notice("warning", f"{reasons}No saved state was left: begun again."))
        return None
    for reason in passed_over:
        recorder.put(Notice("warning", f"{reason} An earlier checkpoint is used."))
    members = {int(k): v for k, v in snapshot.extra.get("member_steps", {}).items()}
    store.truncate_after(run.id, snapshot.step, members)
    return snapshot


def _failed(store: Store, run_id: str, error: Exception) -> Ended:
    step = 0
    with contextlib.suppress(StoreError):
        step = store.run(run_id).step
    if isinstance(error, (DataError, ConfigError, RunError, StoreError, NotImplementedError)):
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


def _finish(store: Store, run_id: str, recorder: Recorder, ended: Ended) -> None:
    """Write down what is left and the end, trying for as long as a store may be in trouble."""
    deadline = recorder.trouble_since + recorder.give_up_after
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
