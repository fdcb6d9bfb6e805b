"""What the store hands out, as frozen values: runs, blocks of points, events, artifacts."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from proxprop.runs.process import Process
from proxprop.spec.config import AnyConfig, load_config
from proxprop.spec.events import Ended, Mark, Notice, Outcome, Started

Status = Literal["queued", "starting", "running", "paused", "ended"]
RecordedEvent = Started | Mark | Notice | Ended
RECORDED = (Started, Mark, Notice, Ended)

AXES = ("step", "epoch", "seconds")  # the first columns of every table of points
_DTYPE = np.dtype("<f8")
_EVENTS: dict[str, TypeAdapter[Any]] = {
    kind.__name__.lower(): TypeAdapter(kind) for kind in RECORDED
}

# A live process writes its heartbeat twice a second; this many seconds of silence are worth a word.
STALE = 2.5

# Outcomes after which a run may go on. One that diverged goes on from its last checkpoint, which is
# of before: there its settings can be changed.
RESUMABLE: tuple[Outcome, ...] = ("interrupted", "stopped", "failed", "diverged")


@dataclass(frozen=True)
class Run:
    """One run, race or sweep as it stood when it was read.

    Attributes:
        id: Short, URL-safe, random.
        kind: "run", "race" or "sweep".
        name: What a person called it; may be empty.
        config_json: Its config as text; see `config`.
        digest: Short hash of everything that determines the numbers.
        status: "queued", "starting", "running", "paused" or "ended".
        outcome: How it ended; None before.
        words: Outcome or latest notice, in words.
        revision: Grows when a resume cuts points away.
        step: Optimizer steps done.
        epoch: The same in epochs.
        seconds: Training seconds.
        progress: Fraction of the budget; None where unknown.
        started_info: What the loop said when it was ready.
        summary: Final and best values by column name.
        owner: Cookie of the browser that started it.
        tags: Labels a person gave it.
        notes: What a person wrote about it.
        created: Unix seconds.
        queued: When it last joined the queue.
        resume: Whether it goes on from its last checkpoint when started.
        started: When its first process began.
        ended: When it ended.
        deleted: When it was put in the bin.
        pid: Process that runs (or ran) it.
        process: Host and start time of that process.
        heartbeat: When that process was last heard of.
    """

    id: str
    kind: str
    name: str
    config_json: str
    digest: str
    status: Status
    outcome: Outcome | None
    words: str
    revision: int
    step: int
    epoch: float
    seconds: float
    progress: float | None
    started_info: Started | None
    summary: dict[str, float]
    owner: str
    tags: tuple[str, ...]
    notes: str
    created: float
    queued: float | None
    resume: bool
    started: float | None
    ended: float | None
    deleted: float | None
    pid: int | None
    process: str | None
    heartbeat: float | None

    @cached_property
    def config(self) -> AnyConfig:
        """Its config, parsed.

        Raises:
            ConfigError: If it was written by a version whose fields this one does not know.
        """
        return load_config(json.loads(self.config_json))

    @property
    def live(self) -> bool:
        """Whether a process is supposed to be running it."""
        return self.status in ("starting", "running", "paused")

    @property
    def resumable(self) -> bool:
        """Whether it ended before its budget was spent, so that it may go on."""
        return self.status == "ended" and self.outcome in RESUMABLE

    @property
    def stale(self) -> bool:
        """Whether it is live but has shown no sign of life for a while, or its process is gone."""
        if not self.live or self.pid is None or self.heartbeat is None:
            return False
        return time.time() - self.heartbeat > STALE or not self.alive

    @property
    def alive(self) -> bool:
        """Whether it is live and its process really exists."""
        if not self.live or self.pid is None:
            return False
        return Process(self.pid, self.process or "").alive(self.heartbeat)

    @property
    def eta(self) -> float | None:
        """Training seconds left, from the pace so far; None where unknown."""
        if self.status == "ended" or not self.progress:
            return None
        return self.seconds * (1 - self.progress) / self.progress


@dataclass(frozen=True)
class Chunk:
    """Some consecutive points of one table of one run.

    Attributes:
        seq: Grows over the whole store; ask for what comes after it.
        run_id: The run.
        member: Contender or cell; 0 for a single run.
        table: "steps", "evaluations", "layers" or "settings".
        columns: Name → values, in order; begins with step, epoch, seconds.
    """

    seq: int
    run_id: str
    member: int
    table: str
    columns: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.columns["step"])


@dataclass(frozen=True)
class EventRow:
    """One recorded event.

    Attributes:
        seq: Grows over the whole store; ask for what comes after it.
        run_id: The run.
        time: Unix seconds when it was recorded.
        event: The event itself.
    """

    seq: int
    run_id: str
    time: float
    event: RecordedEvent


@dataclass(frozen=True)
class ArtifactRow:
    """The latest artifact of one name.

    Attributes:
        run_id: The run.
        member: Contender; 0 for a single run.
        name: Which artifact.
        step: Step it shows.
        version: Grows with every replacement.
        payload: Plain data.
    """

    run_id: str
    member: int
    name: str
    step: int
    version: int
    payload: dict[str, Any]


@dataclass(frozen=True)
class CheckpointRow:
    """One checkpoint file: the step it holds, its path under the data directory, its time."""

    run_id: str
    step: int
    path: str
    created: float


def run_of(row: sqlite3.Row) -> Run:
    """Return the run that a row of `runs` describes."""
    values = dict(row)
    started_info = values["started_info"]
    values.update(
        config_json=values.pop("config"),
        started_info=_EVENTS["started"].validate_json(started_info) if started_info else None,
        summary=json.loads(values["summary"]),
        tags=tuple(json.loads(values["tags"])),
        resume=bool(values["resume"]),
    )
    return Run(**values)


def event_of(row: sqlite3.Row) -> EventRow:
    """Return the event that a row of `events` describes."""
    event = _EVENTS[row["kind"]].validate_json(row["payload"])
    return EventRow(row["seq"], row["run_id"], row["time"], event)


def kind_of(event: RecordedEvent) -> str:
    """Return the name under which the store keeps an event."""
    return type(event).__name__.lower()


def to_json(value: Any) -> str:
    """Return a dataclass or plain data as JSON; NaN and infinity stay (Python reads them back)."""
    plain = dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False)


def pack(rows: Sequence[Sequence[float]]) -> bytes:
    """Return `rows` (each: one value per column) as little-endian float64, column after column."""
    return np.ascontiguousarray(np.asarray(rows, dtype=_DTYPE).T).tobytes()


def unpack(data: bytes, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Return the columns that `pack` wrote, by name."""
    block = np.frombuffer(data, dtype=_DTYPE).reshape(len(names), -1)
    return dict(zip(names, block, strict=True))


def head(data: bytes, names: Sequence[str], last_step: int) -> tuple[bytes, int]:
    """Return `data` cut to its rows up to `last_step`, and how many those are."""
    block = np.frombuffer(data, dtype=_DTYPE).reshape(len(names), -1)
    kept = block[:, block[names.index("step")] <= last_step]
    return np.ascontiguousarray(kept).tobytes(), kept.shape[1]
