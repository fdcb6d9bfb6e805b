"""What the server knows of one run while someone watches it, and what a viewer lacks of it."""

from __future__ import annotations

import re
import time
import zlib
from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from app.live.series import Delta, Floats, Table
from app.live.wire import run_json
from proxprop.spec.events import Ended, Mark
from proxprop.spec.plain import strict_json

if TYPE_CHECKING:
    from proxprop.runs.record import Chunk, EventRow, Run

HEAD = (
    *("revision", "status", "outcome", "words", "stale"),
    *("step", "epoch", "seconds", "progress"),
)
SPELLED = re.compile(r"([0-9]{1,15})\.([0-9]{1,18})\.([0-9a-f]{1,8})\.([0-9a-f]{1,8})")
PACE_WINDOW = 10.0  # seconds over which the pace is measured for the time left


@dataclass(frozen=True)
class Token:
    """What a viewer has of one run, as it travels in event ids.

    Attributes:
        revision: Revision of the run that the rest refers to.
        seq: Last chunk whose points it has.
        head: Checksum of status and clocks.
        rest: Checksum of marks and artifact versions.
    """

    revision: int
    seq: int
    head: str
    rest: str

    def __str__(self) -> str:
        return f"{self.revision}.{self.seq}.{self.head}.{self.rest}"

    @classmethod
    def parse(cls, text: str) -> Token | None:
        """Return the token that `text` spells; None (the viewer has nothing) if it spells none."""
        parts = SPELLED.fullmatch(text)
        return None if parts is None else cls(int(parts[1]), int(parts[2]), parts[3], parts[4])


class Snapshot:
    """A run's downsampled series, marks and standing; fed by the tailer, read by viewers."""

    def __init__(self, revision: int = 0) -> None:
        self.revision = revision
        self.seq = 0
        self.event_seq = 0
        self.head: dict[str, Any] = {}
        self.marks: list[dict[str, Any]] = []
        self.artifacts: dict[str, int] = {}
        self.place = ""  # where its parts are under way, in words
        self._tables: dict[tuple[int, str], Table] = {}
        # How many rows a table had after which chunk.
        self._history: dict[tuple[int, str], list[tuple[int, int]]] = {}
        self._pace: deque[tuple[float, float]] = deque()

    def add_chunks(self, chunks: list[Chunk]) -> None:
        """Take new points, oldest first."""
        grouped: dict[tuple[int, str], list[Chunk]] = {}
        for chunk in chunks:
            grouped.setdefault((chunk.member, chunk.table), []).append(chunk)
            self.seq = chunk.seq
        for key, group in grouped.items():
            table = self._tables.setdefault(key, Table(()))
            history = self._history.setdefault(key, [])
            rows = table.rows
            for chunk in group:
                rows += len(chunk)
                history.append((chunk.seq, rows))
            # A long run is thousands of chunks: joined, they are downsampled at once.
            for _, alike in groupby(group, key=lambda chunk: tuple(chunk.columns)):
                table.append(_joined(list(alike)))

    def add_events(self, rows: list[EventRow]) -> None:
        """Take new events; marks are kept, and a divergence that ends a run becomes one."""
        for row in rows:
            self.event_seq = row.seq
            if isinstance(row.event, Mark):
                self._mark(row.event, row.event.kind, row.event.label)
            elif isinstance(row.event, Ended) and row.event.outcome == "diverged":
                self._mark(row.event, "diverged", row.event.words)

    def set_run(self, run: Run) -> None:
        """Take the run's row as it stands now."""
        eta = None if run.stale else self._eta(run)
        place = self.place if run.live else ""
        self.head = {**{name: getattr(run, name) for name in HEAD}, "eta": eta, "place": place}

    def token(self) -> Token:
        """Return what a viewer has who is up to date."""
        rest = [self.marks, self.artifacts]
        return Token(self.revision, self.seq, _checksum(self.head), _checksum(rest))

    def past(self, known: Token | None) -> Token | None:
        """Return what a viewer has in the fewest words: viewers who lack the same are told alike.

        Args:
            known: What the viewer says it has; None, too, where that cannot be so.
        """
        if known is None or known.revision != self.revision or known.seq > self.seq:
            return None
        now = self.token()
        head = known.head if known.head == now.head else ""
        rest = known.rest if known.rest == now.rest else ""
        return Token(known.revision, known.seq, head, rest)

    def update(self, known: Token | None, tables: Collection[str] | None = None) -> str | None:
        """Return the JSON that brings a viewer up to date, or None if nothing is new.

        Args:
            known: What the viewer has; None for nothing.
            tables: Which tables it wants, or "<table>/<measure>" of one; None for all.
        """
        now, known = self.token(), self.past(known)
        if known == now:
            return None
        fields: dict[str, Any] = {}
        if known is None or known.head != now.head:
            fields.update(self.head)
        if known is None or known.rest != now.rest:
            fields.update(marks=self.marks, artifacts=self.artifacts)
        series = self._deltas(known.seq if known else 0, tables)
        return run_json({"revision": self.revision, **fields}, series)

    def _deltas(self, seq: int, tables: Collection[str] | None) -> Iterator[tuple[str, Delta]]:
        for (member, name), table in self._tables.items():
            history = self._history[member, name]
            index = bisect_right(history, seq, key=itemgetter(0))
            rows = history[index - 1][1] if index else 0
            if rows == table.rows:
                continue
            for index, column in enumerate(table.columns):
                measure = f"{name}/{column.partition('/')[0]}"
                if tables is not None and not {name, measure} & set(tables):
                    continue
                yield f"{member}/{name}/{column}", table.delta(index, rows)

    def _mark(self, event: Mark | Ended, kind: str, label: str) -> None:
        # The loop may both mark a divergence and end with it: one line on the chart is enough.
        known = {(mark["member"], mark["kind"]) for mark in self.marks}
        if kind != "diverged" or (event.member, kind) not in known:
            place = {name: getattr(event, name) for name in ("member", "step", "epoch", "seconds")}
            self.marks.append({**place, "kind": kind, "label": label})

    def _eta(self, run: Run) -> float | None:
        """Return wall-clock seconds left at the pace of the last seconds."""
        if run.status != "running" or not run.progress:
            self._pace.clear()
            return None
        now = time.monotonic()
        self._pace.append((now, run.progress))
        while now - self._pace[0][0] > PACE_WINDOW:
            self._pace.popleft()
        elapsed, gained = now - self._pace[0][0], run.progress - self._pace[0][1]
        if elapsed < 1 or gained <= 0:
            return run.eta
        return (1 - run.progress) * elapsed / gained


def _joined(chunks: list[Chunk]) -> dict[str, Floats]:
    """Return the columns of chunks with the same names, end to end."""
    if len(chunks) == 1:
        return chunks[0].columns
    names = chunks[0].columns
    return {name: np.concatenate([chunk.columns[name] for chunk in chunks]) for name in names}


def _checksum(value: Any) -> str:
    return f"{zlib.crc32(strict_json(value).encode()):x}"
