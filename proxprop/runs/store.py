"""The store: every run that was ever made, in one file. Thread-safe; loads no torch."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from proxprop import paths
from proxprop.runs.errors import RunError, UnknownRunError
from proxprop.runs.process import Process
from proxprop.runs.reading import Reading
from proxprop.runs.record import AXES, RecordedEvent, head, kind_of, pack, to_json
from proxprop.spec.config import AnyConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import Artifact, Ended, Outcome, Point
from proxprop.spec.plain import strict_json

BIN_DAYS = 7.0
_ID_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without look-alikes
_FIELDS = {"status", "words", "step", "epoch", "seconds", "progress", "started_info", "heartbeat"}

# Member, table, columns.
_Key = tuple[int, str, tuple[str, ...]]


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
        self._set(run_id, "deleted", time.time())

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
        """Delete for good what has been in the bin for longer; return the ids."""
        limit = time.time() - older_than_days * 86_400
        old = [
            run.id
            for run in self.runs(deleted=True)
            if run.deleted is not None and run.deleted <= limit and not run.alive
        ]
        for run_id in old:
            self.purge(run_id)
        return old

    def _set(self, run_id: str, column: str, value: object) -> None:
        if not self._write(f"UPDATE runs SET {column} = ? WHERE id = ?", (value, run_id)):
            raise UnknownRunError(run_id)

    # -- a run's beginning, end and resumption ------------------------------------------------

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
        run_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(8))
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
        now = time.time()
        with self._writing() as connection:
            changed = connection.execute(
                "UPDATE runs SET status = 'ended', outcome = ?, words = ?, ended = ?, resume = 0, "
                "summary = coalesce(?, summary) WHERE id = ? AND status <> 'ended'",
                (outcome, words, now, None if summary is None else to_json(dict(summary)), run_id),
            ).rowcount
            if changed:
                step, epoch, seconds = connection.execute(
                    "SELECT step, epoch, seconds FROM runs WHERE id = ?", (run_id,)
                ).fetchone()
                ended = Ended(outcome, step, epoch, seconds, words, dict(summary or {}), member)
                _add_event(connection, run_id, now, ended)
        return bool(changed)

    def requeue(
        self, run_id: str, process: Process | None = None, config: AnyConfig | None = None
    ) -> bool:
        """Put an ended run back in the queue, to go on from its last checkpoint.

        Commands sent to its former process and never obeyed are dropped.

        Args:
            run_id: The run.
            process: A process that takes it at once; None to leave it in the queue.
            config: Replaces its config: the same with another budget.

        Returns:
            False if it was not ended.
        """
        now = time.time()
        with self._writing() as connection:
            changed = connection.execute(
                "UPDATE runs SET status = 'queued', outcome = NULL, words = '', ended = NULL, "
                "queued = ?, resume = 1, heartbeat = NULL WHERE id = ? AND status = 'ended'",
                (now, run_id),
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
                "INSERT INTO chunks (run_id, member, tbl, first_step, last_step, rows, columns, "
                "data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (_chunk(run_id, key, rows) for key, rows in _grouped(points)),
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
        self._write(
            "INSERT INTO controls (run_id, created, payload) VALUES (?, ?, ?)",
            (run_id, time.time(), to_json(control)),
        )

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


def _grouped(points: Iterable[Point]) -> list[tuple[_Key, list[tuple[float, ...]]]]:
    """Group points by member and table; a change of columns begins a new group."""
    groups: list[tuple[_Key, list[tuple[float, ...]]]] = []
    latest: dict[tuple[int, str], int] = {}
    for point in points:
        key: _Key = (point.member, point.table, (*AXES, *point.values))
        at = latest.get(key[:2])
        if at is None or groups[at][0] != key:
            at = latest[key[:2]] = len(groups)
            groups.append((key, []))
        groups[at][1].append((point.step, point.epoch, point.seconds, *point.values.values()))
    return groups


def _chunk(run_id: str, key: _Key, rows: list[tuple[float, ...]]) -> tuple[object, ...]:
    """Return a row of `chunks`."""
    member, table, names = key
    steps = [row[0] for row in rows]
    first, last = min(steps), max(steps)
    return run_id, member, table, first, last, len(rows), json.dumps(names), pack(rows)


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
