"""Reading the store: runs, points, events, artifacts, what came after a given moment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from proxprop.runs.database import Database
from proxprop.runs.errors import UnknownRunError
from proxprop.runs.record import (
    AXES,
    ArtifactRow,
    CheckpointRow,
    Chunk,
    EventRow,
    Run,
    Status,
    event_of,
    run_of,
    unpack,
)
from proxprop.spec.config import RunConfig
from proxprop.spec.divergence import Record, growth_sentence

if TYPE_CHECKING:
    import pandas as pd

Order = Literal["newest", "oldest", "name", "status", "seconds"]
_ORDERS: dict[str, str] = {
    "newest": "created DESC, rowid DESC",
    "oldest": "created, rowid",
    "name": "name COLLATE NOCASE, created DESC",
    "status": "status, outcome, created DESC",
    "seconds": "seconds DESC, created DESC",
}


class Reading(Database):
    """The questions one may ask a store."""

    def run(self, run_id: str) -> Run:
        """Return one run, in the bin or not.

        Raises:
            UnknownRunError: If there is none of this id.
        """
        runs = self.get([run_id])
        if not runs:
            raise UnknownRunError(run_id)
        return runs[run_id]

    def get(self, run_ids: Iterable[str]) -> dict[str, Run]:
        """Return those of the runs that exist, by id, all as of one moment."""
        ids = list(run_ids)
        rows = self._rows(f"SELECT * FROM runs WHERE id IN ({_marks(ids)})", ids)
        return {row["id"]: run_of(row) for row in rows}

    def runs(
        self,
        search: str = "",
        status: Status | Sequence[Status] | None = None,
        kind: str | Sequence[str] | None = None,
        order: Order = "newest",
        deleted: bool = False,
        limit: int | None = None,
    ) -> list[Run]:
        """Return the runs that match everything given.

        Args:
            search: Words that must all occur in id, name, notes, tags or config.
            status: One status or several.
            kind: "run", "race", "sweep" or several.
            order: "newest", "oldest", "name", "status" or "seconds".
            deleted: True for the runs in the bin, False for the others.
            limit: At most so many; None for all.
        """
        where = [f"deleted IS {'NOT ' if deleted else ''}NULL"]
        values: list[object] = []
        for column, wanted in (("status", status), ("kind", kind)):
            if wanted is not None:
                options = [wanted] if isinstance(wanted, str) else list(wanted)
                where.append(f"{column} IN ({_marks(options)})")
                values += options
        for word in search.split():
            where.append("instr(lower(id||' '||name||' '||notes||' '||tags||' '||config), ?)")
            values.append(word.lower())
        tail = f"ORDER BY {_ORDERS[order]} LIMIT {-1 if limit is None else int(limit)}"
        rows = self._rows(f"SELECT * FROM runs WHERE {' AND '.join(where)} {tail}", values)
        return [run_of(row) for row in rows]

    def queue(self) -> list[Run]:
        """Return the queued runs, next one first."""
        rows = self._rows(
            "SELECT * FROM runs WHERE status = 'queued' AND deleted IS NULL ORDER BY queued, rowid"
        )
        return [run_of(row) for row in rows]

    def chunks_after(
        self, run_ids: Iterable[str], seq: int = 0, limit: int | None = None
    ) -> list[Chunk]:
        """Return the chunks of these runs after `seq`, oldest first.

        Args:
            run_ids: The runs.
            seq: `seq` of the last chunk already seen; 0 for all.
            limit: At most so many chunks; None for all.
        """
        ids = list(run_ids)
        rows = self._rows(
            f"SELECT * FROM chunks WHERE run_id IN ({_marks(ids)}) AND seq > ? "
            "ORDER BY seq LIMIT ?",
            [*ids, seq, -1 if limit is None else limit],
        )
        return [
            Chunk(
                row["seq"],
                row["run_id"],
                row["member"],
                row["tbl"],
                unpack(row["data"], json.loads(row["columns"])),
            )
            for row in rows
        ]

    def points(self, run_id: str, table: str, member: int = 0) -> pd.DataFrame:
        """Return every point of one table as a frame: step (int), epoch, seconds, then values."""
        import pandas as pd  # half a second to import, and the tailer never needs it

        rows = self._rows(
            "SELECT columns, data FROM chunks "
            "WHERE run_id = ? AND tbl = ? AND member = ? ORDER BY seq",
            (run_id, table, member),
        )
        frames = [pd.DataFrame(unpack(row["data"], json.loads(row["columns"]))) for row in rows]
        empty = pd.DataFrame({name: np.empty(0) for name in AXES})
        frame = pd.concat(frames, ignore_index=True) if frames else empty
        return frame.astype({"step": np.int64})

    def divergence(self, run: Run) -> str:
        """Return which layers' step grew before a single run diverged; empty where nothing tells.

        See `proxprop.spec.divergence`.
        """
        began, config = run.started_info, run.config
        if run.outcome != "diverged" or began is None or not isinstance(config, RunConfig):
            return ""
        points = self.points(run.id, "layers")
        records = cast(list[Record], points.to_dict("records"))
        return growth_sentence(records, began.layers, began.implicit, config.instruments.every)

    def last_point(self, run_id: str, table: str, member: int = 0) -> dict[str, float]:
        """Return the values of a table's last point with its step; empty if there is none."""
        rows = self._rows(
            "SELECT columns, data FROM chunks "
            "WHERE run_id = ? AND tbl = ? AND member = ? ORDER BY seq DESC LIMIT 1",
            (run_id, table, member),
        )
        columns = unpack(rows[0]["data"], json.loads(rows[0]["columns"])) if rows else {}
        return {name: float(values[-1]) for name, values in columns.items()}

    def members(self, run_id: str) -> list[int]:
        """Return the members that have points, ascending."""
        rows = self._rows(
            "SELECT DISTINCT member FROM chunks WHERE run_id = ? ORDER BY member", (run_id,)
        )
        return [row["member"] for row in rows]

    def tags(self) -> list[str]:
        """Return every tag in use, alphabetically."""
        rows = self._rows(
            "SELECT DISTINCT value FROM runs, json_each("
            "CASE WHEN json_valid(runs.tags) THEN runs.tags ELSE '[]' END) "
            "WHERE deleted IS NULL ORDER BY value COLLATE NOCASE"
        )
        return [row["value"] for row in rows]

    def events(self, run_id: str, after: int = 0) -> list[EventRow]:
        """Return the events of a run after seq `after`, oldest first."""
        rows = self._rows(
            "SELECT * FROM events WHERE run_id = ? AND seq > ? ORDER BY seq", (run_id, after)
        )
        return [event_of(row) for row in rows]

    def artifact(self, run_id: str, member: int, name: str) -> ArtifactRow | None:
        """Return the latest artifact of that name, or None."""
        rows = self._rows(
            "SELECT * FROM artifacts WHERE run_id = ? AND member = ? AND name = ?",
            (run_id, member, name),
        )
        if not rows:
            return None
        return ArtifactRow(**{**dict(rows[0]), "payload": json.loads(rows[0]["payload"])})

    def artifact_versions(self, run_id: str) -> dict[str, int]:
        """Return "<member>/<name>" → version of every artifact of a run."""
        rows = self._rows("SELECT member, name, version FROM artifacts WHERE run_id = ?", (run_id,))
        return {f"{row['member']}/{row['name']}": row["version"] for row in rows}

    def checkpoints(self, run_id: str) -> list[CheckpointRow]:
        """Return a run's checkpoints, latest first."""
        rows = self._rows(
            "SELECT * FROM checkpoints WHERE run_id = ? ORDER BY step DESC", (run_id,)
        )
        return [CheckpointRow(**dict(row)) for row in rows]


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
