"""The store: every run that was ever made, in one file. Thread-safe; loads no torch."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from proxprop import paths
from proxprop.runs.chunks import chunk_row, grouped
from proxprop.runs.errors import RunError, UnknownRunError
from proxprop.runs.process import Process
from proxprop.runs.reading import Reading
from proxprop.runs.record import (
    GONE,
    LIVE,
    RecordedEvent,
    Run,
    head,
    kind_of,
    run_of,
    to_json,
)
from proxprop.runs.thinning import joined_columns, kept_rows
from proxprop.spec.config import AnyConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import Artifact, Ended, Outcome, Point
from proxprop.spec.plain import strict_json

BIN_DAYS = 7.0
_DAY = 86_400.0
_ID_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without look-alikes
_FIELDS = {"status", "words", "step", "epoch", "seconds", "progress", "started_info", "heartbeat"}

# A chunk's place in the store; None for the next one.
_PUT_CHUNK = (
    "INSERT INTO chunks (run_id, member, tbl, first_step, last_step, rows, columns, data, seq) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_PUT_CONTROL = "INSERT INTO controls (run_id, created, payload) VALUES (?, ?, ?)"
# What a branch of a run begins with: table, columns, condition with the step.
_COPIED = (
    ("chunks", "member, tbl, first_step, last_step, rows, columns, data", "first_step <= ?"),
    ("events", "member, time, step, kind, payload", "step <= ? AND kind <> 'ended'"),
)
MOST_NUMBERS = 200_000  # of a table of points that is thinned out: 1.6 MB


class Store(Reading):
    """Runs and everything recorded of them.

    `Reading` answers questions; the methods here are what a person does with runs, and what the
    process of a run, and the service in charge of it, write down. A connection is taken from a
    small pool for every call, so one store may be shared by threads; processes open their own.

    Args:
        path: The SQLite file; default `proxprop.db` in the data directory (`PROXPROP_HOME`).
        busy_timeout: Seconds to wait for another writer before giving up.

    Raises:
        StoreError: If the file cannot be opened, is damaged, or of a newer version.
    """

    # -- what a person does with runs ---------------------------------------------------------

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""
        self._set(run_id, "name", name.strip())

    def note(self, run_id: str, notes: str) -> None:
        """Replace the notes about a run."""
        self._set(run_id, "notes", notes)

    def tag(self, run_id: str, tags: Iterable[str]) -> None:
        """Replace a run's tags; blanks and repetitions are dropped."""
        clean = dict.fromkeys(tag.strip() for tag in tags if tag.strip())
        self._set(run_id, "tags", json.dumps(list(clean), ensure_ascii=False))

    def delete(self, run_id: str) -> None:
        """Put a run in the bin, from which `restore` brings it back for some days."""
        changed = self._write(
            "UPDATE runs SET deleted = ?1, binned = 0, counted = ?1 WHERE id = ?2",
            (time.time(), run_id),
        )
        if not changed:
            raise UnknownRunError(run_id)

    def restore(self, run_id: str) -> None:
        """Take a run out of the bin."""
        self._set(run_id, "deleted", None)

    def purge(self, run_id: str) -> None:
        """Delete a run for good, with its checkpoints and log.

        Raises:
            RunError: If it is still running.
        """
        if self.run(run_id).alive:
            raise RunError(f"Run {run_id} is still running; stop it before deleting it for good.")
        self._write("DELETE FROM runs WHERE id = ?", (run_id,))
        shutil.rmtree(paths.checkpoints(run_id, self.home), ignore_errors=True)
        paths.log(run_id, self.home).unlink(missing_ok=True)

    def empty_bin(self, older_than_days: float = BIN_DAYS) -> list[str]:
        """Delete for good what has been in the bin for longer; return the ids.

        The time since the bin was looked at last counts for a day at most: a clock that jumps ahead
        costs no run its week.
        """
        self._write(
            "UPDATE runs SET binned = binned + max(0, min(?1 - coalesce(counted, deleted), ?2)), "
            "counted = ?1 WHERE deleted IS NOT NULL",
            (time.time(), _DAY),
        )
        rows = self._rows(
            "SELECT * FROM runs WHERE deleted IS NOT NULL AND binned >= ?",
            (older_than_days * _DAY,),
        )
        old = [run.id for run in map(run_of, rows) if not run.alive]
        for run_id in old:
            self.purge(run_id)
        return old

    def _set(self, run_id: str, column: str, value: object) -> None:
        if not self._write(f"UPDATE runs SET {column} = ? WHERE id = ?", (value, run_id)):
            raise UnknownRunError(run_id)

    # -- a run's beginning, end and resumption ------------------------------------------------

    def _new_id(self) -> str:
        return "".join(secrets.choice(_ID_LETTERS) for _ in range(8))

    def create_run(
        self,
        config: AnyConfig,
        name: str = "",
        owner: str = "",
        process: Process | None = None,
        tags: Sequence[str] = (),
    ) -> str:
        """Add a run and return its id.

        Args:
            config: What to run.
            name: What a person calls it.
            owner: Cookie of the browser that starts it.
            process: The process that runs it already; None to queue it.
            tags: Labels.
        """
        run_id = self._new_id()
        text, labels, now = config.model_dump_json(), json.dumps(list(tags)), time.time()
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO runs (id, kind, name, config, digest, status, owner, tags, created, "
                "queued) VALUES (?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?)",
                (run_id, config.kind, name, text, config.digest, owner, labels, now, now),
            )
            if process is not None:
                _claim(connection, run_id, process)
        return run_id

    def branch(
        self,
        run: Run,
        step: int,
        link: Callable[[str], str],
        owner: str = "",
        controls: Sequence[Control] = (),
        process: Process | None = None,
    ) -> str:
        """Add a run that goes on from a checkpoint of another one, with its curve; return its id.

        Args:
            run: The other one.
            step: Step of the checkpoint.
            link: Gives the new run, by its id, the checkpoint's file; returns its path.
            owner: Cookie of the browser that asks.
            controls: Commands that the new run obeys before its first step.
            process: The process that takes it at once; None to queue it.
        """
        notes = f"Goes on from step {step} of run {run.id}."
        new_id = self._new_id()
        path, now = link(new_id), time.time()
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO runs (id, kind, name, config, digest, status, owner, tags, notes, "
                "created, queued, resume, step, started_info) SELECT ?, kind, name, config, "
                "digest, 'queued', ?, tags, ?, ?, ?, 1, ?, started_info FROM runs WHERE id = ?",
                (new_id, owner, notes, now, now, step, run.id),
            )
            for table, columns, condition in _COPIED:
                connection.execute(
                    f"INSERT INTO {table} (run_id, {columns}) SELECT ?, {columns} FROM {table} "
                    f"WHERE run_id = ? AND {condition} ORDER BY seq",
                    (new_id, run.id, step),
                )
            for control in controls:
                connection.execute(_PUT_CONTROL, (new_id, now, to_json(control)))
            connection.execute(
                "INSERT INTO checkpoints VALUES (?, ?, ?, ?)", (new_id, step, path, now)
            )
            if process is not None:
                _claim(connection, new_id, process)
        self.truncate_after(new_id, step)
        return new_id

    def claim(self, run_id: str, process: Process) -> bool:
        """Take a queued run for `process`; False if another one was faster or it is not queued."""
        with self._writing() as connection:
            return _claim(connection, run_id, process)

    def end(
        self,
        run_id: str,
        outcome: Outcome,
        words: str,
        summary: Mapping[str, float] | None = None,
        member: int = 0,
    ) -> bool:
        """Write down how a run ended; the first to say so wins.

        Args:
            run_id: The run.
            outcome: How it ended.
            words: One sentence.
            summary: Final and best values by column name.
            member: Member of the `Ended` event that is recorded too.

        Returns:
            False if the run had ended before, with another's words.
        """
        return self._end(run_id, "status <> 'ended'", outcome, words, summary, member)

    def cancel(self, run_id: str) -> bool:
        """Take a run out of the queue, as stopped; False if it does not wait there (any more)."""
        return self._end(run_id, "status = 'queued'", "stopped", "Stopped before it began.")

    def _end(
        self,
        run_id: str,
        condition: str,
        outcome: Outcome,
        words: str,
        summary: Mapping[str, float] | None = None,
        member: int = 0,
    ) -> bool:
        """Write down how a run ended, if its row meets a condition; return whether it does."""
        now = time.time()
        with self._writing() as connection:
            changed = connection.execute(
                "UPDATE runs SET status = 'ended', outcome = ?, words = ?, ended = ?, resume = 0, "
                f"summary = coalesce(?, summary) WHERE id = ? AND {condition}",
                (outcome, words, now, None if summary is None else to_json(dict(summary)), run_id),
            ).rowcount
            if changed:
                step, epoch, seconds = connection.execute(
                    "SELECT step, epoch, seconds FROM runs WHERE id = ?", (run_id,)
                ).fetchone()
                ended = Ended(outcome, step, epoch, seconds, words, dict(summary or {}), member)
                _add_event(connection, run_id, now, ended)
        return bool(changed)

    def end_for(self, run: Run, outcome: Outcome, cause: str) -> None:
        """End a run that cannot do so itself, and say what is kept."""
        saved = self.checkpoints(run.id)
        rest = "Resume begins again."
        if run.step > 0:
            onward = "no state was saved, so it can only begin again"
            if saved:
                onward = f"Resume continues from step {saved[0].step}"
            rest = f"Everything up to step {run.step} is kept; {onward}."
        self.end(run.id, outcome, f"{cause} {rest}")

    def end_orphans(self, spared: Collection[str] = ()) -> None:
        """End runs whose process is gone: left by a server, a machine or a terminal that died.

        Args:
            spared: Ids of runs that somebody else looks after.
        """
        for deleted in (False, True):
            for run in self.runs(status=LIVE, deleted=deleted):
                if run.id not in spared and not run.alive:
                    self.end_for(run, "interrupted", GONE)

    def requeue(
        self,
        run_id: str,
        process: Process | None = None,
        config: AnyConfig | None = None,
        begin_again: bool = False,
    ) -> bool:
        """Put an ended run back in the queue, to go on from its last checkpoint.

        Commands sent to its former process and never obeyed are dropped.

        Args:
            run_id: The run.
            process: A process that takes it at once; None to leave it in the queue.
            config: Replaces its config: the same with another budget.
            begin_again: Whether what it recorded may be thrown away where no checkpoint is left.

        Returns:
            False if it was not ended.
        """
        now = time.time()
        with self._writing() as connection:
            changed = connection.execute(
                "UPDATE runs SET status = 'queued', outcome = NULL, words = '', ended = NULL, "
                "queued = ?, resume = ?, heartbeat = NULL WHERE id = ? AND status = 'ended'",
                (now, 2 if begin_again else 1, run_id),
            ).rowcount
            if changed:
                _drop_controls(connection, run_id)
                if config is not None:
                    connection.execute(
                        "UPDATE runs SET config = ?, digest = ? WHERE id = ?",
                        (config.model_dump_json(), config.digest, run_id),
                    )
                if process is not None:
                    _claim(connection, run_id, process)
        return bool(changed)

    # -- what the process of a run writes down ------------------------------------------------

    def append(
        self,
        run_id: str,
        points: Sequence[Point] = (),
        events: Sequence[tuple[float, RecordedEvent]] = (),
        artifacts: Iterable[Artifact] = (),
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a batch down in one transaction.

        Args:
            run_id: The run.
            points: Points in the order they were measured.
            events: Events with the unix time they happened at.
            artifacts: Each replaces its predecessor of the same name.
            fields: New values of status, words, step, epoch, seconds, progress, started_info or
                heartbeat.
        """
        fields = fields or {}
        if unknown := set(fields) - _FIELDS:
            raise ValueError(f"fields must be among {sorted(_FIELDS)}, got {sorted(unknown)}")
        with self._writing() as connection:
            connection.executemany(
                _PUT_CHUNK, ((*chunk_row(run_id, key, rows), None) for key, rows in grouped(points))
            )
            for moment, event in events:
                _add_event(connection, run_id, moment, event)
            connection.executemany(
                "INSERT INTO artifacts VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT DO UPDATE SET "
                "step = excluded.step, version = version + 1, payload = excluded.payload",
                ((run_id, a.member, a.name, a.step, strict_json(a.payload)) for a in artifacts),
            )
            if fields:
                assignments = ", ".join(f"{name} = ?" for name in fields)
                connection.execute(
                    f"UPDATE runs SET {assignments} WHERE id = ?", [*fields.values(), run_id]
                )

    def truncate_after(
        self, run_id: str, step: int, members: Mapping[int, int] | None = None
    ) -> int:
        """Cut away what was measured after `step`, raise the revision and return it.

        Args:
            run_id: The run.
            step: Last step kept.
            members: Last step kept of members that differ from `step` (a race in turns).
        """
        last = {**(members or {})}
        with self._writing() as connection:
            for row in connection.execute(
                "SELECT seq, member, columns, data, last_step FROM chunks WHERE run_id = ?",
                (run_id,),
            ).fetchall():
                kept = last.get(row["member"], step)
                if row["last_step"] > kept:
                    _cut(connection, row, kept)
            for row in connection.execute(
                "SELECT seq, member, step FROM events WHERE run_id = ?", (run_id,)
            ).fetchall():
                if row["step"] > last.get(row["member"], step):
                    connection.execute("DELETE FROM events WHERE seq = ?", (row["seq"],))
            connection.execute(
                "UPDATE runs SET revision = revision + 1, step = max(0, min(step, ?)) WHERE id = ?",
                (step, run_id),
            )
            revision: int = connection.execute(
                "SELECT revision FROM runs WHERE id = ?", (run_id,)
            ).fetchone()[0]
        return revision

    def thin(self, run_id: str, most: int = MOST_NUMBERS) -> bool:
        """Thin out tables of points that have grown beyond `most` numbers; say whether any had.

        Of every so many steps remain the points with the least and the greatest first value, and of
        the whole the last point. The revision grows, so that readers start over.
        """
        with self._writing() as connection:
            tables: dict[tuple[int, str], list[sqlite3.Row]] = {}
            for row in connection.execute(
                "SELECT * FROM chunks WHERE run_id = ? ORDER BY seq", (run_id,)
            ):
                tables.setdefault((row["member"], row["tbl"]), []).append(row)
            thinned = False
            for (member, table), chunks in tables.items():
                joined = joined_columns([(row["columns"], row["data"]) for row in chunks])
                kept = kept_rows(joined, most // len(joined))
                if kept is None:
                    continue
                thinned = True
                rows = np.stack(list(joined.values()), axis=1)[kept].tolist()
                where = (run_id, member, table)
                connection.execute(
                    "DELETE FROM chunks WHERE run_id = ? AND member = ? AND tbl = ?", where
                )
                chunk = chunk_row(run_id, (member, table, tuple(joined)), rows)
                connection.execute(_PUT_CHUNK, (*chunk, chunks[-1]["seq"]))
            if thinned:
                bump = "UPDATE runs SET revision = revision + 1 WHERE id = ?"
                connection.execute(bump, (run_id,))
        return thinned

    def add_checkpoint(self, run_id: str, step: int, path: str) -> None:
        """Note a complete checkpoint file at `path`, relative to the data directory."""
        self._write(
            "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)",
            (run_id, step, path, time.time()),
        )

    def drop_checkpoint(self, run_id: str, step: int) -> None:
        """Forget the checkpoint of `step`."""
        self._write("DELETE FROM checkpoints WHERE run_id = ? AND step = ?", (run_id, step))

    # -- commands on their way to it ----------------------------------------------------------

    def put_control(self, run_id: str, control: Control) -> None:
        """Leave a command for the process of a run."""
        self._write(_PUT_CONTROL, (run_id, time.time(), to_json(control)))

    def take_controls(self, run_id: str) -> list[Control]:
        """Return the commands not yet obeyed, oldest first, and mark them as taken."""
        pending = "SELECT payload FROM controls WHERE run_id = ? AND taken IS NULL ORDER BY seq"
        if not self._rows(pending, (run_id,)):
            return []
        with self._writing() as connection:
            rows = connection.execute(pending, (run_id,)).fetchall()
            _drop_controls(connection, run_id)
        return [Control(**json.loads(row["payload"])) for row in rows]


def _claim(connection: sqlite3.Connection, run_id: str, process: Process) -> bool:
    now = time.time()
    changed = connection.execute(
        "UPDATE runs SET status = 'starting', started = coalesce(started, ?), pid = ?, "
        "process = ?, heartbeat = ? WHERE id = ? AND status = 'queued'",
        (now, process.pid, process.token, now, run_id),
    ).rowcount
    return bool(changed)


def _drop_controls(connection: sqlite3.Connection, run_id: str) -> None:
    connection.execute(
        "UPDATE controls SET taken = ? WHERE run_id = ? AND taken IS NULL", (time.time(), run_id)
    )


def _add_event(
    connection: sqlite3.Connection, run_id: str, moment: float, event: RecordedEvent
) -> None:
    step = getattr(event, "step", 0)
    connection.execute(
        "INSERT INTO events (run_id, member, time, step, kind, payload) VALUES (?, ?, ?, ?, ?, ?)",
        (run_id, event.member, moment, step, kind_of(event), to_json(event)),
    )


def _cut(connection: sqlite3.Connection, row: sqlite3.Row, last_step: int) -> None:
    """Cut a row of `chunks` down to its points up to `last_step`."""
    data, rows = head(row["data"], json.loads(row["columns"]), last_step)
    if rows == 0:
        connection.execute("DELETE FROM chunks WHERE seq = ?", (row["seq"],))
        return
    connection.execute(
        "UPDATE chunks SET data = ?, rows = ?, last_step = ? WHERE seq = ?",
        (data, rows, last_step, row["seq"]),
    )
