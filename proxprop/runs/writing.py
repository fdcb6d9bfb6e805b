"""Writing the store: a run's beginning, what its process appends, its end, and its resumption."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from proxprop.runs.chunks import pack
from proxprop.runs.process import Process
from proxprop.runs.reading import Reading
from proxprop.runs.record import control_of, to_json
from proxprop.runs.rows import RecordedEvent, add_event, cut, grouped, replace_artifact
from proxprop.spec.config import AnyConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import Artifact, Ended, Outcome, Point

_ID_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without look-alikes
_FIELDS = {"status", "words", "step", "epoch", "seconds", "progress", "started_info", "heartbeat"}


class Writing(Reading):
    """What the process of a run, and the service in charge of it, write down."""

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
        text = config.model_dump_json()
        digest = getattr(config, "digest", None) or hashlib.sha256(text.encode()).hexdigest()[:12]
        now = time.time()
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO runs (id, kind, name, config, digest, status, owner, tags, created, "
                "queued) VALUES (?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?)",
                (run_id, config.kind, name, text, digest, owner, json.dumps(list(tags)), now, now),
            )
            if process is not None:
                _claim(connection, run_id, process)
        return run_id

    def claim(self, run_id: str, process: Process) -> bool:
        """Take a queued run for `process`; False if another one was faster or it is not queued."""
        with self._writing() as connection:
            return _claim(connection, run_id, process)

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
        with self._writing() as connection:
            for (member, table, names), rows in grouped(points):
                steps = [row[0] for row in rows]
                connection.execute(
                    "INSERT INTO chunks (run_id, member, tbl, first_step, last_step, rows, "
                    "columns, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        run_id,
                        member,
                        table,
                        min(steps),
                        max(steps),
                        len(rows),
                        json.dumps(names),
                        pack(rows),
                    ),
                )
            for moment, event in events:
                add_event(connection, run_id, moment, event)
            for artifact in artifacts:
                replace_artifact(connection, run_id, artifact)
            _update(connection, run_id, fields or {})

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
                told = Ended(outcome, step, epoch, seconds, words, dict(summary or {}), member)
                add_event(connection, run_id, now, told)
        return bool(changed)

    def requeue(self, run_id: str, process: Process | None = None) -> bool:
        """Put an ended run back in the queue, to go on from its last checkpoint.

        Commands sent to its former process and never obeyed are dropped.

        Args:
            run_id: The run.
            process: A process that takes it at once; None to leave it in the queue.

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
                _drop_controls(connection, run_id, now)
                if process is not None:
                    _claim(connection, run_id, process)
        return bool(changed)

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
            rows = connection.execute(
                "SELECT seq, member, columns, data, first_step, last_step FROM chunks "
                "WHERE run_id = ?",
                (run_id,),
            )
            for row in rows.fetchall():
                kept = last.get(row["member"], step)
                if row["last_step"] > kept:
                    cut(connection, row, kept)
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

    def put_control(self, run_id: str, control: Control) -> None:
        """Leave a command for the process of a run."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO controls (run_id, created, payload) VALUES (?, ?, ?)",
                (run_id, time.time(), to_json(control)),
            )

    def take_controls(self, run_id: str) -> list[Control]:
        """Return the commands not yet obeyed, oldest first, and mark them as taken."""
        pending = "SELECT seq, payload FROM controls WHERE run_id = ? AND taken IS NULL"
        with self._reading() as connection:
            if connection.execute(pending, (run_id,)).fetchone() is None:
                return []
        with self._writing() as connection:
            rows = connection.execute(f"{pending} ORDER BY seq", (run_id,)).fetchall()
            _drop_controls(connection, run_id, time.time())
        return [control_of(row["payload"]) for row in rows]

    def add_checkpoint(self, run_id: str, step: int, path: str) -> None:
        """Note a complete checkpoint file at `path`, relative to the data directory."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)",
                (run_id, step, path, time.time()),
            )

    def drop_checkpoint(self, run_id: str, step: int) -> None:
        """Forget the checkpoint of `step`."""
        with self._writing() as connection:
            connection.execute(
                "DELETE FROM checkpoints WHERE run_id = ? AND step = ?", (run_id, step)
            )


def _claim(connection: sqlite3.Connection, run_id: str, process: Process) -> bool:
    now = time.time()
    changed = connection.execute(
        "UPDATE runs SET status = 'starting', started = coalesce(started, ?), pid = ?, "
        "process = ?, heartbeat = ? WHERE id = ? AND status = 'queued'",
        (now, process.pid, process.token, now, run_id),
    ).rowcount
    return bool(changed)


def _update(connection: sqlite3.Connection, run_id: str, fields: Mapping[str, Any]) -> None:
    unknown = set(fields) - _FIELDS
    if unknown:
        raise ValueError(f"fields must be among {sorted(_FIELDS)}, got {sorted(unknown)}")
    if fields:
        assignments = ", ".join(f"{name} = ?" for name in fields)
        connection.execute(
            f"UPDATE runs SET {assignments} WHERE id = ?", [*fields.values(), run_id]
        )


def _drop_controls(connection: sqlite3.Connection, run_id: str, now: float) -> None:
    connection.execute(
        "UPDATE controls SET taken = ? WHERE run_id = ? AND taken IS NULL", (now, run_id)
    )
