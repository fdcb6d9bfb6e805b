"""What the store hands out, as frozen values: runs, blocks of points, events, artifacts."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from proxprop.runs.process import Process
from proxprop.spec.config import AnyConfig, ConfigError, Problem, load_known
from proxprop.spec.events import Ended, Mark, Notice, Outcome, Started

Status = Literal["queued", "starting", "running", "paused", "ended"]
LIVE: tuple[Status, ...] = ("starting", "running", "paused")  # a process is supposed to run it
RecordedEvent = Started | Mark | Notice | Ended
RECORDED = (Started, Mark, Notice, Ended)

AXES = ("step", "epoch", "seconds")  # the first columns of every table of points
_DTYPE = np.dtype("<f8")
_EVENTS: dict[str, TypeAdapter[Any]] = {
    kind.__name__.lower(): TypeAdapter(kind) for kind in RECORDED
}

# A live process writes its heartbeat twice a second; this many seconds of silence are worth a word.
STALE = 2.5
# One that starts may have torch to load before it can write any.
STALE_STARTING = 60.0

GONE = "The process that ran it is gone: it was killed, or the machine stopped."

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
        begin_again: Whether it may begin again where no checkpoint can be read.
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
    begin_again: bool
    started: float | None
    ended: float | None
    deleted: float | None
    pid: int | None
    process: str | None
    heartbeat: float | None

    @property
    def config(self) -> AnyConfig:
        """Its config; of a run of another version what is known here, see `foreign`.

        Raises:
            ConfigError: If nothing of it can be read.
        """
        config, unknown = self._known
        if config is None:
            raise ConfigError(list(unknown))
        return config

    @property
    def foreign(self) -> str:
        """What of its config this version does not know, in words; such a run is only read."""
        unknown = self._known[1]
        if not unknown:
            return ""
        fields = "; ".join(map(str, unknown))
        return f"Run {self.id} is of another version and can only be read. Not known here: {fields}"

    @cached_property
    def _known(self) -> tuple[AnyConfig | None, tuple[Problem, ...]]:
        try:
            return load_known(json.loads(self.config_json))
        except ValueError as error:  # a row that was damaged
            return None, (Problem("", f"its settings cannot be read: {error}"),)

    @property
    def live(self) -> bool:
        """Whether a process is supposed to be running it."""
        return self.status in LIVE

    @property
    def resumable(self) -> bool:
        """Whether it ended before its budget was spent, so that it may go on."""
        return self.status == "ended" and self.outcome in RESUMABLE and not self.foreign

    @property
    def extendable(self) -> bool:
        """Whether a larger budget continues it."""
        continued = self.outcome in ("finished", "stopped", "interrupted")
        if self.kind != "run" or not continued or self.foreign:
            return False
        return not self.config.budget.endless

    @property
    def stale(self) -> bool:
        """Whether it is live but has shown no sign of life for a while, or its process is gone."""
        if not self.live or self.pid is None or self.heartbeat is None:
            return False
        patience = STALE_STARTING if self.status == "starting" else STALE
        return time.time() - self.heartbeat > patience or not self.alive

    @property
    def alive(self) -> bool:
        """Whether it is live and its process really exists."""
        if not self.live or self.pid is None:
            return False
        return Process(self.pid, self.process or "").alive(self.heartbeat)

    @property
    def as_it_stands(self) -> Run:
        """The run; as interrupted where nobody was left to write that its process died."""
        if not self.live or self.alive:
            return self
        return dataclasses.replace(self, status="ended", outcome="interrupted", words=GONE)

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
    resume = values["resume"]
    del values["binned"], values["counted"]
    values.update(
        config_json=values.pop("config"),
        started_info=_read("started", started_info) if started_info else None,
        summary=_plain(values["summary"], {}),
        tags=tuple(_plain(values["tags"], [])),
        resume=bool(resume),
        begin_again=resume == 2,
    )
    return Run(**values)


def _plain(text: str, otherwise: Any) -> Any:
    """Return JSON as data; what stands for it where the row was damaged."""
    try:
        value = json.loads(text)
    except ValueError:
        return otherwise
    return value if isinstance(value, type(otherwise)) else otherwise


def event_of(row: sqlite3.Row) -> EventRow:
    """Return the event that a row of `events` describes."""
    event = _read(row["kind"], row["payload"])
    if event is None:
        text = f"What was recorded here ({row['kind']!r}) is of another version and not shown."
        event = Notice("warning", text, member=row["member"])
    return EventRow(row["seq"], row["run_id"], row["time"], event)


def _read(kind: str, payload: str) -> Any:
    """Return a recorded event, or None if another version wrote it."""
    with suppress(KeyError, ValidationError):
        return _EVENTS[kind].validate_json(payload)
    return None


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
